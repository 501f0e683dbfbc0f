//! Which resource a method and a path name. No I/O, no state; read [`Target`] first.
//!
//! Paths are matched without regard to a trailing slash or a `.json` suffix, resource words without regard to case, as
//! Salesforce does (`resultPages` and `resultpages` are the same resource).

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// The kind of a resource: what calls are counted by and what faults are matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// `POST /services/oauth2/token`
    Token,
    /// `/services/oauth2/authorize`
    Authorize,
    /// `/services/oauth2/revoke`
    Revoke,
    /// `/services/oauth2/introspect`
    Introspect,
    /// `/services/oauth2/userinfo` and `/id/{org}/{user}`
    Identity,
    /// `GET /services/data/`
    Versions,
    /// `GET /services/data/vXX.0/`
    Resources,
    /// `/limits`
    Limits,
    /// `/connect/organization`
    Organization,
    /// `/limits/recordCount`
    RecordCount,
    /// `/sobjects`
    DescribeGlobal,
    /// `/sobjects/X`, reading
    ObjectInfo,
    /// `/sobjects/X/describe`
    Describe,
    /// `/ui-api/object-info/X/picklist-values/{record type}`
    PicklistValues,
    /// `/sobjects/X/updated`
    Updated,
    /// `/sobjects/X/deleted`
    Deleted,
    /// `/sobjects/X/{id}`, reading
    Record,
    /// Create, update or delete of one record.
    RecordWrite,
    /// First page of `/query`
    Query,
    /// First page of `/queryAll`
    QueryAll,
    /// A further page, by locator
    QueryMore,
    /// `/composite`
    Composite,
    /// `/composite/batch`
    CompositeBatch,
    /// `/composite/sobjects/X`, reading records by id
    Collections,
    /// `/composite/sobjects…`, writing
    CollectionsWrite,
    /// `/composite/graph`
    CompositeGraph,
    /// `/composite/tree/X`
    CompositeTree,
    /// `POST /jobs/query`
    BulkCreate,
    /// `GET /jobs/query`
    BulkList,
    /// `GET /jobs/query/{id}`
    BulkStatus,
    /// `PATCH` or `DELETE /jobs/query/{id}`
    BulkChange,
    /// `/jobs/query/{id}/results`
    BulkResults,
    /// `/jobs/query/{id}/resultPages`
    BulkResultPages,
    /// `POST /jobs/ingest`
    IngestCreate,
    /// `GET /jobs/ingest`
    IngestList,
    /// `PUT /jobs/ingest/{id}/batches`
    IngestUpload,
    /// `GET /jobs/ingest/{id}`
    IngestStatus,
    /// `PATCH` or `DELETE /jobs/ingest/{id}`
    IngestChange,
    /// `/jobs/ingest/{id}/successfulResults`, `failedResults`, `unprocessedrecords`
    IngestResults,
    /// `/tooling/query` and `/tooling/sobjects…`
    Tooling,
    /// `POST /metadata/deployRequest`
    Deploy,
    /// `GET /metadata/deployRequest/{id}`
    DeployStatus,
    /// The control interface of the sandbox, which Salesforce does not have. Never counted, never faulted.
    Control,
    /// Anything else.
    Unknown,
}

impl ResourceKind {
    /// Whether a call of this kind is counted against the allocation of the org: what lies below
    /// `/services/data/vXX.0/`.
    pub fn is_api(self) -> bool {
        use ResourceKind as K;
        !matches!(
            self,
            K::Token
                | K::Authorize
                | K::Revoke
                | K::Introspect
                | K::Identity
                | K::Versions
                | K::Control
                | K::Unknown
        )
    }
}

impl ResourceKind {
    /// Whether a call of this kind can change records, a Bulk job by its creation.
    pub fn writes(self) -> bool {
        use ResourceKind as K;
        matches!(
            self,
            K::RecordWrite
                | K::CollectionsWrite
                | K::Composite
                | K::CompositeBatch
                | K::CompositeGraph
                | K::CompositeTree
                | K::IngestCreate
        )
    }
}

