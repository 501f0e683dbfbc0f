//! What a destination is asked before it writes: records by id, records that match, what is there.

use std::collections::{HashMap, HashSet};

use super::guard::retrieve;
use crate::connect::salesforce::api::cell::cell;
use crate::connect::salesforce::api::columns::{Columns, Record, Role};
use crate::connect::salesforce::api::query::Shape;
use crate::connect::salesforce::api::soql::{self, MAX_URI, Select};
use crate::connect::salesforce::ask::ask;
use crate::connect::salesforce::budget::Purpose;
use crate::connect::salesforce::client::Client;
use crate::connect::{ConnectError, Found, MatchQuery};
use crate::model::{Field, Key, Kind, Row, SalesforceId, Schema, Value, converted_field, same_value};

/// Most values of one list, whatever their length.
const MAX_VALUES: usize = 400;
/// Longest text that a condition may name (section 3.8).
const MAX_LITERAL: usize = 4_000;

/// Reads one object with the columns of a pipeline.
pub(super) struct Reader {
    object: String,
    schema: std::sync::Arc<Schema>,
    shape: Shape,
    ids: Shape,
    /// Whether every column is a field of the object itself.
    is_flat: bool,
}

impl Reader {
    pub(super) fn new(object: &str, schema: &std::sync::Arc<Schema>) -> Self {
        let shape = Shape::new(Columns::new(schema, &[(Role::Id, "Id")]));
        let is_flat = !shape.columns().wire().iter().any(|column| column.path.contains('.'));
        Self {
            object: object.to_owned(),
            schema: std::sync::Arc::clone(schema),
            shape,
            ids: Shape::new(Columns::new(&Schema::default(), &[(Role::Id, "Id")])),
            is_flat,
        }
    }

