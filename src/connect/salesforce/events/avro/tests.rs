use proptest::prelude::*;

use super::super::bitmap::FieldNames;
use super::*;

/// The documented schema of opportunities, without what does not decide how it is read.
fn opportunities() -> Schema {
    Schema::parse(&opportunities_text()).unwrap()
}

fn opportunities_text() -> String {
    let doubles = ["Amount", "Probability", "ExpectedRevenue", "TotalOpportunityQuantity"];
    let booleans = ["IsPrivate", "IsClosed", "IsWon", "HasOpportunityLineItem"];
    let longs = ["CloseDate", "CreatedDate", "LastModifiedDate", "LastStageChangeDate"];
    let names = "AccountId IsPrivate Name Description StageName Amount Probability ExpectedRevenue \
        TotalOpportunityQuantity CloseDate Type NextStep LeadSource IsClosed IsWon ForecastCategory ForecastCategoryName \
        CampaignId HasOpportunityLineItem Pricebook2Id OwnerId CreatedDate CreatedById LastModifiedDate LastModifiedById \
        LastStageChangeDate ContactId ContractId LastAmountChangedHistoryId LastCloseDateChangedHistoryId";
    let kind = |name: &str| match name {
        _ if doubles.contains(&name) => "double",
        _ if booleans.contains(&name) => "boolean",
        _ if longs.contains(&name) => "long",
        _ => "string",
    };
    let fields: Vec<String> = names
        .split_whitespace()
        .map(|name| format!(r#"{{"name":"{name}","type":["null","{}"],"default":null}}"#, kind(name)))
        .collect();
    let header = r#"{"name":"ChangeEventHeader","type":{"type":"record","name":"ChangeEventHeader","fields":[
        {"name":"entityName","type":"string"},{"name":"recordIds","type":{"type":"array","items":"string"}},
        {"name":"changeType","type":{"type":"enum","name":"ChangeType","symbols":["CREATE","UPDATE","DELETE"]}},
        {"name":"changeOrigin","type":"string"},{"name":"transactionKey","type":"string"},
        {"name":"sequenceNumber","type":"int"},{"name":"commitTimestamp","type":"long"},
        {"name":"commitNumber","type":"long"},{"name":"commitUser","type":"string"},
        {"name":"nulledFields","type":{"type":"array","items":"string"}},
        {"name":"diffFields","type":{"type":"array","items":"string"}},
        {"name":"changedFields","type":{"type":"array","items":"string"}}]}}"#;
    format!(
        r#"{{"type":"record","name":"OpportunityChangeEvent","namespace":"com.sforce.eventbus","fields":[{header},{}]}}"#,
        fields.join(",")
    )
}

