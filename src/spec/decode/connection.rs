//! Connection files but HTTP.

use super::fields::{Fields, Templates};
use super::http;
use crate::diag::{Diagnostic, SourceId};
use crate::model::ConnectionName;
use crate::spec::values::{Path, Share};
use crate::spec::yaml::Node;
use crate::spec::{
    ConnectionFile, ConnectionKind, Duplicates, EmailConnection, Entry, Environment, Manage,
    PostgresConnection, ProtectedField, SalesforceAuth, SalesforceConnection, SalesforceWebhook,
    SlackConnection, Spanned, SqlResource, SqliteConnection, TlsMode, WebhookConnection,
};

pub(super) fn decode(
    root: &Node,
    source: SourceId,
    name: &ConnectionName,
    out: &mut Vec<Diagnostic>,
) -> Option<ConnectionFile> {
    let fields = Fields::of(root)?;
    let (_, kind_node) = fields.get("type")?;
    let mut templates = Templates { owner: name.as_str(), secrets: Vec::new(), out };
    let kind = match &*kind_node.scalar()?.text {
        "salesforce" => ConnectionKind::Salesforce(Box::new(salesforce(&fields, &mut templates)?)),
        "http" => ConnectionKind::Http(Box::new(http::decode(&fields, &mut templates)?)),
        "postgres" => ConnectionKind::Postgres(Box::new(postgres(&fields, &mut templates))),
        "sqlite" => ConnectionKind::Sqlite(Box::new(sqlite(&fields, &mut templates)?)),
        "slack" => ConnectionKind::Slack(SlackConnection { url: templates.secret(&fields, "url")? }),
        "email" => ConnectionKind::Email(Box::new(email(&fields, &mut templates)?)),
        "webhook" => ConnectionKind::Webhook(webhook(&fields, &mut templates)?),
        _ => return None,
    };
    let mut secrets = templates.secrets;
    secrets.sort_by_key(|secret| secret.span.start);
    Some(ConnectionFile {
        source,
        name: name.clone(),
        type_span: kind_node.span,
        description: fields.text("description"),
        read_only: fields.bool("read_only"),
        protect: fields.items("protect", protected),
        secrets,
        kind,
    })
}

fn protected(node: &Node) -> Option<ProtectedField> {
    let (object, field) = node.scalar()?.text.split_once('.')?;
    Some(ProtectedField { object: object.to_owned(), field: Path::parse(field).ok()? })
}

fn salesforce(fields: &Fields<'_>, templates: &mut Templates<'_>) -> Option<SalesforceConnection> {
    let domain = templates.entry(fields, "domain");
    let auth = fields.entry("auth", |node| auth(&Fields::of(node)?, templates))?;
    if domain.is_none()
        && !fields.has("domain")
        && !fields.has("login_url")
        && matches!(auth.value, SalesforceAuth::ClientCredentials { .. })
    {
        let title = "`domain` is missing";
        templates.out.push(
            Diagnostic::error("E102", title, auth.key, "flow client_credentials needs it")
                .help("domain: acme.my.salesforce.com    (Setup → My Domain)"),
        );
    }
    check_addresses(fields, templates.out);
    Some(SalesforceConnection {
        environment: fields.word("environment", Environment::from_word)?,
        domain,
        login_url: templates.entry(fields, "login_url"),
        pubsub_url: templates.entry(fields, "pubsub_url"),
        auth,
        api_version: fields.text("api_version"),
        api_budget: fields.entry("api_budget", |node| Share::parse(&node.scalar()?.text).ok()),
        concurrency: fields.number("concurrency"),
        duplicates: fields.word("duplicates", Duplicates::from_word),
        assignment_rules: fields.bool("assignment_rules"),
        cdc_channel: fields.text("cdc_channel"),
        manage: fields.items("manage", |node| Manage::from_word(&node.scalar()?.text)),
        webhook: salesforce_webhook(fields, templates),
        default_currency: fields.text("default_currency"),
    })
}

/// E606: passwords and tokens go only over encrypted connections, or to this machine.
fn check_addresses(fields: &Fields<'_>, out: &mut Vec<Diagnostic>) {
    for key in ["login_url", "pubsub_url"] {
        let Some((_, node)) = fields.get(key) else { continue };
        let Some(host) = node.scalar().and_then(|scalar| scalar.text.strip_prefix("http://")) else {
            continue;
        };
        let host = host.split(['/', '?']).next().unwrap_or(host);
        let name = if host.starts_with('[') {
            host.split(']').next().unwrap_or(host).trim_start_matches('[')
        } else {
            host.split(':').next().unwrap_or(host)
        };
        let loopback =
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !loopback {
            let title = format!("`{key}` would send secrets unencrypted");
            out.push(
                Diagnostic::error("E606", title, node.span, "not this machine").help(
                    "use https://; plain http is allowed only to loopback, such as http://127.0.0.1:8090",
                ),
            );
        }
    }
}

