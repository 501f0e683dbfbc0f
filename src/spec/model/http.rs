//! HTTP apps: how to sign in, page, ask and write, per kind of record.

use super::{Literal, Template};
use crate::diag::Span;
use crate::model::Kind;
use crate::spec::spanned::says_the_same;
use crate::spec::values::{Path, Period, Rate};
use crate::spec::words::words;
use crate::spec::{Entry, Scalar, Spanned};

words! {
    /// How `since` is written.
    pub enum SinceFormat {
        Rfc3339 = "rfc3339", "2026-03-01T10:00:00Z (default)";
        Unix = "unix", "seconds since 1970";
        UnixMs = "unix_ms", "milliseconds since 1970";
        Date = "date", "2026-03-01";
    }
}

words! {
    /// The type of a field of a resource.
    pub enum ResourceFieldKind {
        Text = "text", "";
        Integer = "integer", "";
        Decimal = "decimal", "";
        Boolean = "boolean", "";
        Date = "date", "";
        Datetime = "datetime", "";
        List = "list", "";
        Json = "json", "";
    }
}

impl ResourceFieldKind {
    /// The kind of its values.
    pub fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Integer => Kind::Int,
            Self::Decimal => Kind::Decimal,
            Self::Boolean => Kind::Bool,
            Self::Date => Kind::Date,
            Self::Datetime => Kind::DateTime,
            Self::List => Kind::List,
            Self::Json => Kind::Json,
        }
    }
}

/// Names and values of headers or query parameters.
pub type Pairs = Vec<(Spanned<String>, Spanned<Template>)>;

/// Where an API key goes.
#[derive(Clone, Debug, PartialEq)]
pub enum ApiKeyPlace {
    /// `header: X-API-KEY`
    Header(Entry<String>),
    /// `param: api_key`
    Param(Entry<String>),
}

/// `auth` of an HTTP connection.
#[derive(Clone, Debug, PartialEq)]
pub enum HttpAuth {
    /// `{ type: bearer, token }`
    Bearer {
        /// `token`
        token: Entry<Template>,
    },
    /// `{ type: basic, user, password }`
    Basic {
        /// `user`
        user: Entry<Template>,
        /// `password`
        password: Option<Entry<Template>>,
    },
    /// `{ type: api_key, key, header }` or `{ …, param }`
    ApiKey {
        /// `key`
        key: Entry<Template>,
        /// Where it goes.
        place: ApiKeyPlace,
    },
    /// `{ type: oauth2, grant: client_credentials, … }`
    ClientCredentials {
        /// `token_url`
        token_url: Entry<Template>,
        /// `client_id`
        client_id: Entry<Template>,
        /// `client_secret`
        client_secret: Entry<Template>,
        /// `scopes`
        scopes: Vec<Spanned<String>>,
    },
    /// `{ type: oauth2, grant: refresh_token, … }`
    RefreshToken {
        /// `token_url`
        token_url: Entry<Template>,
        /// `client_id`
        client_id: Entry<Template>,
        /// `client_secret`
        client_secret: Option<Entry<Template>>,
        /// `refresh_token`
        refresh_token: Entry<Template>,
        /// `scopes`
        scopes: Vec<Spanned<String>>,
    },
}

/// `paginate`
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Paginate {
    /// One page.
    #[default]
    None,
    /// The `Link` header of the answer.
    LinkHeader,
    /// A URL in the answer.
    NextUrl {
        /// Where.
        next: Entry<Path>,
    },
    /// A cursor in the answer, sent back as a parameter.
    Cursor {
        /// Where.
        next: Entry<Path>,
        /// Parameter.
        param: Entry<String>,
    },
    /// Page numbers.
    Page {
        /// Parameter of the page.
        param: Entry<String>,
        /// Parameter of the size.
        size_param: Option<Entry<String>>,
        /// The size.
        size: Option<Entry<u32>>,
        /// Number of the first page, default 1.
        first: Option<Entry<u32>>,
    },
    /// Offsets.
    Offset {
        /// Parameter of the offset.
        param: Entry<String>,
        /// Parameter of the size.
        size_param: Option<Entry<String>>,
        /// The size.
        size: Option<Entry<u32>>,
    },
}

