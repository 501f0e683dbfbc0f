//! Accounts, contacts, leads and campaigns.
//! May not make opportunities. Read [`accounts`] first.

use std::sync::Arc;

use super::maker::{Maker, clip};
use super::words::{CITIES, FIRST_NAMES, LAST_NAMES, Texts};
use crate::org::schema::Object;
use crate::org::value::{RowRef, Value};

/// Makes accounts; a share has a parent, a share team members.
pub(super) fn accounts(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("Account") else { return };
    for number in 0..count {
        let life = maker.life();
        let parent = if maker.rng.chance(15) { maker.any("Account") } else { None };
        let row = maker.add(object, &life, &[]);
        let values = account_fields(maker, object, number, parent);
        maker.store.put_all(object, row, &values);
        maker.fill_custom(object, row);
        if maker.rng.one_in(20) {
            let at = RowRef { table: object.table, row };
            let user = maker.rng.pick(&maker.setup.owners).copied();
            if let Some(team) = schema.named("AccountTeamMember") {
                let role = maker.choice(team, "TeamMemberRole");
                let values = [
                    ("AccountId", at.into()),
                    ("UserId", user.into()),
                    ("TeamMemberRole", role),
                    ("AccountAccessLevel", "Edit".into()),
                ];
                maker.add(team, &life, &values);
            }
        }
    }
}

fn account_fields<'a>(
    maker: &mut Maker<'_>,
    object: &'a Object,
    number: u32,
    parent: Option<RowRef>,
) -> Vec<(&'static str, Value<'a>)> {
    let rng = &mut maker.rng;
    let name = clip(&Texts::company(rng, number), 255);
    let (city, country, postal_code) = *rng.pick(&CITIES).unwrap_or(&CITIES[0]);
    let website = if rng.chance(75) { Texts::website(rng).into() } else { Value::Null };
    let revenue = if rng.chance(50) { Value::Number(rng.between(0, 1_000_000_000), 0) } else { Value::Null };
    let employees = if rng.chance(60) { Value::Number(rng.between(1, 100_000), 0) } else { Value::Null };
    let address = rng.chance(80);
    let text = |on: bool, text: String| if on { text.into() } else { Value::Null };
    let mut values = vec![
        ("Name", name.into()),
        ("ParentId", parent.into()),
        ("Website", website),
        ("Phone", text(rng.chance(70), Texts::phone(rng))),
        ("AnnualRevenue", revenue),
        ("NumberOfEmployees", employees),
        ("AccountNumber", text(rng.chance(30), format!("A-{number:07}"))),
        ("Description", text(rng.chance(20), Texts::description(rng))),
        ("Industry", maker.choice(object, "Industry")),
        ("Type", if maker.rng.chance(80) { maker.choice(object, "Type") } else { Value::Null }),
        ("Rating", if maker.rng.chance(40) { maker.choice(object, "Rating") } else { Value::Null }),
        (
            "AccountSource",
            if maker.rng.chance(40) { maker.choice(object, "AccountSource") } else { Value::Null },
        ),
        ("CurrencyIsoCode", maker.rng.word(&["EUR", "USD"]).into()),
    ];
    if address {
        values.extend([
            ("BillingStreet", Texts::street(&mut maker.rng).into()),
            ("BillingCity", city.into()),
            ("BillingCountry", country.into()),
            ("BillingCountryCode", country.into()),
            ("BillingPostalCode", postal_code.into()),
        ]);
    }
    values
}

/// Makes contacts of the accounts; some belong to none.
pub(super) fn contacts(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("Contact") else { return };
    for number in 0..count {
        let life = maker.life();
        let account = if maker.rng.chance(95) { maker.any("Account") } else { None };
        let boss = if maker.rng.chance(20) { maker.any("Contact") } else { None };
        let row = maker.add(object, &life, &[("AccountId", account.into()), ("ReportsToId", boss.into())]);
        let values = person_fields(maker, object, number, "Mailing");
        maker.store.put_all(object, row, &values);
        maker.fill_custom(object, row);
        if maker.rng.one_in(200) {
            maker.remove(object, row);
        }
    }
}

/// Makes leads; a share is converted.
pub(super) fn leads(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("Lead") else { return };
    for number in 0..count {
        let life = maker.life();
        let converted = maker.rng.chance(10);
        let status = if converted {
            "Closed - Converted"
        } else {
            maker.rng.word(&["Open - Not Contacted", "Working - Contacted", "Closed - Not Converted"])
        };
        let company = clip(&Texts::company(&mut maker.rng, number), 255);
        let row = maker.add(
            object,
            &life,
            &[
                ("Company", company.into()),
                ("Status", status.into()),
                ("IsConverted", converted.into()),
                ("IsUnreadByOwner", (number % 3 == 0).into()),
            ],
        );
        let values = person_fields(maker, object, number, "");
        maker.store.put_all(object, row, &values);
        maker.fill_custom(object, row);
        if converted {
            let account = maker.any("Account");
            let contact = maker.any("Contact");
            let day = crate::org::dates::days_of_stamp(life.modified);
            let values = [
                ("ConvertedDate", Value::Date(day)),
                ("ConvertedAccountId", account.into()),
                ("ConvertedContactId", contact.into()),
            ];
            maker.store.put_all(object, row, &values);
        } else if maker.rng.one_in(5) {
            lead_history(maker, RowRef { table: object.table, row }, life.modified);
        }
    }
}