/// The three result files of an ingest job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultFile {
    Successful,
    Failed,
    Unprocessed,
}

/// What a path names, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Root,
    Token,
    Authorize,
    Revoke,
    Introspect,
    UserInfo,
    Identity {
        org: String,
        user: String,
    },
    Versions,
    Control(Vec<String>),
    /// A resource below `/services/data/v{version}/`.
    Data {
        version: String,
        resource: Resource,
    },
    Unknown,
}

/// A resource below `/services/data/vXX.0/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Index,
    Limits,
    Organization,
    RecordCount,
    Global,
    Object(String),
    Describe(String),
    Updated(String),
    Deleted(String),
    Record { object: String, id: String },
    ByKey { object: String, field: String, value: String },
    Query { all: bool },
    More { locator: String },
    Composite,
    Batch,
    Collections { object: Option<String>, field: Option<String> },
    Graph,
    Tree { object: String },
    Picklists { object: String, record_type: String, field: Option<String> },
    BulkJobs,
    BulkJob(String),
    BulkResults(String),
    BulkPages(String),
    IngestJobs,
    IngestJob(String),
    IngestUpload(String),
    IngestResults(String, ResultFile),
    ToolingQuery,
    ToolingObject(String),
    ToolingRecord(String),
    Deployments,
    Deployment(String),
    Unknown,
}

/// Parses the path of a request (percent-encoded, without its query string).
pub(crate) fn parse(path: &str) -> Target {
    let decoded: Vec<String> = path
        .trim_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [""] => Target::Root,
        ["_sandbox", rest @ ..] => Target::Control(rest.iter().map(|s| (*s).to_owned()).collect()),
        ["services", "oauth2", name] => oauth(name),
        ["id", org, user] => Target::Identity { org: (*org).to_owned(), user: (*user).to_owned() },
        ["services", "data"] => Target::Versions,
        ["services", "data", version, rest @ ..] => data(version, rest),
        _ => Target::Unknown,
    }
}

fn oauth(name: &str) -> Target {
    match name {
        "token" => Target::Token,
        "authorize" => Target::Authorize,
        "revoke" => Target::Revoke,
        "introspect" => Target::Introspect,
        "userinfo" => Target::UserInfo,
        _ => Target::Unknown,
    }
}

fn data(version: &str, rest: &[&str]) -> Target {
    let Some(version) = version.strip_prefix('v') else { return Target::Unknown };
    let mut rest = rest.to_vec();
    if let Some(last) = rest.last_mut() {
        *last = last.strip_suffix(".json").unwrap_or(last);
    }
    Target::Data { version: version.to_owned(), resource: resource(&rest) }
}