fn auth(fields: &Fields<'_>, templates: &mut Templates<'_>) -> Option<SalesforceAuth> {
    let flow = fields.text("flow")?.value;
    let client_id = templates.entry(fields, "client_id")?;
    match flow.as_str() {
        "authorization_code" => Some(SalesforceAuth::AuthorizationCode {
            client_id,
            client_secret: templates.secret(fields, "client_secret"),
        }),
        "client_credentials" => Some(SalesforceAuth::ClientCredentials {
            client_id,
            client_secret: templates.secret(fields, "client_secret")?,
        }),
        "jwt_bearer" => Some(SalesforceAuth::JwtBearer {
            client_id,
            username: templates.entry(fields, "username")?,
            private_key: templates.secret(fields, "private_key")?,
        }),
        _ => None,
    }
}

fn salesforce_webhook(fields: &Fields<'_>, templates: &mut Templates<'_>) -> SalesforceWebhook {
    let Some(webhook) = fields.get("webhook").and_then(|(_, node)| Fields::of(node)) else {
        return SalesforceWebhook::default();
    };
    SalesforceWebhook { token: templates.secret(&webhook, "token"), setting: webhook.text("setting") }
}

fn postgres(fields: &Fields<'_>, templates: &mut Templates<'_>) -> PostgresConnection {
    const PARTS: [&str; 5] = ["host", "port", "database", "user", "password"];
    let parts = PARTS.iter().find_map(|key| fields.get(key));
    match (fields.get("url"), parts) {
        (Some((url, _)), Some((part, _))) => templates.out.push(
            Diagnostic::error("E105", format!("`url` and `{}` exclude each other", part.text), part.span, "")
                .also(url.span, "says it already")
                .help("keep the url, or its parts"),
        ),
        (None, None) if !fields.has("url") && !PARTS.iter().any(|key| fields.has(key)) => {
            let span = fields.get("type").map_or(fields.span, |(key, _)| key.span);
            templates.out.push(
                Diagnostic::error("E102", "`url` is missing", span, "a connection of type postgres needs it")
                    .help("url: ${env:DATABASE_URL}")
                    .help("or its parts: host, port, database, user, password"),
            );
        }
        _ => {}
    }
    PostgresConnection {
        url: templates.entry(fields, "url"),
        host: templates.entry(fields, "host"),
        port: fields.number("port"),
        database: templates.entry(fields, "database"),
        user: templates.entry(fields, "user"),
        password: templates.secret(fields, "password"),
        tls: fields.word("tls", TlsMode::from_word),
        schema: fields.text("schema"),
        pool: fields.number("pool"),
        create_tables: fields.bool("create_tables"),
        webhook: fields.entry("webhook", |node| super::http::proof(&Fields::of(node)?, templates)),
        resources: sql_resources(fields),
    }
}

fn sqlite(fields: &Fields<'_>, templates: &mut Templates<'_>) -> Option<SqliteConnection> {
    Some(SqliteConnection {
        path: templates.entry(fields, "path")?,
        create_tables: fields.bool("create_tables"),
        webhook: fields.entry("webhook", |node| super::http::proof(&Fields::of(node)?, templates)),
        resources: sql_resources(fields),
    })
}

fn sql_resources(fields: &Fields<'_>) -> Vec<SqlResource> {
    let Some(all) = fields.get("resources").and_then(|(_, node)| Fields::of(node)) else { return Vec::new() };
    all.pairs()
        .iter()
        .filter_map(|(name, node)| {
            let fields = Fields::of(node)?;
            Some(SqlResource {
                name: Spanned::new(name.text.to_string(), name.span),
                table: fields.text("table"),
                key: fields.path("key"),
                updated_at: fields.path("updated_at"),
                deleted_at: fields.path("deleted_at"),
                listen: fields.text("listen"),
            })
        })
        .collect()
}

fn email(fields: &Fields<'_>, templates: &mut Templates<'_>) -> Option<EmailConnection> {
    let (to_key, to_node) = fields.get("to")?;
    Some(EmailConnection {
        smtp: templates.entry(fields, "smtp")?,
        user: templates.entry(fields, "user"),
        password: templates.secret(fields, "password"),
        from: templates.entry(fields, "from")?,
        to: Entry {
            key: to_key.span,
            value: to_node.items()?.iter().filter_map(|item| templates.read(item)).collect(),
            span: to_node.span,
        },
    })
}

fn webhook(fields: &Fields<'_>, templates: &mut Templates<'_>) -> Option<WebhookConnection> {
    Some(WebhookConnection {
        url: templates.entry(fields, "url")?,
        headers: templates.pairs(fields, "headers"),
    })
}
