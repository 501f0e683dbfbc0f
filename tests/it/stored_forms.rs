//! What a side makes of a value when it stores it is neither a difference nor an edit: after every write both sides stay as they are,
//! whoever looks and however often. Two records in memory, kept by the pure policy alone.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};
use sfsync::model::{Key, Kind, Link, LinkState, Op, Row, Side, Value};
use sfsync::plan::Pipeline;
use sfsync::plan::catalog::Catalog;
use sfsync::runtime::facts::{OrgFacts, RunContext, RunFacts};
use sfsync::sync::{
    Decision, Fingerprints, Image, Known, LookupTable, MapInputs, Mapped, Match, Mode, Situation, baselines,
    decide, map,
};

use crate::harness::plans;

const FILE: &str = "
salesforce: { object: Thing__c, poll: 1 hour }
app: { resource: shop.things, poll: 1 hour }
to_app: [create, update]
to_salesforce: [create, update]
conflict: RULE
match: [salesforce_id]
fields:
  - { salesforce: Id,        app: salesforce_id, to_salesforce: false }
  - { salesforce: Note__c,   app: note }
  - { salesforce: Amount__c, app: amount }
  - { salesforce: Rate__c,   app: rate }
  - { salesforce: Count__c,  app: count }
  - { salesforce: Flag__c,   app: flag }
  - { salesforce: Day__c,    app: day }
  - { salesforce: Stamp__c,  app: stamp }
  - { salesforce: Tags__c,   app: tags }
  - { salesforce: Site__c,   app: site, as: domain }
  - { salesforce: Phone__c,  app: phone, as: phone }
  - { salesforce: Third__c,  app: triple, to_app: 'if value == () { () } else { value * 3 }', to_salesforce: 'if value == () { () } else { value / 3 }' }
";

/// Fields of Salesforce: name, wire type, kind, decimals.
const FIELDS: [(&str, &str, Kind, u32); 13] = [
    ("Id", "id", Kind::Id, 0),
    ("Note__c", "string", Kind::Text, 0),
    ("Amount__c", "currency", Kind::Decimal, 2),
    ("Rate__c", "double", Kind::Decimal, 4),
    ("Count__c", "int", Kind::Int, 0),
    ("Flag__c", "boolean", Kind::Bool, 0),
    ("Day__c", "date", Kind::Date, 0),
    ("Stamp__c", "datetime", Kind::DateTime, 0),
    ("Tags__c", "multipicklist", Kind::List, 0),
    ("Site__c", "url", Kind::Text, 0),
    ("Phone__c", "phone", Kind::Text, 0),
    ("Third__c", "double", Kind::Decimal, 2),
    ("SystemModstamp", "datetime", Kind::DateTime, 0),
];

/// Columns of the app.
const COLUMNS: [(&str, &str, Kind); 13] = [
    ("id", "bigint", Kind::Int),
    ("salesforce_id", "text", Kind::Text),
    ("note", "text", Kind::Text),
    ("amount", "numeric(12,3)", Kind::Decimal),
    ("rate", "numeric(10,1)", Kind::Decimal),
    ("count", "numeric", Kind::Decimal),
    ("flag", "boolean", Kind::Bool),
    ("day", "timestamp with time zone", Kind::DateTime),
    ("stamp", "date", Kind::Date),
    ("tags", "text[]", Kind::List),
    ("site", "text", Kind::Text),
    ("phone", "text", Kind::Text),
    ("triple", "numeric(12,2)", Kind::Decimal),
];

/// A value that somebody may give a field of this kind.
fn value(kind: Kind, name: &'static str) -> BoxedStrategy<Value> {
    let text =
        |texts: &'static [&'static str]| (0..texts.len()).prop_map(move |at| Value::from(texts[at])).boxed();
    let some = match (kind, name) {
        (_, "Site__c" | "site") => {
            text(&["acme.com", "https://www.Acme.com/about", "HTTP://globex.com:80", "globex.com", "-"])
        }
        (_, "Phone__c" | "phone") => {
            text(&["040-123 45 67", "+358401234567", "040 1234567", "+46 8 123 456 78"])
        }
        (Kind::Text, _) => text(&["Acme", " Acme \r\n", "a\r\nb", "a\nb", "  "]),
        (Kind::Decimal, "count") => (-20i64..20).prop_map(|units| Decimal::new(units, 0).into()).boxed(),
        (Kind::Decimal, _) => {
            (-20_000i64..20_000, 0u32..6).prop_map(|(units, scale)| Decimal::new(units, scale).into()).boxed()
        }
        (Kind::Int, _) => (-20i64..20).prop_map(Value::Int).boxed(),
        (Kind::Bool, _) => any::<bool>().prop_map(Value::Bool).boxed(),
        (Kind::Date, _) => (1i8..28).prop_map(|day| Value::Date(jiff::civil::date(2026, 3, day))).boxed(),
        (Kind::DateTime, _) => (0i64..4_000_000_000)
            .prop_map(|ms| Value::DateTime(Timestamp::from_millisecond(ms).unwrap()))
            .boxed(),
        _ => text(&["a", "b"]).prop_map(|one| Value::List([one, " c ".into(), "".into()].into())).boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 5 => some].boxed()
}

