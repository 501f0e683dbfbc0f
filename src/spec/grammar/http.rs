//! HTTP connections and their resources.

use super::connections::{DESCRIPTION, PROTECT, READ_ONLY, TYPE};
use super::shape::{ByWord, COUNT, Each, Key, Mapping, POSITIVE, Shape, key, required, word};
use crate::spec::{Choice, ResourceFieldKind, SinceFormat};

const PAIRS: Shape = Shape::MapOf(&Each { key: Shape::Text, value: Shape::Template });
const PAGINATE: Key = key("paginate", Shape::ByWord(&PAGES), "How lists go on.").or("{ type: none }");

pub(super) static HTTP: Mapping = Mapping {
    name: "connection of type http",
    noun: "a connection of type http",
    doc: "An app with an HTTP API.",
    keys: &[
        TYPE,
        DESCRIPTION,
        READ_ONLY,
        PROTECT,
        required("base_url", Shape::Url, "What every path is added to."),
        key("auth", Shape::ByWord(&AUTH), "How requests prove themselves."),
        key("headers", PAIRS, "Sent with every request."),
        key("params", PAIRS, "Query parameters of every request."),
        key("rate_limit", Shape::Rate, "At most so many requests. 429 and `Retry-After` are always obeyed."),
        key("concurrency", Shape::Int { min: 1, max: 1000 }, "Requests at once.").or("4"),
        key("timeout", Shape::Period, "Of one request.").or("30 seconds"),
        PAGINATE,
        key(
            "idempotency_header",
            Shape::Text,
            "Header of creates that names the attempt, where the app knows one (`Idempotency-Key`): a create whose answer was lost is sent again under the same name.",
        ),
        key(
            "webhook",
            Shape::Map(&PROOF),
            "How incoming hooks prove themselves: `{ token }` or `{ secret, header }`.",
        ),
        key("ping", Shape::Request, "Used by `check --online`."),
        required(
            "resources",
            Shape::MapOf(&Each { key: Shape::Text, value: Shape::Map(&RESOURCE) }),
            "The kinds of records.",
        ),
    ],
};

const AUTH_TYPES: &[Choice] = &[
    word("bearer", "a token"),
    word("basic", "user and password"),
    word("api_key", "a key in a header or parameter"),
    word("oauth2", "tokens from a token address"),
];
const AUTH_TYPE: Key = required("type", Shape::Choice(AUTH_TYPES), "Which kind.");

static AUTH: ByWord = ByWord {
    name: "auth of http",
    key: "type",
    cases: &[
        (AUTH_TYPES[0], &BEARER),
        (AUTH_TYPES[1], &BASIC),
        (AUTH_TYPES[2], &API_KEY),
        (AUTH_TYPES[3], &OAUTH2),
    ],
};

static BEARER: Mapping = Mapping {
    name: "auth of type bearer",
    noun: "`auth` of type bearer",
    doc: "`Authorization: Bearer …`",
    keys: &[AUTH_TYPE, required("token", Shape::Secret, "The token.")],
};

static BASIC: Mapping = Mapping {
    name: "auth of type basic",
    noun: "`auth` of type basic",
    doc: "`Authorization: Basic …`",
    keys: &[
        AUTH_TYPE,
        required("user", Shape::Template, "User."),
        key("password", Shape::Secret, "Password."),
    ],
};

static API_KEY: Mapping = Mapping {
    name: "auth of type api_key",
    noun: "`auth` of type api_key",
    doc: "A key in a header or in a query parameter.",
    keys: &[
        AUTH_TYPE,
        required("key", Shape::Secret, "The key."),
        key("header", Shape::Text, "Name of the header; or `param`."),
        key("param", Shape::Text, "Name of the query parameter; or `header`."),
    ],
};

const GRANTS: &[Choice] =
    &[word("client_credentials", "id and secret are enough"), word("refresh_token", "with a refresh token")];

static OAUTH2: Mapping = Mapping {
    name: "auth of type oauth2",
    noun: "`auth` of type oauth2",
    doc: "Access tokens from a token address.",
    keys: &[
        AUTH_TYPE,
        required("grant", Shape::Choice(GRANTS), "Which grant."),
        required("token_url", Shape::Url, "Where tokens come from."),
        required("client_id", Shape::Template, "Client id."),
        key("client_secret", Shape::Secret, "Client secret."),
        key("scopes", Shape::List(&Shape::Text), "Scopes to ask for."),
        key("refresh_token", Shape::Secret, "For grant refresh_token."),
    ],
};

const PAGE_TYPES: &[Choice] = &[
    word("none", "one page (default)"),
    word("link_header", "the Link header of the answer"),
    word("next_url", "a URL in the answer"),
    word("cursor", "a cursor in the answer, sent back as a parameter"),
    word("page", "page numbers"),
    word("offset", "offsets"),
];
const PAGE_TYPE: Key = required("type", Shape::Choice(PAGE_TYPES), "Which way.");
const NEXT: Key = required("next", Shape::Path, "Where it is in the answer.");
const PARAM: Key = required("param", Shape::Text, "Query parameter.");
const SIZE_PARAM: Key = key("size_param", Shape::Text, "Query parameter of the page size.");
const SIZE: Key = key("size", POSITIVE, "Page size.");

static PAGES: ByWord = ByWord {
    name: "paginate",
    key: "type",
    cases: &[
        (PAGE_TYPES[0], &NO_PAGES),
        (PAGE_TYPES[1], &LINK_HEADER),
        (PAGE_TYPES[2], &NEXT_URL),
        (PAGE_TYPES[3], &CURSOR),
        (PAGE_TYPES[4], &PAGE),
        (PAGE_TYPES[5], &OFFSET),
    ],
};