/// The documented event of 269 bytes.
fn golden() -> Vec<u8> {
    let hex = "164f70706f7274756e697479022430303635663030303030556c6f7156414152000258636f6d2f73616c6573666f7263652f6170692f7265\
        73742f36362e303b636c69656e743d41636d6553796e634830303030363934382d306163392d376461332d656462332d656130653331623233333461\
        02f0bcb7b8e363cad1d8b288402430303535663030303030356d633636414141020c30783130303000000214307830353033313141300000000000\
        022850726f706f73616c2f50726963652051756f746500020000000000c052400200000000c07ae040000000000000000210426573744361736502\
        1242657374204361736500000000000002f0bcb7b8e3630002f0bcb7b8e36300000000";
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

#[test]
fn the_documented_event_is_read() {
    let (schema, bytes) = (opportunities(), golden());
    assert_eq!(bytes.len(), 269);
    let event = schema.read(&bytes).unwrap();
    let header = event.field("ChangeEventHeader").unwrap();
    assert_eq!(header, &schema.read_first(&bytes).unwrap());
    assert_eq!(header.field("recordIds").unwrap().texts().unwrap(), ["0065f00000UloqVAAR"]);
    assert_eq!(header.field("changeType").unwrap().text(), Some("UPDATE"));
    assert_eq!(header.field("commitNumber").unwrap().number(), Some(1_100_638_524_517));
    assert_eq!(event.field("StageName").unwrap().text(), Some("Proposal/Price Quote"));
    assert_eq!(event.field("ExpectedRevenue"), Some(&Datum::Double(33_750.0)));
    assert_eq!(event.field("NextStep"), Some(&Datum::Null));
    assert_eq!(event.field("LastStageChangeDate").unwrap().number(), Some(1_714_153_779_000));
    let names = FieldNames::of(&schema);
    let changed = names.named(&header.field("changedFields").unwrap().texts().unwrap()).unwrap();
    assert_eq!(
        changed.join(" "),
        "StageName Probability ExpectedRevenue NextStep ForecastCategory ForecastCategoryName LastModifiedDate \
         LastStageChangeDate"
    );
    assert_eq!(names.named(&header.field("nulledFields").unwrap().texts().unwrap()).unwrap(), ["NextStep"]);
}

#[test]
fn every_cut_is_an_error_and_never_a_shorter_event() {
    let (schema, bytes) = (opportunities(), golden());
    for end in 0..bytes.len() {
        assert!(schema.read(&bytes[..end]).is_err(), "{end}");
    }
    assert!(schema.read(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn blocks_may_tell_their_size_and_unknown_symbols_are_none() {
    let list = Schema::parse(r#"{"type":"array","items":"string"}"#).unwrap();
    // Minus one item in a block of two bytes, then one more item, then the end.
    assert_eq!(list.read(&[1, 4, 2, b'a', 2, 2, b'b', 0]).unwrap().texts().unwrap(), ["a", "b"]);
    let word = Schema::parse(r#"{"type":"enum","name":"E","symbols":["A"]}"#).unwrap();
    assert_eq!(word.read(&[2]), Ok(Datum::Symbol(None)));
}

#[test]
fn hostile_datums_and_schemas_end() {
    let nothing = Schema::parse(r#"{"type":"array","items":"null"}"#).unwrap();
    // 2^62 items of no bytes.
    let endless = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
    assert_eq!(nothing.read(&endless), Err(Unreadable("it has too many empty items")));
    let itself = Schema::parse(r#"{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}"#);
    assert_eq!(itself.unwrap().read(&[]), Err(Unreadable("it is too deep")));
    let deep = format!("{}\"null\"{}", r#"{"type":"array","items":"#.repeat(200), "}".repeat(200));
    assert!(Schema::parse(&deep).is_err());
    for wrong in ["", "7", "{}", r#"{"type":"record"}"#, r#""Unknown""#, r#"{"type":"fixed","name":"f"}"#] {
        assert!(Schema::parse(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = opportunities().read(&bytes);
    }

    #[test]
    fn no_flipped_byte_makes_it_panic(at in 0usize..269, to in any::<u8>()) {
        let mut bytes = golden();
        bytes[at] = to;
        let schema = opportunities();
        if let Ok(event) = schema.read(&bytes) {
            let header = event.field("ChangeEventHeader").unwrap();
            let bitmaps = header.field("changedFields").and_then(Datum::texts).unwrap_or_default();
            let _ = FieldNames::of(&schema).named(&bitmaps);
        }
    }

    #[test]
    fn no_text_makes_the_schema_panic(text in r#"[{}\[\]",:a-z]{0,60}"#) {
        let _ = Schema::parse(&text);
    }
}

#[test]
fn campaign_events() {
    let schema = opportunities();
    crate::fuzz::campaign("events", &[golden()], |datum| {
        let first = schema.read_first(datum).is_ok();
        schema.read(datum).is_ok() || first
    });
    crate::fuzz::campaign("schemas of events", &[opportunities_text().into_bytes()], |json| {
        let Ok(text) = std::str::from_utf8(json) else { return false };
        let Ok(schema) = Schema::parse(text) else { return false };
        let names = FieldNames::of(&schema);
        let _ = (schema.read(&golden()), names.named(&["0x83011", "0x400000", "7-0x1F"]));
        true
    });
}
