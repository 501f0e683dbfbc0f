//! Outbound messages as they arrive (section 5): the records that a SOAP envelope names, and the one answer that Salesforce takes.
//!
//! Whoever knows the address can send anything, so: UTF-8 only, no DTD, no entities, no processing instructions, bounded depth and number;
//! values of fields and the session are passed over, never kept.

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use crate::model::SalesforceId;

const SOAP: &[u8] = b"http://schemas.xmlsoap.org/soap/envelope/";
const OUTBOUND: &[u8] = b"http://soap.sforce.com/2005/09/outbound";
const RECORD: &[u8] = b"urn:sobject.enterprise.soap.sforce.com";
const INSTANCE: &[u8] = b"http://www.w3.org/2001/XMLSchema-instance";
/// Notifications of one message.
const MOST: usize = 100;
/// Elements within each other; a field of a record is the seventh.
const DEEPEST: usize = 16;
/// Characters of an element that is read.
const LONGEST: usize = 64;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundMessage {
    /// The org that it says it is from.
    pub org: String,
    /// Its notifications.
    pub records: Vec<NotifiedRecord>,
}

/// A record that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifiedRecord {
    /// Its object.
    pub object: String,
    /// Its id.
    pub id: String,
}

/// What an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Envelope,
    Body,
    Notifications,
    Org,
    Notification,
    Record,
    RecordId,
    /// Passed over, with everything in it.
    Other,
}

/// Reads an envelope; the error is one sentence that repeats nothing of it.
pub fn read(xml: &[u8]) -> Result<OutboundMessage, &'static str> {
    let text = std::str::from_utf8(xml).map_err(|_| "the message is not UTF-8")?;
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
    let mut reading = Reading::default();
    loop {
        let event = reader.read_event().map_err(|_| "the message is no XML")?;
        match event {
            Event::Start(start) => reading.open(&reader, &start)?,
            Event::Empty(start) => {
                reading.open(&reader, &start)?;
                reading.close()?;
            }
            Event::End(_) => reading.close()?,
            Event::Text(piece) => reading.text(piece.as_ref())?,
            Event::CData(piece) => reading.text(piece.as_ref())?,
            Event::GeneralRef(entity) => reading.entity(entity.as_ref())?,
            Event::Decl(_) | Event::Comment(_) => {}
            Event::DocType(_) => return Err("a document type is not taken"),
            Event::PI(_) => return Err("a processing instruction is not taken"),
            Event::Eof => return reading.done(),
        }
    }
}

#[derive(Default)]
struct Reading {
    open: Vec<At>,
    text: String,
    message: OutboundMessage,
    record: NotifiedRecord,
    is_whole: bool,
}

impl Reading {
    fn open(&mut self, reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<(), &'static str> {
        if self.open.len() >= DEEPEST {
            return Err("the message is nested too deeply");
        }
        let (space, name) = reader.resolver().resolve_element(start.name());
        let space = match space {
            ResolveResult::Bound(Namespace(space)) => space,
            _ => &[],
        };
        let name = name.into_inner();
        let at = match (self.open.last(), space, name) {
            (None, SOAP, b"Envelope") if !self.is_whole => At::Envelope,
            (None, ..) => return Err("the message is no SOAP envelope"),
            (Some(At::Envelope), SOAP, b"Body") => At::Body,
            (Some(At::Body), OUTBOUND, b"notifications") => At::Notifications,
            (Some(At::Notifications), OUTBOUND, b"OrganizationId") => At::Org,
            (Some(At::Notifications), OUTBOUND, b"Notification") => At::Notification,
            (Some(At::Notification), OUTBOUND, b"sObject") => At::Record,
            (Some(At::Record), RECORD, b"Id") => At::RecordId,
            (Some(At::Org | At::RecordId), ..) => return Err("an id is a text"),
            _ => At::Other,
        };
        if at == At::Record {
            self.record.object = object(reader, start)?;
        }
        self.text.clear();
        self.open.push(at);
        Ok(())
    }

