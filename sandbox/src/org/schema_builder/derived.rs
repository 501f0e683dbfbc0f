//! How a field that Salesforce computes gets its value: from text in the file of objects to places in the schema.

use crate::org::schema::{Constant, Derived, FieldPath, FieldRef, Object, RollUp, Schema};

/// What a text of the file means for a field.
pub(super) fn resolve_derived(schema: &Schema, at: FieldRef, text: &str) -> Derived {
    let object = schema.object(at.object);
    let column = |name: &str| object.column(name);
    if let Some(roll_up) = roll_up(schema, text) {
        return Derived::RollUp(roll_up);
    }
    let derived = match text.split_once('.') {
        Some(("days_since", name)) => column(name).map(Derived::DaysSince),
        Some(("address", prefix)) => Some(Derived::Address(address_columns(object, prefix))),
        _ => match text {
            "expected_revenue" => column("Amount")
                .zip(column("Probability"))
                .map(|(amount, probability)| Derived::ExpectedRevenue { amount, probability }),
            "fiscal" => column("CloseDate").map(Derived::Fiscal),
            "fiscal_quarter" => column("CloseDate").map(Derived::FiscalQuarter),
            "fiscal_year" => column("CloseDate").map(Derived::FiscalYear),
            "photo" => Some(Derived::Photo),
            _ => constant(text).map(Derived::Constant),
        },
    };
    derived.unwrap_or_else(|| {
        let paths: Vec<FieldPath> =
            text.split('|').filter_map(|path| resolve_path(schema, at.object, path.trim())).collect();
        if paths.is_empty() { Derived::Nothing } else { Derived::Paths(paths) }
    })
}

/// `sum(Opportunity.AccountId.Amount)`, `count(Opportunity.AccountId)`
fn roll_up(schema: &Schema, text: &str) -> Option<RollUp> {
    let (what, rest) = text.trim().strip_suffix(')')?.split_once('(')?;
    let mut parts = rest.split('.');
    let object = schema.find(parts.next()?)?;
    let below = schema.object(object);
    let link = below.column(parts.next()?)?;
    let summed = match (what, parts.next()) {
        ("count", None) => None,
        ("sum", Some(name)) => {
            let field = &below.fields[usize::from(below.field_index(name)?)];
            Some((field.column()?, field.scale))
        }
        _ => return None,
    };
    Some(RollUp { object, link, summed })
}

fn constant(text: &str) -> Option<Constant> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return Some(Constant::Text(inner.to_owned()));
    }
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return Some(Constant::Bool(text.eq_ignore_ascii_case("true")));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    Some(Constant::Number(digits.parse().ok()?, u8::try_from(fraction.len()).ok()?))
}

fn resolve_path(schema: &Schema, start: u16, path: &str) -> Option<FieldPath> {
    let mut hops = Vec::new();
    let mut object = start;
    let mut parts: Vec<&str> = path.split('.').collect();
    let last = parts.pop()?;
    for part in parts {
        let field = schema.object(object).relationship(part)?;
        hops.push(FieldRef { object, field });
        let target = schema.object(object).fields[usize::from(field)].targets.first()?;
        object = schema.find(target)?;
    }
    Some(FieldPath { hops, end: FieldRef { object, field: schema.object(object).field_index(last)? } })
}

/// The parts of an address in the order in which answers print them.
fn address_columns(object: &Object, prefix: &str) -> Vec<(&'static str, u16)> {
    const PARTS: [(&str, &str); 10] = [
        ("city", "City"),
        ("country", "Country"),
        ("countryCode", "CountryCode"),
        ("geocodeAccuracy", "GeocodeAccuracy"),
        ("latitude", "Latitude"),
        ("longitude", "Longitude"),
        ("postalCode", "PostalCode"),
        ("state", "State"),
        ("stateCode", "StateCode"),
        ("street", "Street"),
    ];
    PARTS.iter().filter_map(|(key, part)| Some((*key, object.column(&format!("{prefix}{part}"))?))).collect()
}