    /// The records of these ids that are there. Deleted ones are not.
    pub(super) async fn fetch(&self, client: &Client, keys: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError> {
        let keys = ids(keys);
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let records = if self.is_flat {
            retrieve(client, (&self.object, &self.shape), &keys, Purpose::Poll).await?
        } else {
            let base = self.path(client, Vec::new()).await?.len() + 20;
            let mut found = Vec::with_capacity(keys.len());
            for list in soql::id_lists(&keys, base) {
                found.extend(self.query(client, vec![list]).await?);
            }
            found
        };
        Ok(records.into_iter().map(|record| (record.id, record.row)).collect())
    }

    /// Which of these ids are there.
    pub(super) async fn presence(&self, client: &Client, keys: &[Key]) -> Result<HashSet<Key>, ConnectError> {
        let keys = ids(keys);
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        let records = retrieve(client, (&self.object, &self.ids), &keys, Purpose::Poll).await?;
        Ok(records.into_iter().map(|record| record.id).collect())
    }

    /// The leads that became one of these records: record and lead.
    pub(super) async fn leads_of(
        &self,
        client: &Client,
        keys: &[Key],
    ) -> Result<Vec<(Key, Key)>, ConnectError> {
        let Some(field) = converted_field(&self.object) else { return Ok(Vec::new()) };
        let schema = Schema::new([Field { name: field.into(), kind: Kind::Id }]);
        let shape = Shape::new(Columns::new(&schema, &[(Role::Id, "Id")]));
        let columns = shape.columns().select();
        let select = |condition: String| {
            let conditions = vec!["IsConverted = true".to_owned(), condition];
            Select { columns: &columns, object: "Lead", conditions, ..Select::default() }.text()
        };
        let data = client.data_path().await?;
        let base = soql::query_path(data, false, &select(format!("{field} IN ()"))).len();
        let quoted = ids(keys).iter().map(|key| soql::quoted(key.as_str())).collect();
        let mut found = Vec::new();
        for list in lists(quoted, base, ",") {
            let path = soql::query_path(data, false, &select(format!("{field} IN ({list})")));
            let records = pages(client, path, &shape, Purpose::Poll).await?;
            let became = |row: &Row| row.get(0).as_text().map(Key::salesforce);
            found.extend(records.iter().filter_map(|record| Some((became(&record.row)?, record.id.clone()))));
        }
        Ok(found)
    }

    /// Ids in their order, after one.
    pub(super) async fn keys(
        &self,
        client: &Client,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, ConnectError> {
        let condition = after.map(|key| format!("Id > {}", soql::quoted(key.as_str()))).unwrap_or_default();
        let select = Select {
            columns: "Id",
            object: &self.object,
            conditions: vec![condition],
            order: "Id",
            limit: Some(u32::try_from(limit).unwrap_or(u32::MAX)),
        };
        let path = soql::query_path(client.data_path().await?, false, &select.text());
        let records = pages(client, path, &self.ids, Purpose::Reconcile).await?;
        Ok(records.into_iter().map(|record| record.id).collect())
    }

    /// The records that have one of the values in a field and meet the condition `only`, if it says anything.
    pub(super) async fn find(
        &self,
        client: &Client,
        query: &MatchQuery,
        only: &str,
    ) -> Result<Vec<Found>, ConnectError> {
        let Some(field) = self.schema.fields().get(query.field) else { return Ok(Vec::new()) };
        let path = crate::connect::salesforce::api::columns::wire_path(&field.name);
        let base = self.path(client, vec![format!("{path} IN ()"), only.to_owned()]).await?.len();
        let mut found = Vec::new();
        let places = Places::new(&query.values);
        for condition in conditions(query, (path, field.kind), base) {
            for record in self.query(client, vec![condition, only.to_owned()]).await? {
                let hits = places.of(&query.normal(record.row.get(query.field)), &query.values);
                found.extend(hits.into_iter().map(|value| Found {
                    value,
                    key: record.id.clone(),
                    row: record.row.clone(),
                }));
            }
        }
        Ok(found)
    }

    async fn path(&self, client: &Client, conditions: Vec<String>) -> Result<String, ConnectError> {
        let columns = self.shape.columns().select();
        let select = Select { columns: &columns, object: &self.object, conditions, ..Select::default() };
        Ok(soql::query_path(client.data_path().await?, false, &select.text()))
    }

    async fn query(&self, client: &Client, conditions: Vec<String>) -> Result<Vec<Record>, ConnectError> {
        let path = self.path(client, conditions).await?;
        pages(client, path, &self.shape, Purpose::Poll).await
    }
}

async fn pages(
    client: &Client,
    path: String,
    shape: &Shape,
    purpose: Purpose,
) -> Result<Vec<Record>, ConnectError> {
    let (mut next, mut records, mut announced) = (Some(path), Vec::new(), 0);
    while let Some(path) = next {
        let page = ask(client, path, shape, purpose).await?.page;
        announced = page.total;
        records.extend(page.records);
        next = page.next;
    }
    if (records.len() as u64) < announced {
        let text = format!("{announced} records were announced and {} came", records.len());
        return Err(ConnectError::new("R107", crate::model::Class::TRANSIENT, text));
    }
    Ok(records)
}

/// Those that are ids, each once: Salesforce would refuse the whole request for one that is none.
fn ids(keys: &[Key]) -> Vec<Key> {
    let mut seen = HashSet::new();
    let good = keys.iter().filter(|key| SalesforceId::parse(key.as_str()).is_some());
    good.filter(|key| seen.insert(key.as_str())).map(|key| Key::salesforce(key.as_str())).collect()
}

/// A value in a condition; `None` for what no record can have.
fn literal(value: &Value, kind: Kind) -> Option<String> {
    if value.is_blank() {
        return None;
    }
    let text = cell(value);
    match (value, kind) {
        (Value::Bool(_) | Value::Int(_) | Value::Decimal(_) | Value::Date(_) | Value::Time(_), _) => {
            Some(text.into_owned())
        }
        (Value::DateTime(stamp), _) => Some(soql::instant(*stamp)),
        (_, Kind::Id) => SalesforceId::parse(text.trim()).map(|id| soql::quoted(id.as_str())),
        (_, Kind::Text | Kind::Any | Kind::List) if text.len() <= MAX_LITERAL => {
            Some(soql::quoted(text.trim()))
        }
        // A text for a number, a date, a checkbox: nothing can be equal to it.
        _ => None,
    }
}

/// The conditions that the records of a question meet, in as many queries as fit an address. Where values may be stored in several
/// spellings, the records that have what all spellings have: more than are asked for.
fn conditions(query: &MatchQuery, (path, kind): (&str, Kind), base: usize) -> Vec<String> {
    let (mut exact, mut alike) = (Vec::new(), Vec::new());
    for value in &query.values {
        match query.pieces(value).filter(|_| matches!(kind, Kind::Text | Kind::Any)) {
            Some(pieces) => alike.push(format!("{path} LIKE {}", soql::pattern(&pieces))),
            None => exact.extend(literal(value, kind)),
        }
    }
    alike.sort();
    alike.dedup();
    let listed = lists(exact, base, ",").into_iter().map(|list| format!("{path} IN ({list})"));
    listed.chain(lists(alike, base, " OR ")).collect()
}

/// Lists of literals or conditions, each so long that its query fits an address.
fn lists(literals: Vec<String>, base: usize, joiner: &str) -> Vec<String> {
    let room = MAX_URI.saturating_sub(base).max(2_000);
    let (mut out, mut list, mut length): (Vec<String>, Vec<String>, usize) = (Vec::new(), Vec::new(), 0);
    for literal in literals {
        // Every byte that is no letter or digit takes three in an address.
        let size: usize =
            literal.bytes().map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 }).sum::<usize>()
                + 3 * joiner.len();
        if !list.is_empty() && (length + size > room || list.len() >= MAX_VALUES) {
            out.push(std::mem::take(&mut list).join(joiner));
            length = 0;
        }
        length += size;
        list.push(literal);
    }
    if !list.is_empty() {
        out.push(list.join(joiner));
    }
    out
}