    fn close(&mut self) -> Result<(), &'static str> {
        match self.open.pop() {
            Some(At::Org) => self.message.org = std::mem::take(&mut self.text),
            Some(At::RecordId) => {
                let id = SalesforceId::parse(self.text.trim()).ok_or("a record has no valid id")?;
                self.record.id = id.to_string();
            }
            Some(At::Notification) => {
                if self.message.records.len() >= MOST {
                    return Err("a message has at most 100 notifications");
                }
                let record = std::mem::take(&mut self.record);
                if record.id.is_empty() || record.object.is_empty() {
                    return Err("a notification names no record");
                }
                self.message.records.push(record);
            }
            _ => {}
        }
        self.is_whole |= self.open.is_empty();
        Ok(())
    }

    fn text(&mut self, piece: &[u8]) -> Result<(), &'static str> {
        match self.open.last() {
            Some(At::Org | At::RecordId) => {
                if self.text.len() + piece.len() > LONGEST {
                    return Err("an id is too long");
                }
                self.text.push_str(&String::from_utf8_lossy(piece));
                Ok(())
            }
            None if !piece.trim_ascii().is_empty() => Err("the message is no SOAP envelope"),
            _ => Ok(()),
        }
    }

    /// Characters of fields may be written so; nothing else can be, without a document type.
    fn entity(&self, name: &[u8]) -> Result<(), &'static str> {
        let known = name.starts_with(b"#") || matches!(name, b"amp" | b"lt" | b"gt" | b"quot" | b"apos");
        match self.open.last() {
            Some(At::Other) if known => Ok(()),
            _ => Err("an entity is not taken"),
        }
    }

    fn done(self) -> Result<OutboundMessage, &'static str> {
        if !self.is_whole || !self.open.is_empty() {
            return Err("the message broke off");
        }
        if self.message.records.is_empty() || self.message.org.is_empty() {
            return Err("the message has no notification, or does not say which org it is from");
        }
        Ok(self.message)
    }
}

/// The object of `xsi:type="sf:Opportunity"`.
fn object(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<String, &'static str> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| "the message is no XML")?;
        let (space, name) = reader.resolver().resolve_attribute(attribute.key);
        if name.into_inner() != b"type" || space != ResolveResult::Bound(Namespace(INSTANCE)) {
            continue;
        }
        let value = std::str::from_utf8(&attribute.value).map_err(|_| "the message is not UTF-8")?;
        let name = value.rsplit(':').next().unwrap_or_default();
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_name && !name.is_empty() && name.len() <= LONGEST {
            return Ok(name.to_owned());
        }
    }
    Err("a record does not say its object")
}

