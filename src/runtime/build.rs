//! From a plan to a runner: the reader of its Salesforce object, the writer of its app table, the facts of its org; and the reader of its
//! app table, for what flows the other way.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::batch::References;
use super::calculated::{Calculated, Narrow};
use super::facts::OrgFacts;
use super::org_specs::{object, read_spec, write_spec};
use super::pass::{Observer, Runner};
use super::tables::{dialect, table_spec};
use super::world::{System, World};
use crate::connect::salesforce::{LoadScope, ReadSpec, SalesforceDestination, SalesforceSource};
use crate::connect::sql::{LoadScope as SqlLoad, SourceSpec, SqlConnection, SqlDestination, SqlSource};
use crate::connect::{ConnectError, Destination, Found, Hints, Limit, MatchQuery, Source, WriteMode};
use crate::model::{Class, Clock, ConnectionName, Key, Outcome, Row, Side, WriteOp, converted_field};
use crate::plan::catalog::Catalog;
use crate::plan::required::{RequiredTable, required};
use crate::plan::{Files, Lane, Pipeline, Push, SalesforceSide, Scope};
use crate::spec::{ConnectionFile, ConnectionKind};
use crate::store::Store;

/// What runners are made from.
#[derive(Clone)]
pub struct Workshop {
    /// The systems.
    pub world: Arc<World>,
    /// The state.
    pub store: Arc<Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Bounds of a batch.
    pub limit: Limit,
    /// Nothing may be written, not even a table or the state: for plans.
    pub only_looks: bool,
}

/// Records of a batch of a mirror at most: several batches are under way at once, and a batch costs no look at links.
const MIRRORED: usize = 2_500;

/// Records of a batch with an HTTP app at most: each of them is a request or two, and what is done is remembered with the batch.
const REQUESTED: usize = 200;

fn batch_of(pipeline: &Pipeline, files: &Files, limit: Limit) -> Limit {
    let app = files.connection(&pipeline.app.connection).and_then(|file| file.value());
    let most = match (pipeline.lane, app.map(|file| &file.kind)) {
        (Lane::Mirror, _) => MIRRORED,
        (Lane::Linked, Some(ConnectionKind::Http(_))) => REQUESTED,
        (Lane::Linked, _) => limit.records,
    };
    Limit { records: limit.records.min(most), ..limit }
}

/// The runner of a plan, with its table ready to be written.
pub async fn runner(
    shop: &Workshop,
    pipeline: &Arc<Pipeline>,
    (files, catalog): (&Files, &Catalog),
    references: Arc<dyn References>,
    observer: Arc<dyn Observer>,
) -> Result<Runner, ConnectError> {
    let source = source(shop, pipeline, files, catalog).await?;
    let app = destination(shop, pipeline, files, catalog).await?;
    // What leads become is asked of Salesforce also by who writes nothing there.
    let inherits = pipeline.lane == Lane::Linked && converted_field(&pipeline.salesforce.object).is_some();
    let writes = pipeline.to_salesforce.any();
    let salesforce = if writes || inherits {
        Some(salesforce_destination(shop, pipeline, files, catalog).await?)
    } else {
        None
    };
    let app_source = if writes { Some(app_source(shop, pipeline, files, catalog).await?) } else { None };
    let org = org_facts(shop, pipeline, catalog).await?;
    let row_set = &pipeline.row_set;
    if !shop.only_looks {
        shop.store.save_row_set(&pipeline.name, row_set.id, &row_set.rows).map_err(state_failed)?;
    }
    let mut row_sets = shop.store.row_sets(&pipeline.name).map_err(state_failed)?;
    row_sets.entry(row_set.id).or_insert_with(|| row_set.rows.clone());
    Ok(Runner {
        pipeline: Arc::clone(pipeline),
        store: Arc::clone(&shop.store),
        source,
        salesforce,
        app_source,
        app,
        org: Arc::new(org),
        references,
        row_sets: Arc::new(row_sets),
        clock: Arc::clone(&shop.clock),
        zone: files.timezone(),
        seed: shop.store.seed(),
        observer,
        limit: batch_of(pipeline, files, shop.limit),
        calculated: calculated(shop, pipeline, (files, catalog)).await?,
        swings: super::batch::Swings::remembered(&shop.store, pipeline),
        kept: super::kept::Kept::default(),
        run: shop.clock.now(),
        interrupt: Arc::new(AtomicBool::new(false)),
    })
}

