//! Opportunities with their contact roles, team members and history.
//! May not make accounts. Read [`opportunities`] first.

use std::sync::Arc;

use super::maker::{Life, Maker, clip};
use super::rng::Rng;
use super::words::Texts;
use crate::org::dates::days_of_stamp;
use crate::org::schema::Object;
use crate::org::setup::{RecordType, Stage};
use crate::org::value::{RowRef, Value};

/// Makes opportunities.
pub(super) fn opportunities(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("Opportunity") else { return };
    for number in 0..count {
        let life = maker.life();
        let deal = Deal::draw(maker, &life);
        let row = maker.add(object, &life, &[]);
        let values = fields(maker, object, &deal, number);
        maker.store.put_all(object, row, &values);
        maker.fill_custom(object, row);
        if maker.rng.one_in(150) {
            maker.remove(object, row);
            continue;
        }
        let at = RowRef { table: object.table, row };
        if maker.rng.one_in(5) {
            history(maker, at, &life, &deal);
        }
        if maker.rng.one_in(4) {
            people(maker, at, &life);
        }
    }
}

struct Deal {
    stage: Stage,
    record_type: RecordType,
    cents: Option<i64>,
    close: i32,
    stage_changed: i64,
}

impl Deal {
    fn draw(maker: &mut Maker<'_>, life: &Life) -> Self {
        let setup = maker.setup;
        let renewal = maker.rng.chance(30);
        let record_type = setup.record_types[usize::from(renewal)].clone();
        let name = maker.rng.pick(&record_type.stages);
        let stage = setup.stages.iter().find(|stage| Some(&stage.name) == name);
        let stage = stage.unwrap_or(&setup.stages[0]).clone();
        let close = if stage.closed {
            days_of_stamp(life.modified) - i32::try_from(maker.rng.between(0, 30)).unwrap_or(0)
        } else {
            days_of_stamp(maker.now) + i32::try_from(maker.rng.between(-20, 200)).unwrap_or(0)
        };
        let cents = amount(&mut maker.rng);
        Self { stage, record_type, cents, close, stage_changed: life.modified }
    }
}

fn amount(rng: &mut Rng) -> Option<i64> {
    match rng.below(12) {
        0 => None,
        1 => Some(0),
        2 => Some(rng.between(1, 100)),
        3 => Some(rng.between(0, 100_000_000_000)),
        _ => Some(rng.between(1, 50_000) * 100 + if rng.chance(75) { rng.between(0, 100) } else { 0 }),
    }
}

fn fields<'a>(
    maker: &mut Maker<'_>,
    object: &'a Object,
    deal: &'a Deal,
    number: u32,
) -> Vec<(&'static str, Value<'a>)> {
    let quarter = ["Q1", "Q2", "Q3", "Q4"][usize::try_from(number % 4).unwrap_or(0)];
    let name = match maker.rng.below(5) {
        0 => format!("{} – {quarter}", Texts::company(&mut maker.rng, number)),
        1 => format!("Renewal {number}, \"{quarter}\""),
        _ => format!("{} {}", Texts::company(&mut maker.rng, number), Texts::sentence(&mut maker.rng)),
    };
    let rng = &mut maker.rng;
    let description = if rng.chance(25) { Texts::description(rng).into() } else { Value::Null };
    let next_step = if rng.chance(40) { clip(Texts::sentence(rng), 255).into() } else { Value::Null };
    let quantity = if rng.chance(30) { Value::Number(rng.between(1, 1_000) * 100, 2) } else { Value::Null };
    let pushes = rng.below(4);
    let account = if rng.chance(95) { maker.any("Account") } else { None };
    let campaign = if maker.rng.chance(15) { maker.any("Campaign") } else { None };
    let activity = if maker.rng.chance(50) { Value::Date(maker.day_around_now()) } else { Value::Null };
    vec![
        ("Name", clip(&name, 120).into()),
        ("AccountId", account.into()),
        ("CampaignId", campaign.into()),
        ("RecordTypeId", deal.record_type.at.into()),
        ("StageName", deal.stage.name.as_ref().into()),
        ("IsClosed", deal.stage.closed.into()),
        ("IsWon", deal.stage.won.into()),
        ("Probability", Value::Number(deal.stage.probability, 0)),
        ("ForecastCategory", deal.stage.forecast.0.into()),
        ("ForecastCategoryName", deal.stage.forecast.1.into()),
        ("Amount", deal.cents.map_or(Value::Null, |cents| Value::Number(cents, 2))),
        ("CloseDate", Value::Date(deal.close)),
        ("LastStageChangeDate", Value::Stamp(deal.stage_changed)),
        ("LastActivityDate", activity),
        ("PushCount", Value::Number(i64::try_from(pushes).unwrap_or(0), 0)),
        ("Type", maker.choice(object, "Type")),
        ("LeadSource", if maker.rng.chance(70) { maker.choice(object, "LeadSource") } else { Value::Null }),
        ("TotalOpportunityQuantity", quantity),
        ("NextStep", next_step),
        ("Description", description),
        ("IsPrivate", maker.rng.one_in(100).into()),
        ("HasOpenActivity", maker.rng.chance(20).into()),
        ("CurrencyIsoCode", maker.rng.word(&["EUR", "USD", "JPY"]).into()),
    ]
}

