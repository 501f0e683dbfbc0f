//! Looking for creates whose answer was lost: by what they were going to say, among the records that our own user made since then.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::door::Context;
use super::read::Reader;
use super::target::Target;
use crate::connect::port::traced;
use crate::connect::salesforce::api::oauth::TokenAnswer;
use crate::connect::salesforce::api::soql;
use crate::connect::salesforce::client::Client;
use crate::connect::{ConnectError, Destination, Found, MatchQuery, Trace, WriteMode};
use crate::model::{Class, Key, Outcome, Row, Value, WriteOp, fingerprint};

/// How far the look reaches back behind the time of the request: clocks differ, and stamps have whole seconds.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// The records that these creates may have made.
pub(super) async fn trace(
    context: &Context,
    reader: &Reader,
    traces: &[Trace],
) -> Result<Vec<Found>, ConnectError> {
    let only = own_since(context, traces).await?;
    let searchable: Vec<Trace> = traces.iter().map(|trace| searchable(context, trace)).collect();
    let mut found =
        traced(&mut Tracer { client: &context.client, reader, only }, &searchable, |_, _| true).await?;
    let agreed: Vec<Agreement> =
        found.iter().map(|found| agreement(context, &found.row, &traces[found.value].row)).collect();
    let whole = || found.iter().zip(&agreed).filter(|(_, agreed)| agreed.is_whole()).map(|(found, _)| found);
    let taken: HashSet<Key> = whole().map(|found| found.key.clone()).collect();
    let known: HashSet<usize> = whole().map(|found| found.value).collect();
    // A record that says less than all of it may have been edited since it was made, where nothing fits better.
    let mut agreed = agreed.into_iter();
    found.retain(|found| {
        let Some(agreed) = agreed.next() else { return false };
        let edited = agreed.is_most() && !taken.contains(&found.key) && !known.contains(&found.value);
        searchable[found.value].key.is_some() || agreed.is_whole() || edited
    });
    Ok(found)
}

/// Of how many fields that a row was going to set a record says just that.
struct Agreement {
    told: usize,
    agreed: usize,
}

impl Agreement {
    fn is_whole(&self) -> bool {
        self.told == self.agreed
    }

    fn is_most(&self) -> bool {
        self.agreed * 2 > self.told
    }
}

/// Compares a record with what a row was going to say, in the forms in which it is stored.
fn agreement(context: &Context, record: &Row, row: &Row) -> Agreement {
    let mut agreement = Agreement { told: 0, agreed: 0 };
    for (at, target) in context.targets.columns.iter().enumerate() {
        let stored = |row: &Row| match target {
            Target::Field { form, .. } => Some(loose(form.apply(row.get(at)))),
            Target::Text { .. } | Target::Link => Some(row.get(at).clone()),
            _ => None,
        };
        let Some(told) = stored(row).filter(|told| !told.is_blank()) else { continue };
        let same = stored(record).is_some_and(|found| fingerprint(&told, 0) == fingerprint(&found, 0));
        agreement.told += 1;
        agreement.agreed += usize::from(same);
    }
    agreement
}

/// Text without case, as SOQL compares it: some fields are stored in small letters. Choices without their order.
fn loose(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::text(text.to_lowercase()),
        Value::List(items) => {
            let mut items: Vec<String> = items.iter().map(|item| item.to_string().to_lowercase()).collect();
            items.sort();
            Value::List(items.into_iter().map(Value::from).collect::<Vec<_>>().into())
        }
        other => other,
    }
}

/// Asks only for records that were made by our user since the first of these creates was sent.
async fn own_since(context: &Context, traces: &[Trace]) -> Result<String, ConnectError> {
    let object = &context.spec.object;
    let mut conditions = Vec::new();
    if object.field("CreatedDate").is_some()
        && let Some(since) = traces.iter().map(|trace| trace.since).min()
    {
        let client = &context.client;
        client.data_path().await?;
        let ahead = client.server_now().map(|now| now.duration_since(client.clock().now()));
        let since: Timestamp = since + ahead.unwrap_or_default() - MARGIN;
        conditions.push(format!("CreatedDate >= {}", soql::instant(since)));
    }
    if object.field("CreatedById").is_some() {
        let live = context.client.sign_in().await?;
        if let Some((_, user)) = TokenAnswer::ids(&live.identity) {
            conditions.push(format!("CreatedById = {}", soql::quoted(user)));
        }
    }
    Ok(conditions.join(" AND "))
}

/// The same with what Salesforce can search, in the form in which it is stored.
fn searchable(context: &Context, trace: &Trace) -> Trace {
    let mut row = Row::absent(trace.row.0.len());
    for (position, target) in context.targets.columns.iter().enumerate() {
        let Target::Field { at, form, .. } = target else { continue };
        let field = &context.spec.object.fields[*at];
        // Many records share a choice, and a long text cannot be searched.
        if field.filterable && field.picklist.is_empty() && field.createable {
            row.set(position, form.apply(trace.row.get(position)));
        }
    }
    for value in row.0.iter_mut().filter(|value| matches!(value, Value::List(_))) {
        *value = Value::Absent;
    }
    Trace { row, ..trace.clone() }
}

/// Reads with a further condition; writes nothing.
struct Tracer<'a> {
    client: &'a Client,
    reader: &'a Reader,
    only: String,
}

#[async_trait::async_trait]
impl Destination for Tracer<'_> {
    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError> {
        self.reader.fetch(self.client, keys).await
    }

    async fn find(&mut self, query: &MatchQuery) -> Result<Vec<Found>, ConnectError> {
        self.reader.find(self.client, query, &self.only).await
    }

    async fn write(&mut self, _ops: Vec<WriteOp>, _mode: WriteMode) -> Result<Vec<Outcome>, ConnectError> {
        Err(ConnectError::new("R109", Class::Pipeline, "a look for records writes none"))
    }
}
