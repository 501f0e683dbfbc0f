//! A connection file, opened, with one resource to read and write.

use std::collections::HashMap;
use std::sync::Arc;

use sfsync::connect::http::{HttpApp, HttpDestination, HttpSource, SourceSpec};
use sfsync::connect::{ConnectError, Destination, Limit, Source, WriteMode};
use sfsync::diag::SourceMap;
use sfsync::model::{Change, ChangeEvent, Cursor, Key, Kind, Outcome, Read, Row, Schema, Value, WriteOp};
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::world::{System, World};
use sfsync::spec::{add_file, read_connection};
use sfsync::store::Store;

use crate::harness::rig::TestSecrets;

/// The rows of all these tests.
pub fn schema() -> Arc<Schema> {
    Schema::of(&[
        ("id", Kind::Any),
        ("name", Kind::Text),
        ("email", Kind::Text),
        ("amount", Kind::Decimal),
        ("address.city", Kind::Text),
        ("parent.id", Kind::Any),
    ])
}

/// Opens a connection file; `URL` in it is the address of the app, `${env:SECRET}` is `s3cret`.
pub async fn open(url: &str, text: &str) -> Result<HttpApp, ConnectError> {
    open_with(url, text, None).await
}

pub async fn open_with(url: &str, text: &str, store: Option<Arc<Store>>) -> Result<HttpApp, ConnectError> {
    open_knowing("s3cret", url, text, store).await
}

/// The same with another value of `${env:SECRET}`.
pub async fn open_knowing(
    secret: &str,
    url: &str,
    text: &str,
    store: Option<Arc<Store>>,
) -> Result<HttpApp, ConnectError> {
    let secrets = TestSecrets(HashMap::from([("SECRET".to_owned(), secret.to_owned())]));
    let mut map = SourceMap::default();
    let text = format!("type: http\n{}", text.replace("URL", url));
    let source = add_file(&mut map, "connections/app.yaml", text.as_bytes());
    let parsed = read_connection(source, &map, "app");
    assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
    let world = World::new(Arc::new(SystemClock), Arc::new(secrets), store);
    match world.open(&parsed.value.expect("a file")).await? {
        System::Http(app) => Ok(app),
        _ => panic!("no app"),
    }
}

pub fn source(app: &HttpApp, resource: &str) -> HttpSource {
    let spec = SourceSpec::new(app.resource(resource).expect("a resource"), schema());
    HttpSource::new(Arc::clone(app.client()), spec, Arc::new(SystemClock))
}

pub fn destination(app: &HttpApp, resource: &str) -> HttpDestination {
    let resource = app.resource(resource).expect("a resource");
    HttpDestination::new(Arc::clone(app.client()), resource, &schema(), &[1, 2, 3, 4]).expect("a destination")
}

/// Reads from a cursor to the end: what came, the last cursor, and how many batches it took.
pub async fn read_all(
    source: &mut dyn Source,
    from: Option<Cursor>,
    limit: usize,
) -> Result<(Vec<ChangeEvent>, Cursor, usize), ConnectError> {
    let limit = Limit { records: limit, ..Limit::default() };
    let (mut cursor, mut all, mut batches) = (from, Vec::new(), 0);
    let loading = !matches!(cursor, Some(Cursor::Changes { .. }));
    loop {
        let Read::Batch { events, next, more, .. } = source.read(cursor.as_ref(), limit).await? else {
            panic!("no cursor is lost")
        };
        batches += 1;
        all.extend(events);
        let done = !more || (loading && matches!(next, Cursor::Changes { .. }));
        cursor = Some(next.clone());
        if done {
            return Ok((all, next, batches));
        }
        assert!(batches < 1000, "it never ends");
    }
}

/// Keys with what happened, in order.
pub fn keys(events: &[ChangeEvent]) -> Vec<String> {
    let word = |event: &ChangeEvent| match event.change {
        Change::Upsert(_) => event.key.to_string(),
        Change::Delete { .. } => format!("-{}", event.key),
        _ => format!("?{}", event.key),
    };
    events.iter().map(word).collect()
}

pub fn row(values: &[(usize, Value)]) -> Row {
    let mut row = Row::absent(schema().len());
    for (at, value) in values {
        row.set(*at, value.clone());
    }
    row
}

pub fn named(name: &str) -> Row {
    row(&[(1, Value::text(name))])
}

pub fn create(name: &str) -> WriteOp {
    WriteOp::Create { row: named(name) }
}

pub fn update(key: &str, name: &str) -> WriteOp {
    WriteOp::Update { key: Key::app(key), row: named(name), expected: None }
}

pub async fn write(to: &mut HttpDestination, ops: Vec<WriteOp>) -> Result<Vec<String>, ConnectError> {
    let outcomes = to.write(ops, WriteMode::Changes).await?;
    let word = |outcome: Outcome| match outcome {
        Outcome::Written { key, .. } => format!("written {key}"),
        Outcome::Unchanged { key } => format!("unchanged {key}"),
        Outcome::Stale => "stale".to_owned(),
        Outcome::Rejected(error) => format!("rejected {error}"),
        Outcome::Unknown(error) => format!("unknown {error}"),
    };
    Ok(outcomes.into_iter().map(word).collect())
}