static NO_PAGES: Mapping =
    Mapping { name: "paginate none", noun: "`paginate` of type none", doc: "One page.", keys: &[PAGE_TYPE] };
static LINK_HEADER: Mapping = Mapping {
    name: "paginate link_header",
    noun: "`paginate` of type link_header",
    doc: "`Link: <…>; rel=\"next\"`",
    keys: &[PAGE_TYPE],
};
static NEXT_URL: Mapping = Mapping {
    name: "paginate next_url",
    noun: "`paginate` of type next_url",
    doc: "A URL in the answer.",
    keys: &[PAGE_TYPE, NEXT],
};
static CURSOR: Mapping = Mapping {
    name: "paginate cursor",
    noun: "`paginate` of type cursor",
    doc: "A cursor in the answer.",
    keys: &[PAGE_TYPE, NEXT, PARAM],
};
static PAGE: Mapping = Mapping {
    name: "paginate page",
    noun: "`paginate` of type page",
    doc: "Page numbers.",
    keys: &[PAGE_TYPE, PARAM, SIZE_PARAM, SIZE, key("first", COUNT, "Number of the first page.").or("1")],
};
static OFFSET: Mapping = Mapping {
    name: "paginate offset",
    noun: "`paginate` of type offset",
    doc: "Offsets.",
    keys: &[PAGE_TYPE, PARAM, SIZE_PARAM, SIZE],
};

pub(super) static PROOF: Mapping = Mapping {
    name: "webhook of an app",
    noun: "`webhook`",
    doc: "How incoming hooks prove themselves.",
    keys: &[
        key("token", Shape::Secret, "Bearer token, or `?token=`."),
        key("secret", Shape::Secret, "Key of the HMAC-SHA256 of the body; needs `header`."),
        key("header", Shape::Text, "Header of the signature."),
    ],
};

static HOOK: Mapping = Mapping {
    name: "webhook of a resource",
    noun: "`webhook` of a resource",
    doc: "Where things are in the body; the address is `POST {public_url}/hooks/<connection>/<resource>`.",
    keys: &[
        required("id", Shape::Path, "The id of the record."),
        key("event", Shape::Path, "The kind of event."),
        key("deletes", Shape::List(&Shape::Text), "Kinds of event that mean a delete.").or("[]"),
    ],
};

static FIELD: Mapping = Mapping {
    name: "field of a resource",
    noun: "a field",
    doc: "A field with more than a type.",
    keys: &[
        required("type", Shape::Choice(ResourceFieldKind::CHOICES), "Its type."),
        key("required", Shape::Bool, "A new record needs it.").or("false"),
        key("read_only", Shape::Bool, "It cannot be written.").or("false"),
        key("one_of", Shape::List(&Shape::Literal), "The values it may have."),
    ],
};

static RESOURCE: Mapping = Mapping {
    name: "resource of an http connection",
    noun: "a resource",
    doc: "One kind of record: list `GET {path}`, read `GET {path}/{id}`, create `POST {path}`, update `PATCH {path}/{id}`, delete `DELETE {path}/{id}`.",
    keys: &[
        required("path", Shape::UrlPath, "Added to `base_url`."),
        key("list", Shape::Request, "Only where it differs.").or("GET {path}"),
        key("get", Shape::Request, "Only where it differs.").or("GET {path}/{id}"),
        key("create", Shape::Request, "Only where it differs.").or("POST {path}"),
        key("update", Shape::Request, "Only where it differs: `PUT /customer/{id}`.").or("PATCH {path}/{id}"),
        key("delete", Shape::Request, "Only where it differs; `none` where it cannot be done.")
            .or("DELETE {path}/{id}"),
        key(
            "find",
            Shape::MapOf(&Each { key: Shape::Path, value: Shape::Request }),
            "Asks for one record by a match key: `{ email: \"GET /users?email={value}\" }`. Without it the daemon keeps an index from the list. Rows with `as:` are asked for in their normal form; where the app compares letter by letter, which is tried once, the list is read for what it did not find.",
        ),
        key("key", Shape::Path, "The id.").or("id"),
        key("records", Shape::Path, "Where the records are in a list answer.").or("$"),
        key("record", Shape::Path, "Where the record is in a single answer.").or("$"),
        key("wrap", Shape::Text, "Sent bodies become `{ \"<wrap>\": { … } }`."),
        key("updated_at", Shape::Path, "Change time of a record; used for polling and `conflict: newest`."),
        key("since", Shape::Text, "Query parameter that asks for records changed since."),
        key("since_format", Shape::Choice(SinceFormat::CHOICES), "How its value is written.").or("rfc3339"),
        key("deleted", Shape::Path, "True or not empty on deleted records."),
        key("parent", Shape::Text, "A resource, for `path: /task/{parent.id}/comment`."),
        PAGINATE,
        key("params", PAIRS, "Query parameters of its list."),
        key("webhook", Shape::Map(&HOOK), "Where things are in the body of incoming hooks."),
        key(
            "fields",
            Shape::MapOf(&Each {
                key: Shape::Text,
                value: Shape::Either(&Shape::Choice(ResourceFieldKind::CHOICES), &FIELD),
            }),
            "Names and types. With it, rows are checked before anything runs; without it, unknown names are only found when the app answers.",
        ),
    ],
};