/// A request: `PUT /customer/{id}`, or `none`.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// This cannot be done.
    None,
    /// Method and path; `{id}`, `{value}`, `{parent.id}` are filled in.
    Call {
        /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`
        method: String,
        /// Beginning with `/`, query included.
        path: String,
        /// As written.
        scalar: Scalar,
    },
}

/// How incoming webhooks prove themselves.
#[derive(Clone, Debug, PartialEq)]
pub enum WebhookProof {
    /// Bearer token or `?token=`.
    Token(Entry<Template>),
    /// HMAC-SHA256 of the body in a header.
    Hmac {
        /// `secret`
        secret: Entry<Template>,
        /// `header`
        header: Entry<String>,
    },
}

/// `webhook` of a resource: where things are in the body.
#[derive(Clone, Debug, PartialEq)]
pub struct HookSpec {
    /// `id`
    pub id: Entry<Path>,
    /// `event`: where the kind of event is
    pub event: Option<Entry<Path>>,
    /// `deletes`: kinds of event that mean a delete
    pub deletes: Vec<Spanned<String>>,
}

/// A field of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceField {
    /// Its name.
    pub name: Spanned<String>,
    /// Its type.
    pub kind: Spanned<ResourceFieldKind>,
    /// `required`
    pub required: Option<Entry<bool>>,
    /// `read_only`
    pub read_only: Option<Entry<bool>>,
    /// `one_of`
    pub one_of: Option<Entry<Vec<Spanned<Literal>>>>,
}

impl ResourceField {
    /// Whether a new record needs it.
    pub fn required(&self) -> bool {
        self.required.as_ref().is_some_and(|entry| entry.value)
    }

    /// Whether it cannot be written.
    pub fn read_only(&self) -> bool {
        self.read_only.as_ref().is_some_and(|entry| entry.value)
    }
}

/// One kind of record of an HTTP app.
#[derive(Clone, Debug)]
pub struct ResourceSpec {
    /// Its name in pipelines.
    pub name: Spanned<String>,
    /// The whole mapping.
    pub span: Span,
    /// `path`
    pub path: Entry<String>,
    /// `list`
    pub list: Option<Entry<Request>>,
    /// `get`
    pub get: Option<Entry<Request>>,
    /// `create`
    pub create: Option<Entry<Request>>,
    /// `update`
    pub update: Option<Entry<Request>>,
    /// `delete`
    pub delete: Option<Entry<Request>>,
    /// `find`: field and request
    pub find: Vec<(Spanned<Path>, Spanned<Request>)>,
    /// `key`, default `id`
    pub key: Option<Entry<Path>>,
    /// `records`, default `$`
    pub records: Option<Entry<Path>>,
    /// `record`, default `$`
    pub record: Option<Entry<Path>>,
    /// `wrap`
    pub wrap: Option<Entry<String>>,
    /// `updated_at`
    pub updated_at: Option<Entry<Path>>,
    /// `since`
    pub since: Option<Entry<String>>,
    /// `since_format`
    pub since_format: Option<Entry<SinceFormat>>,
    /// `deleted`
    pub deleted: Option<Entry<Path>>,
    /// `parent`: another resource of the same connection
    pub parent: Option<Entry<String>>,
    /// `paginate`; `None` is that of the connection
    pub paginate: Option<Entry<Paginate>>,
    /// `params`, added to those of the connection
    pub params: Pairs,
    /// `webhook`
    pub webhook: Option<Entry<HookSpec>>,
    /// `fields`; `None` where they are not declared
    pub fields: Option<Entry<Vec<ResourceField>>>,
}

says_the_same!(ResourceSpec { span } { name, path, list, get, create, update, delete, find, key, records, record, wrap, updated_at, since, since_format, deleted, parent, paginate, params, webhook, fields });

/// `type: http`
#[derive(Clone, Debug, PartialEq)]
pub struct HttpConnection {
    /// `base_url`
    pub base_url: Entry<Template>,
    /// `auth`
    pub auth: Option<Entry<HttpAuth>>,
    /// `headers`
    pub headers: Pairs,
    /// `params`
    pub params: Pairs,
    /// `rate_limit`
    pub rate_limit: Option<Entry<Rate>>,
    /// `concurrency`
    pub concurrency: Option<Entry<u32>>,
    /// `timeout`
    pub timeout: Option<Entry<Period>>,
    /// `paginate`
    pub paginate: Option<Entry<Paginate>>,
    /// `idempotency_header`
    pub idempotency_header: Option<Entry<String>>,
    /// `webhook`
    pub webhook: Option<Entry<WebhookProof>>,
    /// `ping`
    pub ping: Option<Entry<Request>>,
    /// `resources`
    pub resources: Vec<ResourceSpec>,
}

impl HttpConnection {
    /// `concurrency` (default: 4 requests at once).
    pub fn concurrency(&self) -> u32 {
        self.concurrency.as_ref().map_or(4, |entry| entry.value)
    }

    /// `timeout` (default: 30 seconds).
    pub fn timeout(&self) -> std::time::Duration {
        self.timeout.as_ref().map_or(std::time::Duration::from_secs(30), |entry| entry.value.about())
    }

    /// A resource by its name.
    pub fn resource(&self, name: &str) -> Option<&ResourceSpec> {
        self.resources.iter().find(|resource| resource.name.value == name)
    }
}