/// A failure of the state, as a failure of what needed it. A full disk passes by itself.
pub fn state_failed(error: crate::store::StoreError) -> ConnectError {
    let class = if error.is_passing() { Class::TRANSIENT } else { Class::Pipeline };
    let help = error.help();
    let failed = ConnectError::new("R111", class, error.to_string()).caused_by(error);
    match help {
        Some(help) => failed.help(help),
        None => failed,
    }
}

fn connection<'a>(files: &'a Files, name: &ConnectionName) -> Result<&'a ConnectionFile, ConnectError> {
    files.connection(name).and_then(|file| file.value()).ok_or_else(|| {
        ConnectError::new("E201", Class::Pipeline, format!("connection {name} is not there or has errors"))
    })
}

async fn source(
    shop: &Workshop,
    pipeline: &Pipeline,
    files: &Files,
    catalog: &Catalog,
) -> Result<Box<dyn Source>, ConnectError> {
    let side = &pipeline.salesforce;
    match shop.world.open(connection(files, &side.connection)?).await? {
        System::Salesforce(client) => {
            Ok(Box::new(SalesforceSource::new(client, read_spec(pipeline, files, catalog))))
        }
        System::Sql(_) | System::Http(_) => Err(no_org(side)),
    }
}

/// What reads the fields of a plan that Salesforce calculates.
async fn calculated(
    shop: &Workshop,
    pipeline: &Pipeline,
    (files, catalog): (&Files, &Catalog),
) -> Result<Option<Calculated>, ConnectError> {
    let Some(narrow) = object(pipeline, catalog).and_then(|object| Narrow::of(pipeline, object)) else {
        return Ok(None);
    };
    let side = &pipeline.salesforce;
    let System::Salesforce(client) = shop.world.open(connection(files, &side.connection)?).await? else {
        return Err(no_org(side));
    };
    let schema = Arc::new(narrow.schema(pipeline));
    let spec = ReadSpec { schema, load: LoadScope::All, ..read_spec(pipeline, files, catalog) };
    Ok(Some(Calculated::new(narrow, Box::new(SalesforceSource::comparing(client, spec)))))
}

/// What writes the Salesforce side of a plan.
async fn salesforce_destination(
    shop: &Workshop,
    pipeline: &Pipeline,
    files: &Files,
    catalog: &Catalog,
) -> Result<Box<dyn Destination>, ConnectError> {
    let side = &pipeline.salesforce;
    let System::Salesforce(client) = shop.world.open(connection(files, &side.connection)?).await? else {
        return Err(no_org(side));
    };
    let Some(object) = object(pipeline, catalog) else {
        let message = format!("{} is not known in {}", side.object, side.connection);
        return Err(ConnectError::new("E302", Class::Pipeline, message).help("sfsync check --online"));
    };
    let spec = write_spec(pipeline, object, (files, catalog));
    Ok(Box::new(SalesforceDestination::new(client, spec)))
}

fn no_org(side: &SalesforceSide) -> ConnectError {
    let message = format!("connection {} is no Salesforce org", side.connection);
    ConnectError::new("E204", Class::Pipeline, message)
}

