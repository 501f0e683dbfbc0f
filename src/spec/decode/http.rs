//! HTTP connections and their resources.

use super::fields::{Fields, Templates, literal, text};
use crate::diag::Diagnostic;
use crate::spec::values::{Path, Rate};
use crate::spec::yaml::Node;
use crate::spec::{
    ApiKeyPlace, Entry, HookSpec, HttpAuth, HttpConnection, Paginate, Request, ResourceField,
    ResourceFieldKind, ResourceSpec, Scalar, SinceFormat, Spanned, WebhookProof,
};

pub(super) fn decode(fields: &Fields<'_>, templates: &mut Templates<'_>) -> Option<HttpConnection> {
    let base_url = templates.entry(fields, "base_url")?;
    let (_, resources) = fields.get("resources")?;
    let resources = Fields::of(resources)?.pairs();
    let resources: Vec<ResourceSpec> =
        resources.iter().filter_map(|(name, node)| resource(name, node, templates)).collect();
    Some(HttpConnection {
        base_url,
        auth: fields.entry("auth", |node| auth(&Fields::of(node)?, templates)),
        headers: templates.pairs(fields, "headers"),
        params: templates.pairs(fields, "params"),
        rate_limit: fields.entry("rate_limit", |node| Rate::parse(&node.scalar()?.text).ok()),
        concurrency: fields.number("concurrency"),
        timeout: fields.period("timeout"),
        paginate: fields.entry("paginate", paginate),
        idempotency_header: fields.text("idempotency_header"),
        webhook: fields.entry("webhook", |node| proof(&Fields::of(node)?, templates)),
        ping: fields.entry("ping", request),
        resources,
    })
}

fn auth(fields: &Fields<'_>, templates: &mut Templates<'_>) -> Option<HttpAuth> {
    match fields.text("type")?.value.as_str() {
        "bearer" => Some(HttpAuth::Bearer { token: templates.secret(fields, "token")? }),
        "basic" => Some(HttpAuth::Basic {
            user: templates.entry(fields, "user")?,
            password: templates.secret(fields, "password"),
        }),
        "api_key" => Some(HttpAuth::ApiKey {
            key: templates.secret(fields, "key")?,
            place: api_key_place(fields, templates.out)?,
        }),
        "oauth2" => oauth2(fields, templates),
        _ => None,
    }
}

fn api_key_place(fields: &Fields<'_>, out: &mut Vec<Diagnostic>) -> Option<ApiKeyPlace> {
    let key = fields.get("key").map_or(fields.span, |(key, _)| key.span);
    match (fields.text("header"), fields.text("param")) {
        (Some(header), None) => Some(ApiKeyPlace::Header(header)),
        (None, Some(param)) => Some(ApiKeyPlace::Param(param)),
        (Some(header), Some(param)) => {
            let title = "`header` and `param` exclude each other";
            out.push(
                Diagnostic::error("E105", title, param.key, "")
                    .also(header.key, "said already")
                    .help("keep one"),
            );
            None
        }
        (None, None) => {
            if !fields.has("header") && !fields.has("param") {
                let title = "`header` is missing";
                out.push(
                    Diagnostic::error("E102", title, key, "where does the key go?")
                        .help("header: X-API-KEY    or    param: api_key"),
                );
            }
            None
        }
    }
}

fn oauth2(fields: &Fields<'_>, templates: &mut Templates<'_>) -> Option<HttpAuth> {
    let token_url = templates.entry(fields, "token_url")?;
    let client_id = templates.entry(fields, "client_id")?;
    let client_secret = templates.secret(fields, "client_secret");
    let refresh_token = templates.secret(fields, "refresh_token");
    let scopes = fields.items("scopes", text);
    let grant = fields.text("grant")?;
    let mut needs = |key: &str| {
        if !fields.has(key) {
            let label = format!("grant {} needs `{key}`", grant.value);
            templates.out.push(Diagnostic::error("E102", format!("`{key}` is missing"), grant.span, label));
        }
    };
    if grant.value == "refresh_token" {
        needs("refresh_token");
        let refresh_token = refresh_token?;
        return Some(HttpAuth::RefreshToken { token_url, client_id, client_secret, refresh_token, scopes });
    }
    needs("client_secret");
    Some(HttpAuth::ClientCredentials { token_url, client_id, client_secret: client_secret?, scopes })
}