/// Somebody gives a field of a side a value.
fn edit() -> impl Strategy<Value = (Side, &'static str, Value)> {
    let fields = FIELDS[1..12].iter().map(|(name, _, kind, _)| (Side::Salesforce, *name, *kind));
    let columns = COLUMNS[2..].iter().map(|(name, _, kind)| (Side::App, *name, *kind));
    let all: Vec<_> = fields.chain(columns).collect();
    (0..all.len()).prop_flat_map(move |at| {
        let (side, name, kind) = all[at];
        value(kind, name).prop_map(move |value| (side, name, value))
    })
}

/// What the systems do with a value.
fn stored(side: Side, name: &str, value: Value) -> Value {
    let decimals = |value: Decimal, scale: u32| {
        Value::Decimal(value.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero))
    };
    let scale = match side {
        Side::Salesforce => FIELDS.iter().find(|field| field.0 == name).map(|field| field.3),
        Side::App => {
            let native = COLUMNS.iter().find(|column| column.0 == name).unwrap().1;
            native.strip_suffix(')').and_then(|text| text.rsplit(',').next()?.parse().ok())
        }
    };
    match (side, value, scale) {
        (_, Value::Decimal(number), Some(scale)) => decimals(number, scale),
        (Side::Salesforce, Value::Null, _) if name == "Flag__c" => Value::Bool(false),
        (Side::Salesforce, Value::Text(text), _) => {
            Some(text.trim()).filter(|text| !text.is_empty()).map_or(Value::Null, Value::from)
        }
        (Side::Salesforce, Value::DateTime(at), _) => {
            Value::DateTime(Timestamp::from_second(at.as_second()).unwrap())
        }
        (Side::Salesforce, Value::List(items), _) => {
            let texts =
                items.iter().filter_map(Value::as_text).map(str::trim).filter(|text| !text.is_empty());
            Value::List(texts.map(Value::from).collect())
        }
        (_, value, _) => value,
    }
}

/// A linked pair and the policy that keeps it.
struct Pair {
    pipeline: Arc<Pipeline>,
    rows: [Row; 2],
    link: Option<Link>,
}

const SALESFORCE_ID: &str = "a00000000000001AAA";

impl Pair {
    fn new(pipeline: &Arc<Pipeline>) -> Self {
        let empty = |side: Side| {
            let schema = pipeline.schema(side);
            Row::from(
                schema
                    .fields()
                    .iter()
                    .map(|field| stored(side, &field.name, Value::Null))
                    .collect::<Vec<_>>(),
            )
        };
        let mut rows = [empty(Side::Salesforce), empty(Side::App)];
        for (side, row) in [Side::Salesforce, Side::App].into_iter().zip(&mut rows) {
            let place = |name: &str| pipeline.schema(side).position(name);
            for (name, value) in
                [("Id", SALESFORCE_ID.into()), ("id", Value::Int(1)), ("salesforce_id", SALESFORCE_ID.into())]
            {
                if let Some(at) = place(name) {
                    row.set(at, value);
                }
            }
        }
        Self { pipeline: Arc::clone(pipeline), rows, link: None }
    }

    fn row(&mut self, side: Side) -> &mut Row {
        &mut self.rows[usize::from(side == Side::App)]
    }

    fn set(&mut self, side: Side, name: &str, value: Value) {
        let at = self.pipeline.schema(side).position(name).unwrap();
        self.row(side).set(at, stored(side, name, value));
    }

    /// One look from a side: what is decided is written and remembered. How many fields were written.
    fn look(&mut self, origin: Side, mode: Mode) -> usize {
        let fingerprints = Fingerprints::new(7).at_home_in(Some("FI"));
        let facts = RunFacts::new(Timestamp::UNIX_EPOCH, TimeZone::UTC, mode, fingerprints);
        let rows = self.rows.clone();
        let (to_app, to_salesforce) =
            (self.mapped(&rows, Side::App, &facts), self.mapped(&rows, Side::Salesforce, &facts));
        let before = self.situation((&rows, origin), (&to_app, &to_salesforce), &facts);
        let decision = decide(&before);
        let image = Image::after(&before, &decision, |_| true);
        let written = self.write(&decision);
        let imagined = [image.salesforce.clone(), image.app.clone()];
        let (to_app, to_salesforce) =
            (self.mapped(&imagined, Side::App, &facts), self.mapped(&imagined, Side::Salesforce, &facts));
        let after = self.situation((&imagined, origin), (&to_app, &to_salesforce), &facts);
        let (salesforce_baseline, app_baseline) = baselines(&after, &image);
        self.link = Some(Link {
            salesforce: Key::salesforce(SALESFORCE_ID),
            app: Key::app("1"),
            salesforce_baseline,
            app_baseline,
            made: None,
            row_set: 0,
            salesforce_version: None,
            app_version: None,
            state: LinkState::Active,
        });
        written
    }

