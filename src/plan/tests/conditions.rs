//! What the queries say.

use crate::model::Kind;
use crate::plan::Catalog;
use crate::plan::testing::{POSTGRES, SQLITE, database, plan};

fn salesforce(side: &str) -> String {
    let text = format!(
        "salesforce:\n  object: Opportunity\n{side}\napp: db.t\nto_app: [create]\nfields:\n  - {{ salesforce: Name, app: name }}\n"
    );
    plan(POSTGRES, &text, &Catalog::default()).salesforce.condition.clone()
}

#[test]
fn include_and_exclude_as_soql() {
    for (side, condition) in [
        ("", ""),
        ("  include: { StageName: Proposal }", "StageName = 'Proposal'"),
        ("  include: { StageName: [A, B], IsWon: false }", "StageName IN ('A','B') AND IsWon = false"),
        (
            "  include: [{ RecordType: R1, StageName: [A, B] }, { RecordType: R2 }]",
            "(RecordType.DeveloperName = 'R1' AND StageName IN ('A','B')) OR RecordType.DeveloperName = 'R2'",
        ),
        ("  include: { Name: [\"O'Neil \\\\ Co\", null] }", "Name = 'O\\'Neil \\\\ Co' OR Name = null"),
        ("  exclude: { Email: null }", "Email != null"),
        ("  exclude: { Owner.Email: [a@x.com, b@x.com] }", "Owner.Email NOT IN ('a@x.com','b@x.com')"),
        ("  exclude: { Owner.Email: [] }", ""),
        ("  exclude: { A: 1, B: x }", "A != 1 OR B != 'x'"),
        ("  exclude: [{ Email: null }, { IsConverted: true }]", "Email != null AND IsConverted != true"),
        ("  include: { CloseDate: 2026-03-01 }", "CloseDate = 2026-03-01"),
        ("  include: { Code: '007' }", "Code = '007'"),
        (
            "  include: [{ A: 1 }, { B: 2 }]\n  exclude: { C: 3 }\n  where: Amount > 0 OR IsPrivate = false",
            "(A = 1 OR B = 2) AND C != 3 AND (Amount > 0 OR IsPrivate = false)",
        ),
    ] {
        assert_eq!(salesforce(side), condition, "{side}");
    }
}

#[test]
fn the_first_load_as_soql() {
    for (backfill, condition) in [
        ("{ last: 6 months, by: CreatedDate }", Some("CreatedDate >= LAST_N_MONTHS:6")),
        ("{ last: 1 year, by: CreatedDate }", Some("CreatedDate >= LAST_N_MONTHS:12")),
        ("{ last: 30 days, by: CreatedDate }", Some("CreatedDate >= LAST_N_DAYS:30")),
        ("{ last: 2 weeks, by: CreatedDate }", Some("CreatedDate >= LAST_N_DAYS:14")),
        ("{ last: 36 hours, by: CreatedDate }", Some("CreatedDate >= LAST_N_DAYS:2")),
        ("{ where: IsClosed = false }", Some("IsClosed = false")),
        ("{ during: 20:00-06:00 }", None),
        ("all", None),
    ] {
        let text = format!(
            "salesforce: {{ object: Event, backfill: {backfill} }}\napp: db.t\nto_app: [create]\nfields:\n  - {{ salesforce: Subject, app: name }}\n"
        );
        let plan = plan(POSTGRES, &text, &Catalog::default());
        assert_eq!(plan.salesforce.backfill.condition.as_deref(), condition, "{backfill}");
        assert!(!plan.salesforce.backfill.none);
        assert_eq!(plan.salesforce.backfill.during.is_some(), backfill.contains("during"));
    }
}

#[test]
fn the_app_side_as_sql() {
    let side = "app:\n  resource: db.t\n  include: { kind: [A, null], size: 5 }\n  exclude: { custom.state: gone }\n  backfill: { last: 6 months, by: made }\n  where: x > 1 OR y\n";
    let text = format!(
        "salesforce: Task\n{side}to_app: [create]\nfields:\n  - {{ salesforce: Subject, app: kind }}\n"
    );
    let catalog = database(
        "t",
        &[
            ("id", Kind::Int),
            ("kind", Kind::Text),
            ("size", Kind::Int),
            ("custom", Kind::Json),
            ("made", Kind::DateTime),
        ],
        &[],
    );
    let postgres = plan(POSTGRES, &text, &catalog);
    assert_eq!(
        postgres.app.condition.as_deref(),
        Some(
            "((((lower(trim(CAST(\"kind\" AS text))) = 'a') OR (\"kind\" IS NULL OR trim(\"kind\") = '')) AND (\"size\" = 5)) \
             AND (NOT coalesce((lower(trim(CAST((\"custom\" ->> 'state') AS text))) = 'gone'), false))) AND (x > 1 OR y)"
        )
    );
    assert_eq!(postgres.app.backfill.condition.as_deref(), Some("\"made\" >= now() - interval '6 months'"));
    let sqlite = plan(SQLITE, &text, &catalog);
    assert_eq!(
        sqlite.app.backfill.condition.as_deref(),
        Some("\"made\" >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-6 months')")
    );
    assert!(sqlite.app.condition.as_deref().unwrap().contains("json_extract(\"custom\", '$.\"state\"')"));
}
