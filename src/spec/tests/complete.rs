//! Every key of the table is read into the typed results: a file with all of them leaves nothing empty.

use super::File;
use crate::model::{Kind, Side, Value};
use crate::spec::grammar::explain_key;
use crate::spec::values::Schedule;
use crate::spec::{Backfill, ConnectionKind, Flow, Links, Missing, Poll};

const PIPELINE: &str = r#"
description: all keys
enabled: false
salesforce:
  object: Opportunity
  connection: org2
  include: { StageName: [Proposal, Won], RecordType: New }
  exclude: [{ Amount: null }, { Owner.Email: [] }]
  where: Amount > 0
  filter: 'record.Amount > 1'
  scope: referenced
  backfill: { last: 6 months, by: CreatedDate, during: 20:00-06:00 }
  push: [cdc, webhook]
  poll: 1 hour
  on_leave: delete
  own_records: sync
  archive: { Status: Archived }
  select: [A__c]
app:
  resource: db.public.items
  include: { kind: x }
  exclude: { gone: true }
  where: a > 1
  filter: 'true'
  scope: all
  backfill: none
  push: listen
  poll: off
  on_leave: stop
  own_records: skip
  archive: { status: archived }
to_app: [create, update, delete, archive]
to_salesforce: [update]
match: [id, address.city]
links: many_to_one
manual_links: [{ salesforce: 001A, app: { email: a } }]
conflict: hold
groups: { g: if_empty }
fields:
  - { salesforce: Amount, app: amount, to_app: 'money(value)', to_salesforce: false, lookup: [a, b], missing: empty, values: { true: "1", 007: x, else: null }, as: email, default: 0, write: if_empty, group: g, on_null: keep, conflict: app, on_error: skip }
  - { app: kind, const: 62.0 }
reconcile: daily at 02:00
max_deletes: 5
max_changes: 6
retries: 7
pause_after: 8
notify: [ops]
generation: 2
renamed_from: old
tests:
  - name: t
    with: { groups: { g: off }, to_app: [create], to_salesforce: [create, update] }
    before: { salesforce: [{ Id: 1 }, { Id: 2 }], app: { id: 1 } }
    change: { salesforce: deleted, app: { a: 1 } }
    others: { app: [{ id: 2 }] }
    lookups: { people: { 005: 42 } }
    now: 2026-03-01T10:00:00Z
    expect: { op: update, app: { a: 1 }, salesforce: [{ Id: 1 }], untouched: [b], exact: true, error: no }
"#;

/// No part of what was read is empty.
fn nothing_is_missing(debug: &str) {
    let at = debug.find("None").or_else(|| debug.find(": []"));
    let near: String = debug.chars().skip(at.unwrap_or(0).saturating_sub(100)).take(200).collect();
    assert!(at.is_none(), "something was not read: {near}");
}

#[test]
fn every_key_of_a_pipeline_is_read() {
    let (_, parsed) = File::pipeline(PIPELINE);
    assert_eq!(parsed.diagnostics, []);
    let file = parsed.value.unwrap();
    // What is empty on purpose: the row of a constant, `salesforce` of `others`, the list that excludes nothing.
    let mut without = file.clone();
    without.fields.truncate(1);
    without.fields[0].constant = file.fields[1].constant.clone();
    without.salesforce.exclude.as_mut().unwrap().value.truncate(1);
    without.tests[0].others = without.tests[0].before.clone();
    without.salesforce.condition.as_mut().unwrap().value.soql.as_mut().unwrap().fields.clear();
    if let Some(Backfill::Window(window)) = without.salesforce.backfill.as_mut().map(|entry| &mut entry.value)
    {
        window.condition = without.salesforce.condition.clone();
    }
    without.app.backfill = without.salesforce.backfill.clone();
    without.app.condition = without.salesforce.condition.clone();
    let debug = format!("{without:?}").replace("fields: [], span", "").replace("scalar: None", "");
    nothing_is_missing(&debug);

    assert_eq!((file.enabled(), file.links(), file.generation()), (false, Links::ManyToOne, 2));
    assert!(matches!(file.reconcile(), Schedule::Daily(Some(_))));
    assert_eq!(file.app.poll(), Poll::Off);
    let row = &file.fields[0];
    assert_eq!(row.missing(), Missing::Empty);
    assert!(matches!(row.to_app.as_ref().unwrap().value, Flow::Expression(_)));
    assert!(row.writes(Side::App) && !row.writes(Side::Salesforce));
    assert!(file.fields[1].writes(Side::App) && !file.fields[1].writes(Side::Salesforce));
}

#[test]
fn values_are_what_their_field_makes_of_them() {
    let file = File::pipeline(PIPELINE).1.value.unwrap();
    let constant = &file.fields[1].constant.as_ref().unwrap().value;
    assert_eq!(constant.of_kind(Kind::Text), Some(Value::text("62.0")));
    assert_eq!(constant.of_kind(Kind::Decimal), Some(Value::Decimal("62.0".parse().unwrap())));
    assert_eq!(constant.of_kind(Kind::Any), Some(Value::text("62.0")));
    assert_eq!(constant.of_kind(Kind::Int), None);
    let map = &file.fields[0].values.as_ref().unwrap().value;
    assert_eq!(map.pairs[0].0.value.of_kind(Kind::Bool), Some(Value::Bool(true)));
    assert_eq!(map.pairs[0].1.value.value, Value::text("1"));
    assert_eq!(map.pairs[1].0.value.value, Value::text("007"));
    assert_eq!(map.pairs[1].0.value.of_kind(Kind::Int), Some(Value::Int(7)));
    assert!(map.otherwise.as_ref().unwrap().value.is_null());
}