    fn write(&mut self, decision: &Decision) -> usize {
        let Decision::Update { writes, .. } = decision else { return 0 };
        let mut written = 0;
        for write in writes {
            let schema = Arc::clone(self.pipeline.schema(write.side));
            for (field, value) in
                schema.fields().iter().zip(&write.row.0).filter(|(_, value)| !value.is_absent())
            {
                self.set(write.side, &field.name, value.clone());
                written += 1;
            }
        }
        written
    }

    fn mapped(&self, rows: &[Row; 2], towards: Side, facts: &RunFacts) -> Mapped {
        let (org, lookups) =
            (OrgFacts { region: Some("FI".to_owned()), ..OrgFacts::default() }, LookupTable::default());
        let context = RunContext::new(&org, facts, &lookups, towards.other());
        let inputs = MapInputs {
            other: None,
            old: None,
            op: Op::Update,
            now: facts.now,
            today: facts.today,
            lookups: &lookups,
            context: &context,
        };
        map(&self.pipeline, &rows[usize::from(towards == Side::Salesforce)], towards, &inputs).unwrap()
    }

    fn situation<'a>(
        &'a self,
        (rows, origin): (&'a [Row; 2], Side),
        (to_app, to_salesforce): (&'a Mapped, &'a Mapped),
        facts: &RunFacts,
    ) -> Situation<'a> {
        static KEYS: std::sync::LazyLock<[Key; 2]> =
            std::sync::LazyLock::new(|| [Key::salesforce(SALESFORCE_ID), Key::app("1")]);
        let known = |at: usize| Known { key: &KEYS[at], row: &rows[at], modified: None };
        Situation {
            pipeline: &self.pipeline,
            mode: facts.mode,
            origin,
            salesforce: Some(known(0)),
            app: Some(known(1)),
            to_app: Some(to_app),
            to_salesforce: Some(to_salesforce),
            link: self.link.as_ref(),
            siblings: &[],
            outdone: false,
            adopting: false,
            take: None,
            matched: &Match::None,
            fingerprints: facts.fingerprints,
        }
    }
}

/// Every look there is: nothing is written.
fn is_silent(pair: &mut Pair) -> Result<(), TestCaseError> {
    for mode in [Mode::Changes, Mode::Repair, Mode::Changes] {
        for origin in [Side::Salesforce, Side::App] {
            let before = pair.rows.clone();
            let written = pair.look(origin, mode);
            prop_assert_eq!(
                written,
                0,
                "{:?} from {} after {:?}, now {:?}",
                mode,
                origin,
                before,
                &pair.rows
            );
        }
    }
    Ok(())
}

fn kept_by(rule: &str, edits: Vec<(Side, &'static str, Value)>) -> Result<(), TestCaseError> {
    let mut pair = Pair::new(&compiled(&FILE.replace("RULE", rule)));
    pair.look(Side::Salesforce, Mode::Repair);
    is_silent(&mut pair)?;
    for (side, name, value) in edits {
        pair.set(side, name, value.clone());
        let edited = pair.row(side).clone();
        pair.look(side, Mode::Changes);
        prop_assert_eq!(&edited, &*pair.row(side), "{} = {:?} came back to its own side", name, value);
        is_silent(&mut pair)?;
        prop_assert_eq!(&edited, &*pair.row(side), "{} = {:?} was changed later", name, value);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn how_a_side_stores_a_value_is_no_edit(edits in proptest::collection::vec(edit(), 1..6), rule in 0usize..4) {
        kept_by(["salesforce", "app", "newest", "hold"][rule], edits)?;
    }
}

#[test]
fn a_finer_value_of_the_app_stays_and_a_real_edit_goes_through() {
    let mut pair = Pair::new(&compiled(&FILE.replace("RULE", "salesforce")));
    pair.look(Side::Salesforce, Mode::Repair);
    let number = |text: &str| Value::Decimal(text.parse().unwrap());
    pair.set(Side::App, "amount", number("10.005"));
    assert_eq!(pair.look(Side::App, Mode::Changes), 1);
    let amount = pair.pipeline.schema(Side::Salesforce).position("Amount__c").unwrap();
    assert_eq!(pair.row(Side::Salesforce).get(amount), &number("10.01"));
    pair.set(Side::App, "amount", number("10.004"));
    assert_eq!(pair.look(Side::App, Mode::Changes), 1, "stored otherwise, so it is another value");
    assert_eq!(pair.row(Side::Salesforce).get(amount), &number("10.00"));
    pair.set(Side::Salesforce, "Amount__c", number("10.01"));
    assert_eq!(pair.look(Side::Salesforce, Mode::Changes), 1);
    let column = pair.pipeline.schema(Side::App).position("amount").unwrap();
    assert_eq!(pair.row(Side::App).get(column), &number("10.01"));
}

fn compiled(pipeline: &str) -> Arc<Pipeline> {
    plans::plan("things", pipeline, "resources: { things: { key: id } }\n", &catalog())
}

fn catalog() -> Catalog {
    let fields = FIELDS.map(|(name, wire, kind, scale)| plans::field(name, wire, kind, scale));
    let columns = COLUMNS.map(|(name, native, kind)| plans::column(name, native, kind));
    plans::catalog(("Thing__c", fields.into()), ("things", columns.into()))
}
