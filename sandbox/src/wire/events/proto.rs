//! The messages of `eventbus.v1`, read and written field by field. Read [`fields`] first.

/// One field of a message: a number or bytes; other kinds of fields are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message in their order; `None` if it is not one.
pub(super) fn fields(mut message: &[u8]) -> Option<Vec<(u64, Content<'_>)>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let content = match tag & 7 {
            0 => Some(Content::Number(varint(&mut message)?)),
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                Some(Content::Bytes(message.split_off(..length)?))
            }
            1 => message.split_off(..8).map(|_| None)?,
            5 => message.split_off(..4).map(|_| None)?,
            _ => return None,
        };
        found.extend(content.map(|content| (tag >> 3, content)));
    }
    Some(found)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.split_off_first()?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn low_bits(value: u64) -> u8 {
    u8::try_from(value & 0x7F).unwrap_or(0)
}

/// A message while it is written. Empty values are left out, as proto3 leaves them out.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn number(mut self, field: u64, value: u64) -> Self {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
        self
    }

    pub(super) fn bytes(self, field: u64, value: &[u8]) -> Self {
        if value.is_empty() { self } else { self.message(field, value) }
    }

    /// A message inside a message is written also when it is empty.
    pub(super) fn message(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(low_bits(value) | 0x80);
            value >>= 7;
        }
        self.0.push(low_bits(value));
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}

/// `TopicRequest` and `SchemaRequest`: the one text that they have.
pub(super) fn only_text(message: &[u8]) -> Option<String> {
    let mut text = String::new();
    for (number, content) in fields(message)? {
        if let (1, Content::Bytes(bytes)) = (number, content) {
            text = std::str::from_utf8(bytes).ok()?.to_owned();
        }
    }
    Some(text)
}

/// `FetchRequest`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FetchRequest {
    pub(super) topic: String,
    /// 0 latest, 1 earliest, 2 custom.
    pub(super) preset: u64,
    pub(super) replay_id: Vec<u8>,
    pub(super) count: i32,
}

impl FetchRequest {
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let mut request = Self::default();
        for field in fields(message)? {
            match field {
                (1, Content::Bytes(topic)) => request.topic = std::str::from_utf8(topic).ok()?.to_owned(),
                (2, Content::Number(preset)) => request.preset = preset,
                (3, Content::Bytes(id)) => request.replay_id = id.to_vec(),
                (4, Content::Number(count)) => {
                    request.count = u32::try_from(count & 0xFFFF_FFFF).unwrap_or(0).cast_signed();
                }
                _ => {}
            }
        }
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_request_as_it_stands_on_the_wire() {
        // topic_name "/data/X", replay_preset CUSTOM, replay_id 00 01, num_requested 100
        let wire = b"\x0a\x07/data/X\x10\x02\x1a\x02\x00\x01\x20\x64";
        let request = FetchRequest::read(wire).unwrap();
        assert_eq!(
            request,
            FetchRequest { topic: "/data/X".to_owned(), preset: 2, replay_id: vec![0, 1], count: 100 }
        );
        assert_eq!(FetchRequest::read(&wire[..12]), None);
        // num_requested -1 has ten bytes.
        let negative = b"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(FetchRequest::read(negative).unwrap().count, -1);
    }

    #[test]
    fn messages_are_written_without_empty_fields() {
        let written = Message::default().bytes(1, b"a").bytes(2, b"").number(4, 300).message(5, b"").done();
        assert_eq!(written, b"\x0a\x01a\x20\xac\x02\x2a\x00");
    }
}