fn resource(rest: &[&str]) -> Resource {
    let words: Vec<String> = rest.iter().map(|s| s.to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // The lower-case words decide, the segments as sent carry names, ids and locators.
    match (words.as_slice(), rest) {
        ([], _) => Resource::Index,
        (["limits"], _) => Resource::Limits,
        (["connect" | "chatter", "organization"], _) => Resource::Organization,
        (["limits", "recordcount"], _) => Resource::RecordCount,
        (["query"], _) => Resource::Query { all: false },
        (["queryall"], _) => Resource::Query { all: true },
        (["query" | "queryall", _], [_, locator]) => Resource::More { locator: (*locator).to_owned() },
        (["composite"], _) => Resource::Composite,
        (["composite", "batch"], _) => Resource::Batch,
        (["composite", "graph"], _) => Resource::Graph,
        (["composite", "tree", _], [.., object]) => Resource::Tree { object: (*object).to_owned() },
        (["composite", "sobjects", ..], [_, _, rest @ ..]) if rest.len() <= 2 => {
            let part = |at: usize| rest.get(at).map(|part| (*part).to_owned());
            Resource::Collections { object: part(0), field: part(1) }
        }
        (["sobjects", ..], [_, rest @ ..]) => object(&words[1..], rest),
        (["tooling", "query"], _) => Resource::ToolingQuery,
        (["tooling", "sobjects", _], [.., name]) => Resource::ToolingObject((*name).to_owned()),
        (["tooling", "sobjects", _, _], [.., id]) => Resource::ToolingRecord((*id).to_owned()),
        (["metadata", "deployrequest"], _) => Resource::Deployments,
        (["metadata", "deployrequest", _], [.., id]) => Resource::Deployment((*id).to_owned()),
        (["jobs", "query", ..], [_, _, rest @ ..]) => bulk(&words[2..], rest),
        (["jobs", "ingest", ..], [_, _, rest @ ..]) => ingest(&words[2..], rest),
        (["ui-api", "object-info", _, "picklist-values", ..], [_, _, object, _, record_type, rest @ ..]) => {
            let field = rest.first().map(|field| (*field).to_owned());
            Resource::Picklists {
                object: (*object).to_owned(),
                record_type: (*record_type).to_owned(),
                field,
            }
        }
        _ => Resource::Unknown,
    }
}

fn object(words: &[&str], rest: &[&str]) -> Resource {
    match (words, rest) {
        (_, []) => Resource::Global,
        (_, [name]) => Resource::Object((*name).to_owned()),
        ([_, "describe"], [name, _]) => Resource::Describe((*name).to_owned()),
        ([_, "updated"], [name, _]) => Resource::Updated((*name).to_owned()),
        ([_, "deleted"], [name, _]) => Resource::Deleted((*name).to_owned()),
        (_, [name, id]) => Resource::Record { object: (*name).to_owned(), id: (*id).to_owned() },
        (_, [name, field, value]) => Resource::ByKey {
            object: (*name).to_owned(),
            field: (*field).to_owned(),
            value: (*value).to_owned(),
        },
        _ => Resource::Unknown,
    }
}

fn bulk(words: &[&str], rest: &[&str]) -> Resource {
    match (words, rest) {
        (_, []) => Resource::BulkJobs,
        (_, [id]) => Resource::BulkJob((*id).to_owned()),
        ([_, "results"], [id, _]) => Resource::BulkResults((*id).to_owned()),
        ([_, "resultpages"], [id, _]) => Resource::BulkPages((*id).to_owned()),
        _ => Resource::Unknown,
    }
}

fn ingest(words: &[&str], rest: &[&str]) -> Resource {
    let results = |id: &str, file| Resource::IngestResults(id.to_owned(), file);
    match (words, rest) {
        (_, []) => Resource::IngestJobs,
        (_, [id]) => Resource::IngestJob((*id).to_owned()),
        ([_, "batches"], [id, _]) => Resource::IngestUpload((*id).to_owned()),
        ([_, "successfulresults"], [id, _]) => results(id, ResultFile::Successful),
        ([_, "failedresults"], [id, _]) => results(id, ResultFile::Failed),
        ([_, "unprocessedrecords"], [id, _]) => results(id, ResultFile::Unprocessed),
        _ => Resource::Unknown,
    }
}

impl Target {
    /// The kind that calls are counted by; `reads` is true for GET and HEAD.
    pub(crate) fn kind(&self, reads: bool) -> ResourceKind {
        match self {
            Target::Token => ResourceKind::Token,
            Target::Authorize => ResourceKind::Authorize,
            Target::Revoke => ResourceKind::Revoke,
            Target::Introspect => ResourceKind::Introspect,
            Target::UserInfo | Target::Identity { .. } => ResourceKind::Identity,
            Target::Versions => ResourceKind::Versions,
            Target::Control(_) => ResourceKind::Control,
            Target::Data { resource, .. } => resource.kind(reads),
            Target::Root | Target::Unknown => ResourceKind::Unknown,
        }
    }
}

impl Resource {
    fn kind(&self, reads: bool) -> ResourceKind {
        match self {
            Resource::Index => ResourceKind::Resources,
            Resource::Limits => ResourceKind::Limits,
            Resource::Organization => ResourceKind::Organization,
            Resource::RecordCount => ResourceKind::RecordCount,
            Resource::Global => ResourceKind::DescribeGlobal,
            Resource::Object(_) if reads => ResourceKind::ObjectInfo,
            Resource::Describe(_) => ResourceKind::Describe,
            Resource::Picklists { .. } => ResourceKind::PicklistValues,
            Resource::Updated(_) => ResourceKind::Updated,
            Resource::Deleted(_) => ResourceKind::Deleted,
            Resource::Record { .. } | Resource::ByKey { .. } if reads => ResourceKind::Record,
            Resource::Object(_) | Resource::Record { .. } | Resource::ByKey { .. } => {
                ResourceKind::RecordWrite
            }
            Resource::Query { all: false } => ResourceKind::Query,
            Resource::Query { all: true } => ResourceKind::QueryAll,
            Resource::More { .. } => ResourceKind::QueryMore,
            Resource::Composite => ResourceKind::Composite,
            Resource::Batch => ResourceKind::CompositeBatch,
            Resource::Collections { object: Some(_), field: None } => ResourceKind::Collections,
            Resource::Collections { .. } => ResourceKind::CollectionsWrite,
            Resource::Graph => ResourceKind::CompositeGraph,
            Resource::Tree { .. } => ResourceKind::CompositeTree,
            Resource::BulkJobs if reads => ResourceKind::BulkList,
            Resource::BulkJobs => ResourceKind::BulkCreate,
            Resource::BulkJob(_) if reads => ResourceKind::BulkStatus,
            Resource::BulkJob(_) => ResourceKind::BulkChange,
            Resource::BulkResults(_) => ResourceKind::BulkResults,
            Resource::BulkPages(_) => ResourceKind::BulkResultPages,
            Resource::IngestJobs if reads => ResourceKind::IngestList,
            Resource::IngestJobs => ResourceKind::IngestCreate,
            Resource::IngestJob(_) if reads => ResourceKind::IngestStatus,
            Resource::IngestJob(_) => ResourceKind::IngestChange,
            Resource::IngestUpload(_) => ResourceKind::IngestUpload,
            Resource::IngestResults(..) => ResourceKind::IngestResults,
            Resource::ToolingQuery | Resource::ToolingObject(_) | Resource::ToolingRecord(_) => {
                ResourceKind::Tooling
            }
            Resource::Deployments => ResourceKind::Deploy,
            Resource::Deployment(_) => ResourceKind::DeployStatus,
            Resource::Unknown => ResourceKind::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_resource(path: &str) -> Resource {
        match parse(path) {
            Target::Data { resource, .. } => resource,
            other => panic!("{path} is {other:?}"),
        }
    }

    #[test]
    fn paths_name_resources() {
        let table = [
            ("/services/data/v66.0/", Resource::Index),
            ("/services/data/v66.0/sobjects/", Resource::Global),
            ("/services/data/v66.0/sobjects/Account/describe/", Resource::Describe("Account".into())),
            (
                "/services/data/v66.0/sobjects/Account/001",
                Resource::Record { object: "Account".into(), id: "001".into() },
            ),
            ("/services/data/v66.0/queryAll/01gA-2000", Resource::More { locator: "01gA-2000".into() }),
            ("/services/data/v66.0/jobs/query/750x/resultpages", Resource::BulkPages("750x".into())),
            ("/services/data/v66.0/jobs/query/750x/resultPages", Resource::BulkPages("750x".into())),
            ("/services/data/v66.0/limits/recordCount", Resource::RecordCount),
            ("/services/data/v66.0/limits.json", Resource::Limits),
            ("/services/data/v66.0/nothing", Resource::Unknown),
        ];
        for (path, resource) in table {
            assert_eq!(data_resource(path), resource, "{path}");
        }
    }

    #[test]
    fn a_write_is_another_kind_than_a_read() {
        let record = parse("/services/data/v66.0/sobjects/Account/001");
        assert_eq!(record.kind(true), ResourceKind::Record);
        assert_eq!(record.kind(false), ResourceKind::RecordWrite);
        let jobs = parse("/services/data/v66.0/jobs/query");
        assert_eq!((jobs.kind(true), jobs.kind(false)), (ResourceKind::BulkList, ResourceKind::BulkCreate));
    }
}