fn lead_history(maker: &mut Maker<'_>, lead: RowRef, stamp: i64) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("LeadHistory") else { return };
    let mut life = maker.life();
    life.created = stamp;
    maker.add(
        object,
        &life,
        &[
            ("LeadId", lead.into()),
            ("Field", "Status".into()),
            ("DataType", "DynamicEnum".into()),
            ("OldValue", "\"Open - Not Contacted\"".into()),
            ("NewValue", "\"Working - Contacted\"".into()),
        ],
    );
}

fn person_fields<'a>(
    maker: &mut Maker<'_>,
    object: &'a Object,
    number: u32,
    address: &str,
) -> Vec<(&'static str, Value<'a>)> {
    let rng = &mut maker.rng;
    let first = if rng.chance(92) { rng.word(&FIRST_NAMES) } else { "" };
    let last = rng.word(&LAST_NAMES);
    let name = format!("{first} {last}").trim().to_owned();
    let (city, country, postal_code) = *rng.pick(&CITIES).unwrap_or(&CITIES[0]);
    let text = |on: bool, text: String| if on { text.into() } else { Value::Null };
    let mut values = vec![
        ("FirstName", first.into()),
        ("LastName", last.into()),
        ("Name", name.into()),
        ("Email", text(rng.chance(85), Texts::email(rng, number))),
        ("Phone", text(rng.chance(60), Texts::phone(rng))),
        ("MobilePhone", text(rng.chance(40), Texts::phone(rng))),
        (
            "Title",
            text(
                rng.chance(60),
                clip(rng.word(&["CEO", "VP, Sales", "Head of \"Ops\"", "Inköpare", "购买经理"]), 128),
            ),
        ),
        ("Description", text(rng.chance(10), Texts::description(rng))),
        ("HasOptedOutOfEmail", rng.chance(5).into()),
        ("DoNotCall", rng.chance(5).into()),
        ("LeadSource", maker.choice(object, "LeadSource")),
        ("Salutation", if maker.rng.chance(50) { maker.choice(object, "Salutation") } else { Value::Null }),
    ];
    if maker.rng.chance(60) {
        let (street_key, city_key, country_key, postal_key) = if address.is_empty() {
            ("Street", "City", "Country", "PostalCode")
        } else {
            ("MailingStreet", "MailingCity", "MailingCountry", "MailingPostalCode")
        };
        values.extend([
            (street_key, Texts::street(&mut maker.rng).into()),
            (city_key, city.into()),
            (country_key, country.into()),
            (postal_key, postal_code.into()),
        ]);
    }
    values
}

/// Makes campaigns with members.
pub(super) fn campaigns(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("Campaign") else { return };
    for number in 0..count {
        let life = maker.life();
        let values = [
            ("Name", clip(&format!("Campaign {number} {}", Texts::sentence(&mut maker.rng)), 80).into()),
            ("IsActive", maker.rng.chance(60).into()),
            ("Type", maker.choice(object, "Type")),
            ("Status", maker.choice(object, "Status")),
            ("StartDate", Value::Date(maker.day_around_now())),
            ("BudgetedCost", Value::Number(maker.rng.between(0, 100_000), 0)),
            ("NumberSent", Value::Number(maker.rng.between(0, 10_000), 0)),
        ];
        maker.add(object, &life, &values);
    }
}

/// Makes campaign members out of leads and contacts.
pub(super) fn campaign_members(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("CampaignMember") else { return };
    for _ in 0..count {
        let life = maker.life();
        let campaign = maker.any("Campaign");
        let of_lead = maker.rng.chance(40);
        let person = maker.any(if of_lead { "Lead" } else { "Contact" });
        if campaign.is_none() || person.is_none() {
            continue;
        }
        let responded = maker.rng.chance(30);
        let values = [
            ("CampaignId", campaign.into()),
            (if of_lead { "LeadId" } else { "ContactId" }, person.into()),
            ("Status", if responded { "Responded" } else { "Sent" }.into()),
            ("HasResponded", responded.into()),
            ("Type", if of_lead { "Lead" } else { "Contact" }.into()),
        ];
        maker.add(object, &life, &values);
    }
}