/// What reads the app side of a plan. The table must be there: nothing is created for a reader.
pub async fn app_source(
    shop: &Workshop,
    pipeline: &Pipeline,
    files: &Files,
    catalog: &Catalog,
) -> Result<Box<dyn Source>, ConnectError> {
    let file = connection(files, &pipeline.app.connection)?;
    let database = match shop.world.open(file).await? {
        System::Sql(database) => database,
        System::Http(app) => return super::apps::source(&app, pipeline, &shop.world),
        System::Salesforce(_) => return Err(no_table(pipeline)),
    };
    let wanted = required_table(pipeline, file, catalog).ok_or_else(|| no_table(pipeline))?;
    let dialect = dialect(wanted.database).ok_or_else(|| no_table(pipeline))?;
    let spec = source_spec(pipeline, table_spec(&wanted, dialect));
    let table = database.inspect(&spec.table.table).await?.ok_or_else(|| missing_table(&wanted))?;
    Ok(Box::new(SqlSource::new(database, spec, &table)?))
}

/// News at once of the app side, where the plan says `push: listen`.
pub async fn app_hints(
    shop: &Workshop,
    pipeline: &Pipeline,
    files: &Files,
) -> Result<Option<Box<dyn Hints>>, ConnectError> {
    let file = connection(files, &pipeline.app.connection)?;
    let ConnectionKind::Postgres(database) = &file.kind else { return Ok(None) };
    let resource = database.resources.iter().find(|spec| spec.name.value == pipeline.app.resource.as_str());
    let channel = resource.and_then(|spec| spec.listen.as_ref());
    match (channel, shop.world.open(file).await?) {
        (Some(channel), System::Sql(connection)) if pipeline.app.push.contains(&Push::Listen) => {
            Ok(connection.hints(&channel.value))
        }
        _ => Ok(None),
    }
}

/// What the app source reads.
fn source_spec(pipeline: &Pipeline, table: crate::connect::sql::TableSpec) -> SourceSpec {
    let side = &pipeline.app;
    let load = match (&side.backfill, side.scope) {
        (_, Scope::Referenced) => SqlLoad::Nothing,
        (range, _) if range.none => SqlLoad::Nothing,
        (range, _) => range.condition.clone().map_or(SqlLoad::All, SqlLoad::Where),
    };
    SourceSpec { condition: side.condition.clone(), load, ..SourceSpec::new(table) }
}

/// What the pipeline needs of its table; `None` for an HTTP app.
fn required_table(pipeline: &Pipeline, file: &ConnectionFile, catalog: &Catalog) -> Option<RequiredTable> {
    let known = catalog.database(&pipeline.app.connection);
    let existing = known.and_then(|known| {
        known.table(&super::catalogs::table_of(file, pipeline.app.resource.as_str())).known()
    });
    required(pipeline, file, object(pipeline, catalog), existing)
}

async fn destination(
    shop: &Workshop,
    pipeline: &Pipeline,
    files: &Files,
    catalog: &Catalog,
) -> Result<Box<dyn Destination>, ConnectError> {
    let file = connection(files, &pipeline.app.connection)?;
    match shop.world.open(file).await? {
        System::Sql(database) => {
            let wanted = required_table(pipeline, file, catalog);
            let Some(wanted) = wanted else { return Err(no_table(pipeline)) };
            if shop.only_looks {
                return compared(&database, &wanted).await;
            }
            let filled = filled(&shop.store, pipeline).map_err(state_failed)?;
            table(&database, &wanted, (filled, pipeline.generation)).await
        }
        System::Http(app) => super::apps::destination(&app, pipeline),
        System::Salesforce(_) => Err(no_table(pipeline)),
    }
}

fn no_table(pipeline: &Pipeline) -> ConnectError {
    ConnectError::new(
        "E204",
        Class::Pipeline,
        format!("connection {} has no tables", pipeline.app.connection),
    )
}

fn missing_table(wanted: &RequiredTable) -> ConnectError {
    let message = format!("{} has no table {}", wanted.connection, wanted.table);
    ConnectError::new("E309", Class::Pipeline, message).help("create it, or set create_tables: true")
}

/// How many records the state says were written to the table of a pipeline.
fn filled(store: &Store, pipeline: &Pipeline) -> Result<u64, crate::store::StoreError> {
    if store.cursor(&pipeline.name, pipeline.generation, Side::Salesforce)?.is_none() {
        return Ok(0);
    }
    let counts = store.summary(&pipeline.name, pipeline.generation)?;
    Ok(counts.linked.max(counts.totals.created))
}