/// The only answer that counts (section 5.3): taken, or to be sent again.
pub fn answer(taken: bool) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
         <notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>{taken}</Ack></notificationsResponse>\
         </soapenv:Body></soapenv:Envelope>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shape of section 5.1.
    fn envelope(records: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00D5w000004qGTOEA2</OrganizationId>
   <ActionId>04k5w000000TSwMAAW</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://mydomain.my.salesforce.com/services/Soap/c/51.0/00D5w000004qGTO</EnterpriseUrl>
   <PartnerUrl>https://mydomain.my.salesforce.com/services/Soap/u/51.0/00D5w000004qGTO</PartnerUrl>
   {records}
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>"#
        )
    }

    const ONE: &str = r#"<Notification><Id>04l5w00005286hAAAQ</Id>
    <sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>0065w000023STAmAAO</sf:Id><sf:Name>M&amp;M &#228; <![CDATA[<b>]]></sf:Name><sf:Amount>45000.0</sf:Amount></sObject></Notification>"#;

    fn refused(xml: &str) -> &'static str {
        read(xml.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_message_names_its_records() {
        let message = read(envelope(&ONE.repeat(100)).as_bytes()).unwrap();
        assert_eq!((message.org.as_str(), message.records.len()), ("00D5w000004qGTOEA2", 100));
        let record = NotifiedRecord { object: "Opportunity".to_owned(), id: "0065w000023STAmAAO".to_owned() };
        assert_eq!(message.records[0], record);
        assert_eq!(refused(&envelope(&ONE.repeat(101))), "a message has at most 100 notifications");
    }

    #[test]
    fn other_prefixes_are_the_same_message() {
        let xml = envelope(ONE).replace("soapenv", "S").replace("sf:", "x:").replace("xmlns:sf", "xmlns:x");
        assert_eq!(read(xml.as_bytes()).unwrap().records.len(), 1);
        let other = envelope(ONE).replace("2005/09/outbound", "2005/09/other");
        assert_eq!(refused(&other), "the message has no notification, or does not say which org it is from");
    }

    #[test]
    fn hostile_xml_is_refused() {
        let dtd = envelope(ONE).replace(
            "?>\n",
            "?>\n<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b SYSTEM \"file:///etc/passwd\">]>\n",
        );
        assert_eq!(refused(&dtd), "a document type is not taken");
        let late = envelope(&format!("<!DOCTYPE x>{ONE}"));
        assert_eq!(refused(&late), "a document type is not taken");
        assert_eq!(refused(&envelope(&ONE.replace("&amp;", "&b;"))), "an entity is not taken");
        assert_eq!(refused(&envelope(&ONE.replace("0065w", "&#48;065w"))), "an entity is not taken");
        assert_eq!(refused(&envelope(&format!("<?php x?>{ONE}"))), "a processing instruction is not taken");
        let deep = format!("{}{}", "<a>".repeat(50_000), "</a>".repeat(50_000));
        assert_eq!(refused(&envelope(&deep)), "the message is nested too deeply");
        let long = ONE.replace("0065w000023STAmAAO", &"0".repeat(1_000_000));
        assert_eq!(refused(&envelope(&long)), "an id is too long");
        let names: String = (0..2_000).map(|at| format!(" xmlns:n{at}=\"n\"")).collect();
        assert_eq!(refused(&envelope(&format!("<a{names}/>"))), "the message is no XML");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (xml, why) in [
            ("", "the message broke off"),
            ("{}", "the message is no SOAP envelope"),
            ("<a/>", "the message is no SOAP envelope"),
            ("<a", "the message is no XML"),
        ] {
            assert_eq!(refused(xml), why, "{xml}");
        }
        let whole = envelope(ONE);
        assert_eq!(refused(&whole[..whole.len() - 3]), "the message is no XML");
        assert_eq!(refused(&format!("{whole}{whole}")), "the message is no SOAP envelope");
        assert_eq!(refused(&format!("{whole}x")), "the message is no SOAP envelope");
        assert_eq!(read(&[0xFF, 0xFE, b'<', 0]).unwrap_err(), "the message is not UTF-8");
        for (from, to, why) in [
            ("sf:Opportunity", "sf:../x", "a record does not say its object"),
            ("xsi:type", "type", "a record does not say its object"),
            ("0065w000023STAmAAO", "x", "a record has no valid id"),
            ("<sf:Id>0065w000023STAmAAO</sf:Id>", "", "a notification names no record"),
            ("<sf:Id>", "<sf:Id><b/>", "an id is a text"),
        ] {
            assert_eq!(refused(&envelope(&ONE.replace(from, to))), why, "{from}");
        }
        assert_eq!(answer(true).matches("<Ack>true</Ack>").count(), 1);
    }

    #[test]
    fn campaign_outbound_messages() {
        let good = [envelope(ONE).into_bytes(), envelope(&ONE.repeat(3)).into_bytes()];
        crate::fuzz::campaign("outbound messages", &good, |xml| {
            let Ok(message) = read(xml) else { return false };
            // Whatever is read can be looked for.
            assert!(message.records.len() <= MOST && !message.org.is_empty());
            assert!(
                message.records.iter().all(|record| record.id.len() == 18 && record.object.len() <= LONGEST)
            );
            true
        });
    }
}
