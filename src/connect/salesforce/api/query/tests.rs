//! Pages as the API prints them.

use super::super::columns::Role;
use super::*;
use crate::model::Schema;

fn shape(columns: &[(&str, Kind)]) -> Shape {
    Shape::new(Columns::new(
        &Schema::of(columns),
        &[(Role::Id, "Id"), (Role::Stamp, "SystemModstamp"), (Role::Deleted, "IsDeleted")],
    ))
}

#[test]
fn a_page_with_parents_nulls_and_every_type() {
    let shape = shape(&[
        ("Name", Kind::Text),
        ("Owner.Name", Kind::Text),
        ("Parent.Owner.Name", Kind::Text),
        ("Parent.Name", Kind::Text),
        ("AnnualRevenue", Kind::Decimal),
        ("NumberOfEmployees", Kind::Int),
        ("BillingAddress", Kind::Json),
        ("Tags__c", Kind::List),
        ("CreatedDate", Kind::DateTime),
        ("Odd__c", Kind::Any),
        ("Missing__c", Kind::Text),
    ]);
    let body = r#"{"totalSize":3222,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/01gHq00000CuR3rIAF-500","records":[
        {"attributes":{"type":"Account","url":"/x"},"Id":"001Hq00001Ab1CdIAJ","SystemModstamp":"2026-03-02T08:15:00.000+0000","IsDeleted":false,
         "Name":"Ac\"me\n","Owner":{"attributes":{"type":"User"},"Name":"Ann Ex\u00e4mple"},"Parent":null,
         "AnnualRevenue":12345678901234.56,"NumberOfEmployees":100.0,
         "BillingAddress":{"city":"Paris","latitude":48.8566},"Tags__c":"a;b","CreatedDate":"2026-01-01T00:00:00.000+0000","Odd__c":1.50},
        {"attributes":{"type":"Account","url":"/x"},"Id":"001Hq00001Ab1CeIAJ","SystemModstamp":"2026-03-02T08:15:01.000+0000","IsDeleted":true,
         "Name":"","Owner":null,"Parent":{"attributes":{},"Owner":{"Name":"Bo"},"Name":"Top"},"AnnualRevenue":null,"NumberOfEmployees":1e2,
         "BillingAddress":null,"Tags__c":null,"CreatedDate":null,"Odd__c":true,"Surprise":{"a":[1,2]}}]}"#;
    let page = decode_page(body.as_bytes(), &shape).unwrap();
    assert_eq!(
        (page.total, page.next.as_deref()),
        (3222, Some("/services/data/v66.0/query/01gHq00000CuR3rIAF-500"))
    );
    let text = |at: usize| page.records[at].row.0.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        text(0),
        [
            "Ac\"me\n",
            "Ann Exämple",
            "null",
            "null",
            "12345678901234.56",
            "100",
            "{\"city\":\"Paris\",\"latitude\":48.8566}",
            "[a, b]",
            "2026-01-01T00:00:00Z",
            "1.5",
            "null"
        ]
    );
    assert_eq!(&text(1)[..6], ["null", "null", "Bo", "Top", "null", "1e2"]);
    assert_eq!(page.records[1].row.get(9), &Value::Bool(true));
    assert!(page.records[1].deleted && !page.records[0].deleted);
    assert_eq!(page.records[0].id.as_str(), "001Hq00001Ab1CdIAJ");
    assert_eq!(page.records[1].stamp.unwrap().to_string(), "2026-03-02T08:15:01Z");
}

#[test]
fn what_is_no_page_is_refused() {
    let shape = shape(&[]);
    for body in [
        "<html>Data Not Available</html>",
        "",
        "[]",
        r#"{"totalSize":1,"done":true}"#,
        r#"{"done":true,"records":[]}"#,
        r#"{"totalSize":1,"done":false,"records":[]}"#,
        r#"{"totalSize":1,"done":true,"records":[{"Id":"001"}"#,
        r#"{"totalSize":0,"done":true,"records":[]} trailing"#,
    ] {
        assert!(decode_page(body.as_bytes(), &shape).is_err(), "{body}");
    }
}

#[test]
fn a_count_is_a_page_without_records() {
    let page = decode_page(br#"{"totalSize": 1284, "done": true, "records": []}"#, &shape(&[])).unwrap();
    assert_eq!((page.total, page.records.len(), page.next), (1284, 0, None));
}