/// A table that was filled and is gone. Made anew and empty, it would be taken for complete.
fn vanished(wanted: &RequiredTable, filled: u64, generation: u32) -> ConnectError {
    let message = format!(
        "table {} of {} is gone; {filled} records were written to it",
        wanted.table, wanted.connection
    );
    ConnectError::new("R113", Class::Pipeline, message).help(format!(
        "put the table back, or load everything again: `generation: {}` in the file",
        generation + 1
    ))
}

/// The table, created or widened first where the connection allows it. One that the state takes for filled is not made again.
async fn table(
    database: &SqlConnection,
    wanted: &RequiredTable,
    (filled, generation): (u64, u32),
) -> Result<Box<dyn Destination>, ConnectError> {
    let Some(dialect) = dialect(wanted.database) else {
        return Err(ConnectError::new(
            "E204",
            Class::Pipeline,
            format!("connection {} has no tables", wanted.connection),
        ));
    };
    let spec = table_spec(wanted, dialect);
    if wanted.create && filled > 0 && database.inspect(&spec.table).await?.is_none() {
        return Err(vanished(wanted, filled, generation));
    }
    let table = if wanted.create {
        let ensured = database.ensure(&spec).await?;
        for statement in &ensured.applied {
            tracing::info!(connection = %wanted.connection, %statement, "table changed");
        }
        ensured.table
    } else {
        database.inspect(&spec.table).await?
    };
    let table = table.ok_or_else(|| missing_table(wanted))?;
    Ok(Box::new(SqlDestination::new(database.clone(), spec, &table)?))
}

/// The table as it is. One that is not there yet has no records.
async fn compared(
    database: &SqlConnection,
    wanted: &RequiredTable,
) -> Result<Box<dyn Destination>, ConnectError> {
    let Some(dialect) = dialect(wanted.database) else { return Ok(Box::new(NotMade)) };
    let spec = table_spec(wanted, dialect);
    match database.inspect(&spec.table).await? {
        Some(table) => Ok(Box::new(SqlDestination::new(database.clone(), spec, &table)?)),
        None => Ok(Box::new(NotMade)),
    }
}

/// A table that a run would create.
struct NotMade;

#[async_trait::async_trait]
impl Destination for NotMade {
    async fn fetch(&mut self, _: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError> {
        Ok(Vec::new())
    }

    async fn find(&mut self, _: &MatchQuery) -> Result<Vec<Found>, ConnectError> {
        Ok(Vec::new())
    }

    async fn keys(&mut self, _: Option<&Key>, _: usize) -> Result<Vec<Key>, ConnectError> {
        Ok(Vec::new())
    }

    async fn write(&mut self, _: Vec<WriteOp>, _: WriteMode) -> Result<Vec<Outcome>, ConnectError> {
        Err(ConnectError::new("R109", Class::Pipeline, "a plan writes nothing"))
    }
}

/// What expressions may ask of the org.
async fn org_facts(
    shop: &Workshop,
    pipeline: &Pipeline,
    catalog: &Catalog,
) -> Result<OrgFacts, ConnectError> {
    let known = catalog.org(&pipeline.salesforce.connection).and_then(|org| org.facts.as_ref());
    let mut facts = OrgFacts {
        currency: known.map(|org| org.currency.clone()).unwrap_or_default(),
        region: known.and_then(|org| org.region.clone()),
        ..OrgFacts::default()
    };
    if let Some(client) = shop.world.salesforce(&pipeline.salesforce.connection) {
        facts.instance_url = client.sign_in().await?.base.to_string();
        if pipeline.calculates_with_currencies() {
            let currencies = client.currencies().await?;
            facts.rates.clone_from(&currencies.rates);
            if let (true, Some(own)) = (facts.currency.is_empty(), &currencies.own) {
                facts.currency.clone_from(own);
            }
        }
    }
    Ok(facts)
}
