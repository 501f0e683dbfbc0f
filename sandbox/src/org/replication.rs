//! getUpdated and getDeleted (sections 4.4 to 4.6).
//! May not change records. Read [`Window`] first.

use jiff::Timestamp;

use super::error::ApiError;
use super::ids::Id;
use super::schema::Object;
use super::store::Store;
use super::table::row_of;
use super::value::RowRef;

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
/// How far back the two calls reach, in days.
const UPDATED_DAYS: i64 = 30;
const DELETED_DAYS: i64 = 15;
/// Most ids of one answer.
const MAX_IDS: usize = 600_000;

/// The answer of `updated`.
#[derive(Debug, Clone)]
pub struct Updated {
    /// Ids of live records, without order.
    pub ids: Vec<Id>,
    /// The start of the next window.
    pub latest_date_covered: Timestamp,
}

/// The answer of `deleted`.
#[derive(Debug, Clone)]
pub struct Deleted {
    /// Ids with the stamp of the delete; what was undeleted since is not among them.
    pub records: Vec<(Id, Timestamp)>,
    /// The delete log reaches back to here.
    pub earliest_date_available: Timestamp,
    /// The start of the next window.
    pub latest_date_covered: Timestamp,
}

/// A window of time in whole minutes.
pub(crate) struct Window {
    start: i64,
    end: i64,
    covered: i64,
}

impl Window {
    /// Checks a window. `open` is the oldest stamp of a transaction that has not committed: it holds back
    /// what is covered.
    fn new(
        start: Timestamp,
        end: Timestamp,
        now: i64,
        open: Option<i64>,
        days: i64,
    ) -> Result<Self, ApiError> {
        let whole = |at: Timestamp| at.as_second().div_euclid(MINUTE) * MINUTE;
        let (start, end) = (whole(start), whole(end));
        if end - start < MINUTE {
            return Err(invalid("startDate must be more than one minute before endDate"));
        }
        if start < now - days * DAY {
            return Err(invalid(&format!("startDate cannot be more than {days} days ago")));
        }
        let covered = end.min(now.div_euclid(MINUTE) * MINUTE).min(open.unwrap_or(i64::MAX));
        Ok(Self { start, end, covered })
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::request("INVALID_REPLICATION_DATE", message)
}

fn stamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

fn check_object(object: &Object) -> Result<(), ApiError> {
    if object.abilities.has("replicate") { Ok(()) } else { Err(ApiError::not_found()) }
}

fn check_count(count: usize) -> Result<(), ApiError> {
    if count <= MAX_IDS {
        return Ok(());
    }
    Err(ApiError::request("EXCEEDED_ID_LIMIT", "exceeded limit of 600000 ids: choose a smaller window"))
}

/// What both calls need to know.
pub(crate) struct Request<'a> {
    pub(crate) store: &'a Store,
    pub(crate) object: &'a Object,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) now: i64,
    pub(crate) open: Option<i64>,
}

/// Records created or changed in the window, by their change stamp.
pub(crate) fn updated(request: &Request<'_>) -> Result<Updated, ApiError> {
    let Request { store, object, now, .. } = *request;
    check_object(object)?;
    let window = Window::new(request.start, request.end, now, request.open, UPDATED_DAYS)?;
    let table = store.table(object.table);
    let Some(column) = object.system.change_stamp() else { return Err(ApiError::not_found()) };
    let ids: Vec<Id> = table
        .index(column)
        .range((window.start, 0)..(window.end, 0))
        .map(|(_, rank)| row_of(*rank))
        .filter(|row| !table.is_deleted(*row) && store.in_view(object, *row))
        .map(|row| store.id_of(RowRef { table: object.table, row }))
        .collect();
    check_count(ids.len())?;
    Ok(Updated { ids, latest_date_covered: stamp(window.covered) })
}

/// Records deleted in the window, from the delete log; emptying the recycle bin does not change it.
pub(crate) fn deleted(request: &Request<'_>) -> Result<Deleted, ApiError> {
    let Request { store, object, now, .. } = *request;
    check_object(object)?;
    let window = Window::new(request.start, request.end, now, request.open, DELETED_DAYS)?;
    let table = store.table(object.table);
    let records: Vec<(Id, Timestamp)> = table
        .delete_log
        .iter()
        .filter(|(at, _)| (window.start..window.end).contains(at))
        .map(|(at, row)| (store.id_of(RowRef { table: object.table, row: *row }), stamp(*at)))
        .collect();
    check_count(records.len())?;
    Ok(Deleted {
        records,
        earliest_date_available: stamp((now - DELETED_DAYS * DAY).div_euclid(MINUTE) * MINUTE),
        latest_date_covered: stamp(window.covered),
    })
}