#[test]
fn what_a_file_says_does_not_depend_on_where_it_says_it() {
    let rest = "to_app: [create]\nfields: [{ salesforce: Name, app: name }]\n";
    let short = File::pipeline(&format!("salesforce: Account\napp: w.clients\n{rest}")).1.value.unwrap();
    let long = format!("salesforce: {{ object: Account }}\napp: {{ resource: w.clients }}\n{rest}");
    assert!(short == File::pipeline(&long).1.value.unwrap());
    let all = File::pipeline(PIPELINE).1.value.unwrap();
    assert!(all == File::pipeline(&format!("# a comment\n\n{PIPELINE}")).1.value.unwrap());
    for (from, to) in
        [("{ Id: 2 }", "{ Id: 3 }"), ("Won]", "Lost]"), ("money(", "round("), ("6 months", "7 months")]
    {
        assert!(all != File::pipeline(&PIPELINE.replace(from, to)).1.value.unwrap(), "{from}");
    }
}

#[test]
fn every_key_of_the_connections_is_read() {
    let common = "description: d\nread_only: true\nprotect: [Account.OwnerId]\n";
    for (text, own) in [
        (
            "type: salesforce\nenvironment: sandbox\ndomain: a\nlogin_url: https://a\npubsub_url: https://b\nauth: { flow: jwt_bearer, client_id: a, username: b, private_key: \"${env:K}\" }\napi_version: 64.0\napi_budget: 25%\nconcurrency: 2\nduplicates: allow\nassignment_rules: true\ncdc_channel: X\nmanage: [cdc_channel]\nwebhook: { token: \"${env:T}\", setting: A__c }\ndefault_currency: EUR\n",
            false,
        ),
        (
            "type: postgres\nurl: ${env:A}\ntls: off\nschema: s\npool: 2\ncreate_tables: true\nwebhook: { secret: \"${env:E}\", header: H }\nresources: { a: { table: b, key: c, updated_at: d, deleted_at: e, listen: f } }\n",
            true,
        ),
        (
            "type: sqlite\npath: ${env:A}\ncreate_tables: true\nwebhook: { token: \"${env:B}\" }\nresources: { a: { table: b, key: c, updated_at: d, deleted_at: e, listen: f } }\n",
            false,
        ),
        (
            "type: http\nbase_url: ${env:A}\nauth: { type: oauth2, grant: refresh_token, token_url: a, client_id: b, client_secret: \"${env:C}\", scopes: [x], refresh_token: \"${env:D}\" }\nheaders: { A: b }\nparams: { c: d }\nrate_limit: 10 per second\nconcurrency: 3\ntimeout: 5 seconds\npaginate: { type: page, param: p, size_param: s, size: 5, first: 0 }\nidempotency_header: I\nwebhook: { secret: \"${env:E}\", header: H }\nping: GET /me\nresources:\n  a: { path: /a, list: GET /a, get: none, create: POST /a, update: PUT /a, delete: none, find: { e: \"GET /a?e={value}\" }, key: k, records: $.r, record: $.s, wrap: w, updated_at: u, since: v, since_format: unix, deleted: d, parent: b, paginate: { type: link_header }, params: { x: y }, webhook: { id: $.i, event: $.e, deletes: [x] }, fields: { f: { type: text, required: true, read_only: false, one_of: [a] } } }\n",
            false,
        ),
    ] {
        let text = format!("{text}{common}");
        let (_, parsed) = File::connection(&text);
        assert_eq!(parsed.diagnostics, [], "{text}");
        let debug = format!("{:?}", parsed.value.unwrap());
        let debug = if own {
            debug
                .replace("host: None", "")
                .replace("port: None", "")
                .replace("database: None", "")
                .replace("user: None", "")
                .replace("password: None", "")
        } else {
            debug
        };
        // Words of the files that are spelled like an empty value.
        let debug = debug.replace("value: None,", "");
        nothing_is_missing(&debug);
    }
    let (_, parsed) =
        File::connection("type: postgres\nhost: a\nport: 1\ndatabase: b\nuser: c\npassword: ${env:P}\n");
    let ConnectionKind::Postgres(postgres) = parsed.value.unwrap().kind else { panic!("not postgres") };
    assert!(postgres.host.is_some() && postgres.port.is_some() && postgres.database.is_some());
    assert!(postgres.user.is_some() && postgres.password.is_some());
}

#[test]
fn keys_are_explained() {
    let page = explain_key("missing").unwrap();
    assert!(page.contains("missing in a row") && page.contains("default  wait"), "{page}");
    assert!(page.contains("keep the record back until the other record is linked"), "{page}");
    assert!(explain_key("poll").unwrap().contains("15 minutes"));
    assert!(explain_key("nonsense").is_none());
}