/// Where each value stands among those that were asked for.
struct Places(HashMap<String, Vec<usize>>);

impl Places {
    fn new(values: &[Value]) -> Self {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, value) in values.iter().enumerate().filter(|(_, value)| !value.is_blank()) {
            places.entry(folded(value)).or_default().push(at);
        }
        Self(places)
    }

    fn of(&self, stored: &Value, values: &[Value]) -> Vec<usize> {
        if stored.is_blank() {
            return Vec::new();
        }
        match self.0.get(&folded(stored)) {
            Some(places) => places.clone(),
            None => (0..values.len())
                .filter(|at| stored.as_text().is_none() && same_value(&values[*at], stored))
                .collect(),
        }
    }
}

/// Text is compared as Salesforce compares it: without case, without spaces around; ids in their long form.
fn folded(value: &Value) -> String {
    match value {
        Value::Text(text) => match SalesforceId::parse(text.trim()) {
            Some(id) => id.to_string(),
            None => text.trim().to_lowercase(),
        },
        other => cell(other).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_by_kind() {
        let id = Value::text("001Hq00001Ab1Cd");
        for (value, kind, expected) in [
            (Value::text(" O'Brien "), Kind::Text, Some("'O\\'Brien'")),
            (Value::text("x"), Kind::Id, None),
            (id.clone(), Kind::Id, Some("'001Hq00001Ab1CdIAJ'")),
            (id, Kind::Text, Some("'001Hq00001Ab1Cd'")),
            (Value::Int(7), Kind::Decimal, Some("7")),
            (Value::text("seven"), Kind::Decimal, None),
            (Value::text("x".repeat(5_000)), Kind::Text, None),
            (Value::Null, Kind::Text, None),
            (
                Value::DateTime("2026-03-01T09:30:00Z".parse().unwrap()),
                Kind::DateTime,
                Some("2026-03-01T09:30:00Z"),
            ),
        ] {
            assert_eq!(literal(&value, kind).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn lists_fit_an_address() {
        let literals: Vec<String> =
            (0..1_000).map(|at| soql::quoted(&format!("person {at}@example.com"))).collect();
        let lists = lists(literals, 1_000, ",");
        assert_eq!(lists.iter().map(|list| list.matches("person").count()).sum::<usize>(), 1_000);
        for list in &lists {
            assert!(soql::query_path("/d", false, list).len() + 1_000 <= MAX_URI + 100);
        }
        assert!(lists.len() < 8, "{}", lists.len());
    }

    #[test]
    fn values_find_their_places() {
        let values = vec!["Kim@Acme.com".into(), Value::Null, "kim@acme.com ".into(), Value::Int(62)];
        let places = Places::new(&values);
        assert_eq!(places.of(&"KIM@acme.com".into(), &values), [0, 2]);
        assert_eq!(places.of(&Value::Decimal("62.0".parse().unwrap()), &values), [3]);
        assert!(places.of(&Value::Null, &values).is_empty());
    }
}
