//! Conditions of SOQL.

use super::File;
use crate::spec::soql::{SoqlCondition, SoqlLiteral};

/// The condition of a pipeline with this `where`, and what is said about it.
fn read(condition: &str) -> (Option<SoqlCondition>, Vec<(&'static str, String)>) {
    let text = format!(
        "salesforce:\n  object: Lead\n  where: |-\n    {}\napp: w.leads\nto_app: [create]\nfields: [{{ salesforce: Id, app: id }}]\n",
        condition.replace('\n', "\n    ")
    );
    let (file, parsed) = File::pipeline(&text);
    let marks =
        file.marks(&parsed.diagnostics).into_iter().map(|(code, text)| (code, text.to_owned())).collect();
    let condition = parsed.value.and_then(|pipeline| pipeline.salesforce.condition?.value.soql);
    (condition, marks)
}

#[test]
fn conditions_are_normalised_for_the_wire() {
    for (written, wire) in [
        ("Amount > 0 AND IsPrivate = false", "Amount > 0 AND IsPrivate = false"),
        ("amount>0 and\n isPrivate=FALSE", "amount > 0 AND isPrivate = false"),
        ("SobjectType = 'Opportunity'", "SobjectType = 'Opportunity'"),
        ("Name = 'it\\'s  and or'", "Name = 'it\\'s  and or'"),
        (
            "IsClosed = false OR CloseDate >= LAST_N_MONTHS:12",
            "IsClosed = false OR CloseDate >= LAST_N_MONTHS:12",
        ),
        ("Id IN (SELECT OwnerId FROM Opportunity)", "Id IN (SELECT OwnerId FROM Opportunity)"),
        (
            "Id not in ( select  LeadId from Task where Status != null )",
            "Id NOT IN (SELECT LeadId FROM Task WHERE Status != null)",
        ),
        ("NOT (A = 1 OR (B like 'x%' AND C != 2))", "NOT (A = 1 OR (B LIKE 'x%' AND C != 2))"),
        ("Tags__c INCLUDES ('a;b', 'c')", "Tags__c INCLUDES ('a;b', 'c')"),
        ("CALENDAR_YEAR(CreatedDate) = 2026", "CALENDAR_YEAR(CreatedDate) = 2026"),
        ("CreatedDate > 2026-03-01T10:00:00Z", "CreatedDate > 2026-03-01T10:00:00Z"),
        ("CloseDate = 2026-03-01", "CloseDate = 2026-03-01"),
        ("Amount > USD5000 AND Rate < -1.5e3", "Amount > USD5000 AND Rate < -1.5e3"),
    ] {
        let (condition, marks) = read(written);
        assert_eq!(marks, [], "{written}");
        assert_eq!(condition.unwrap().text, wire, "{written}");
    }
}

#[test]
fn fields_and_values_are_listed_with_their_objects() {
    let (condition, _) = read(
        "Owner.Name IN ('a', 'b') AND Id IN (SELECT LeadId FROM Task WHERE Status = 'Open') AND X = TODAY",
    );
    let fields = condition.unwrap().fields;
    let told: Vec<(Option<&str>, &str, &str, usize)> = fields
        .iter()
        .map(|field| {
            let object = field.object.as_ref().map(|object| object.value.as_str());
            (object, field.path.value.as_str(), field.operator.as_str(), field.values.len())
        })
        .collect();
    let expected = [
        (None, "Owner.Name", "IN", 2),
        (Some("Task"), "LeadId", "", 0),
        (Some("Task"), "Status", "=", 1),
        (None, "Id", "IN", 0),
        (None, "X", "=", 1),
    ];
    assert_eq!(told, expected);
    assert_eq!(fields[4].values[0].value, SoqlLiteral::Relative("TODAY".to_owned()));
    assert_eq!(fields[0].values[1].value, SoqlLiteral::Text("b".to_owned()));
}

#[test]
fn mistakes_are_told_at_their_place() {
    for (written, code, marked) in [
        ("Status == 'Open'", "E319", "=="),
        ("Status = \"Open\"", "E319", "\"Open\""),
        ("Status = 'Open", "E319", "'Open"),
        ("Status = Open", "E319", "Open"),
        ("A = 1 && B = 2", "E319", "&&"),
        ("A = 1 || B = 2", "E319", "||"),
        ("A = 1 AND B = 2 OR C = 3", "E319", "OR"),
        ("A IS NULL", "E319", "IS"),
        ("A = :name", "E319", ":"),
        ("A = 1)", "E319", ")"),
        ("(A = 1", "E319", ""),
        ("A =", "E319", ""),
        ("A", "E319", ""),
        ("= 1", "E319", "="),
        ("A IN ()", "E319", ")"),
        ("A IN 'x'", "E319", "'x'"),
        ("WHERE A = 1", "E319", "WHERE"),
        ("A = 1 LIMIT 10", "E319", "LIMIT"),
        ("A = 1.2.3", "E319", "1.2.3"),
        ("Id IN (SELECT A FROM B WHERE C IN (SELECT D FROM E))", "E319", "D"),
        ("CreatedDate = LAST_30_DAYS", "E321", "LAST_30_DAYS"),
        ("CreatedDate > LAST_N_DAYS", "E321", "LAST_N_DAYS"),
        ("CreatedDate > LAST_N_DAZE:3", "E321", "LAST_N_DAZE:3"),
        ("CreatedDate > 2026-13-01", "E321", "2026-13-01"),
    ] {
        let (condition, marks) = read(written);
        assert_eq!(condition, None, "{written}");
        let expected: Vec<(&str, String)> = vec![(code, marked.to_owned())];
        assert_eq!(marks, expected, "{written}");
    }
}
