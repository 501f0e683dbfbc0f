//! From a plan to a runner: the reader of its Salesforce object, the writer of its app table, the facts of its org.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::batch::References;
use super::facts::OrgFacts;
use super::pass::{Observer, Runner};
use super::tables::{dialect, table_spec};
use super::world::{System, World};
use crate::connect::salesforce::{LoadScope, ReadSpec, SalesforceSource};
use crate::connect::sql::{SqlConnection, SqlDestination};
use crate::connect::{ConnectError, Destination, Limit, Source};
use crate::model::{Class, Clock, ConnectionName, ObjectInfo};
use crate::plan::catalog::Catalog;
use crate::plan::required::{RequiredTable, required};
use crate::plan::{Files, Lane, Pipeline, Scope};
use crate::spec::ConnectionFile;
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
}

/// Records of a batch of a mirror at most: several batches are under way at once, and a batch costs no look at links.
const MIRRORED: usize = 2_500;

fn batch_of(pipeline: &Pipeline, limit: Limit) -> Limit {
    match pipeline.lane {
        Lane::Mirror => Limit { records: limit.records.min(MIRRORED), ..limit },
        Lane::Linked => limit,
    }
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
    let org = org_facts(shop, pipeline, catalog).await?;
    shop.store
        .save_row_set(&pipeline.name, pipeline.row_set.id, &pipeline.row_set.rows)
        .map_err(state_failed)?;
    let row_sets = shop.store.row_sets(&pipeline.name).map_err(state_failed)?;
    Ok(Runner {
        pipeline: Arc::clone(pipeline),
        store: Arc::clone(&shop.store),
        source,
        app,
        org: Arc::new(org),
        references,
        row_sets: Arc::new(row_sets),
        clock: Arc::clone(&shop.clock),
        zone: files.timezone(),
        seed: shop.store.seed(),
        observer,
        limit: batch_of(pipeline, shop.limit),
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
            Ok(Box::new(SalesforceSource::new(client, read_spec(pipeline, catalog))))
        }
        System::Sql(_) => {
            let message = format!("connection {} is no Salesforce org", side.connection);
            Err(ConnectError::new("E204", Class::Pipeline, message))
        }
    }
}

fn object<'a>(pipeline: &Pipeline, catalog: &'a Catalog) -> Option<&'a ObjectInfo> {
    catalog.org(&pipeline.salesforce.connection)?.object(&pipeline.salesforce.object).known()
}

/// What the source reads.
fn read_spec(pipeline: &Pipeline, catalog: &Catalog) -> ReadSpec {
    let side = &pipeline.salesforce;
    let mut spec = ReadSpec::new(&side.object, &[]);
    spec.schema = Arc::clone(&side.schema);
    if let Some(object) = object(pipeline, catalog) {
        spec = spec.with_facts(object);
    }
    spec.filter = (!side.condition.is_empty()).then(|| side.condition.clone());
    spec.leavers = spec.filter.is_some();
    spec.deletes = spec.has_is_deleted && (pipeline.to_app.delete || pipeline.to_app.archive);
    spec.load = match (&side.backfill, side.scope) {
        (_, Scope::Referenced) => LoadScope::Nothing,
        (range, _) if range.none => LoadScope::Nothing,
        (range, _) => range.condition.clone().map_or(LoadScope::All, LoadScope::Where),
    };
    spec
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
            let known = catalog.database(&pipeline.app.connection);
            let existing = known.and_then(|known| {
                known.table(&super::catalogs::table_of(file, pipeline.app.resource.as_str())).known()
            });
            let wanted = required(pipeline, file, object(pipeline, catalog), existing);
            let Some(wanted) = wanted else { return Err(no_table(pipeline)) };
            table(&database, &wanted).await
        }
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

/// The table, created or widened first where the connection allows it.
async fn table(
    database: &SqlConnection,
    wanted: &RequiredTable,
) -> Result<Box<dyn Destination>, ConnectError> {
    let Some(dialect) = dialect(wanted.database) else {
        return Err(ConnectError::new(
            "E204",
            Class::Pipeline,
            format!("connection {} has no tables", wanted.connection),
        ));
    };
    let spec = table_spec(wanted, dialect);
    let table = if wanted.create {
        let ensured = database.ensure(&spec).await?;
        for statement in &ensured.applied {
            tracing::info!(connection = %wanted.connection, %statement, "table changed");
        }
        ensured.table
    } else {
        database.inspect(&spec.table).await?
    };
    let Some(table) = table else {
        let message = format!("{} has no table {}", wanted.connection, wanted.table);
        return Err(
            ConnectError::new("E309", Class::Pipeline, message).help("create it, or set create_tables: true")
        );
    };
    Ok(Box::new(SqlDestination::new(database.clone(), spec, &table)?))
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
        ..OrgFacts::default()
    };
    if let Some(client) = shop.world.salesforce(&pipeline.salesforce.connection) {
        facts.instance_url = client.sign_in().await?.base.to_string();
    }
    Ok(facts)
}