fn paginate(node: &Node) -> Option<Paginate> {
    let fields = Fields::of(node)?;
    Some(match fields.text("type")?.value.as_str() {
        "none" => Paginate::None,
        "link_header" => Paginate::LinkHeader,
        "next_url" => Paginate::NextUrl { next: fields.path("next")? },
        "cursor" => Paginate::Cursor { next: fields.path("next")?, param: fields.text("param")? },
        "page" => Paginate::Page {
            param: fields.text("param")?,
            size_param: fields.text("size_param"),
            size: fields.number("size"),
            first: fields.number("first"),
        },
        "offset" => Paginate::Offset {
            param: fields.text("param")?,
            size_param: fields.text("size_param"),
            size: fields.number("size"),
        },
        _ => return None,
    })
}

pub(super) fn proof(fields: &Fields<'_>, templates: &mut Templates<'_>) -> Option<WebhookProof> {
    if let Some(token) = templates.secret(fields, "token") {
        return Some(WebhookProof::Token(token));
    }
    let (secret, header) = (templates.secret(fields, "secret"), fields.text("header"));
    for key in ["secret", "header"] {
        if !fields.has(key) && !fields.has("token") {
            let title = format!("`{key}` is missing");
            templates.out.push(
                Diagnostic::error("E102", title, fields.span, "how do incoming hooks prove themselves?")
                    .help("token: ${env:…}    or    secret: ${env:…} and header: X-Signature"),
            );
            break;
        }
    }
    Some(WebhookProof::Hmac { secret: secret?, header: header? })
}

fn request(node: &Node) -> Option<Request> {
    let scalar = node.scalar()?;
    if &*scalar.text == "none" {
        return Some(Request::None);
    }
    let (method, path) = scalar.text.split_once(' ')?;
    Some(Request::Call { method: method.to_owned(), path: path.to_owned(), scalar: scalar.clone() })
}

fn resource(name: &Scalar, node: &Node, templates: &mut Templates<'_>) -> Option<ResourceSpec> {
    let fields = Fields::of(node)?;
    Some(ResourceSpec {
        name: Spanned::new(name.text.to_string(), name.span),
        span: fields.span,
        path: fields.text("path")?,
        list: fields.entry("list", request),
        get: fields.entry("get", request),
        create: fields.entry("create", request),
        update: fields.entry("update", request),
        delete: fields.entry("delete", request),
        find: find(&fields),
        key: fields.path("key"),
        records: fields.path("records"),
        record: fields.path("record"),
        wrap: fields.text("wrap"),
        updated_at: fields.path("updated_at"),
        since: fields.text("since"),
        since_format: fields.word("since_format", SinceFormat::from_word),
        deleted: fields.path("deleted"),
        parent: fields.text("parent"),
        paginate: fields.entry("paginate", paginate),
        params: templates.pairs(&fields, "params"),
        webhook: fields.entry("webhook", hook),
        fields: fields.entry("fields", resource_fields),
    })
}

fn find(fields: &Fields<'_>) -> Vec<(Spanned<Path>, Spanned<Request>)> {
    let Some(all) = fields.get("find").and_then(|(_, node)| Fields::of(node)) else { return Vec::new() };
    let read = |(key, node): &(Scalar, Node)| {
        Some((super::fields::key_path(key)?, Spanned::new(request(node)?, node.span)))
    };
    all.pairs().iter().filter_map(read).collect()
}

fn hook(node: &Node) -> Option<HookSpec> {
    let fields = Fields::of(node)?;
    Some(HookSpec {
        id: fields.path("id")?,
        event: fields.path("event"),
        deletes: fields.items("deletes", text),
    })
}

fn resource_fields(node: &Node) -> Option<Vec<ResourceField>> {
    Some(node.entries()?.iter().filter_map(|(name, node)| resource_field(name, node)).collect())
}

fn resource_field(name: &Scalar, node: &Node) -> Option<ResourceField> {
    let name = Spanned::new(name.text.to_string(), name.span);
    if let Some(scalar) = node.scalar() {
        let kind = Spanned::new(ResourceFieldKind::from_word(&scalar.text)?, scalar.span);
        return Some(ResourceField { name, kind, required: None, read_only: None, one_of: None });
    }
    let fields = Fields::of(node)?;
    let kind: Entry<ResourceFieldKind> = fields.word("type", ResourceFieldKind::from_word)?;
    Some(ResourceField {
        name,
        kind: Spanned::new(kind.value, kind.span),
        required: fields.bool("required"),
        read_only: fields.bool("read_only"),
        one_of: fields.list("one_of", literal),
    })
}