/// The snapshot of creation, that of the present stage, and the tracked change between them.
fn history(maker: &mut Maker<'_>, at: RowRef, life: &Life, deal: &Deal) {
    let schema = Arc::clone(&maker.schema);
    let amount = deal.cents.map_or(Value::Null, |cents| Value::Number(cents, 2));
    let first = &maker.setup.stages[0];
    if let Some(snapshots) = schema.named("OpportunityHistory") {
        for (stage, stamp) in [(first, life.created), (&deal.stage, life.modified)] {
            let moment = Life { created: stamp, modified: stamp, ..*life };
            maker.add(
                snapshots,
                &moment,
                &[
                    ("OpportunityId", at.into()),
                    ("StageName", stage.name.as_ref().into()),
                    ("Probability", Value::Number(stage.probability, 0)),
                    ("ForecastCategory", stage.forecast.0.into()),
                    ("Amount", amount.clone()),
                    ("CloseDate", Value::Date(deal.close)),
                ],
            );
        }
    }
    if let Some(changes) = schema.named("OpportunityFieldHistory") {
        let moment = Life { created: life.modified, ..*life };
        maker.add(
            changes,
            &moment,
            &[
                ("OpportunityId", at.into()),
                ("Field", "StageName".into()),
                ("DataType", "DynamicEnum".into()),
                ("OldValue", format!("\"{}\"", first.name).into()),
                ("NewValue", format!("\"{}\"", deal.stage.name).into()),
            ],
        );
    }
}

fn people(maker: &mut Maker<'_>, at: RowRef, life: &Life) {
    let schema = Arc::clone(&maker.schema);
    let moment = Life { created: life.created + 60, modified: life.modified.max(life.created + 60), ..*life };
    if let (Some(object), Some(contact)) = (schema.named("OpportunityContactRole"), maker.any("Contact")) {
        let role = maker.choice(object, "Role");
        let values = [
            ("OpportunityId", at.into()),
            ("ContactId", contact.into()),
            ("Role", role),
            ("IsPrimary", true.into()),
        ];
        maker.add(object, &moment, &values);
        maker.store.put_all(schema.table_object(at.table), at.row, &[("ContactId", contact.into())]);
    }
    if let Some(object) = schema.named("OpportunityTeamMember").filter(|_| maker.rng.chance(40)) {
        let user = maker.rng.pick(&maker.setup.owners).copied();
        let role = maker.choice(object, "TeamMemberRole");
        let values = [
            ("OpportunityId", at.into()),
            ("UserId", user.into()),
            ("TeamMemberRole", role),
            ("OpportunityAccessLevel", "Edit".into()),
        ];
        maker.add(object, &moment, &values);
    }
}
