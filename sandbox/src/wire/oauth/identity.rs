//! Who a token belongs to: the identity URL and `userinfo` (section 1.12). Errors are plain text. Read [`identity`].

use serde_json::{Map, Value, json};

use super::bearer;
use crate::org::{Id, UserInfo};
use crate::wire::reply::Reply;
use crate::wire::request::WireRequest;
use crate::wire::server::Server;

/// The identity URL of a user.
pub(super) fn url(server: &Server, user: Id) -> String {
    format!("{}/id/{}/{user}", server.url, server.org.org_id())
}

/// `GET /id/{org}/{user}`
pub(super) fn identity(server: &Server, request: &WireRequest, org: &str, user: &str) -> Reply {
    let own = match token_user(server, request) {
        Ok(own) => own,
        Err(reply) => return *reply,
    };
    if Id::parse(org).ok() != Some(server.org.org_id()) {
        return plain(404, "Wrong_Org");
    }
    if Id::parse(user).ok() != Some(own.id) {
        return plain(403, "Bad_Id");
    }
    let version =
        request.query.get("version").map_or("{version}", |v| if v == "latest" { "67.0" } else { v });
    let (first, last) = names(&own);
    Reply::json(
        200,
        &json!({
            "id": url(server, own.id), "asserted_user": true,
            "user_id": own.id.to_string(), "organization_id": server.org.org_id().to_string(),
            "username": own.username, "nick_name": nick_name(&own), "display_name": own.name,
            "email": own.email, "email_verified": true, "first_name": first, "last_name": last,
            "timezone": "Europe/Paris", "photos": photos(server),
            "addr_street": null, "addr_city": null, "addr_state": null, "addr_country": "FR", "addr_zip": null,
            "mobile_phone": null, "mobile_phone_verified": false, "is_lightning_login_user": false,
            "status": { "created_date": null, "body": null },
            "urls": urls(server, own.id, version), "active": own.is_active, "user_type": "STANDARD",
            "language": "en_US", "locale": "fr_FR", "utcOffset": 3_600_000,
            "last_modified_date": "2026-02-02T10:11:12Z", "is_app_installed": true,
        }),
    )
}

/// `GET /services/oauth2/userinfo`
pub(super) fn user_info(server: &Server, request: &WireRequest) -> Reply {
    let own = match token_user(server, request) {
        Ok(own) => own,
        Err(reply) => return *reply,
    };
    let (first, last) = names(&own);
    Reply::json(
        200,
        &json!({
            "sub": url(server, own.id), "user_id": own.id.to_string(),
            "organization_id": server.org.org_id().to_string(), "preferred_username": own.username,
            "nickname": nick_name(&own), "name": own.name, "email": own.email, "email_verified": true,
            "given_name": first, "family_name": last, "zoneinfo": "Europe/Paris",
            "photos": photos(server), "profile": format!("{}/{}", server.url, own.id),
            "picture": format!("{}/profilephoto/005/F", server.url), "address": { "country": "FR" },
            "is_salesforce_integration_user": own.profile.contains("Integration"),
            "urls": urls(server, own.id, "{version}"), "active": own.is_active, "user_type": "STANDARD",
            "language": "en_US", "locale": "fr_FR", "utcOffset": 3_600_000,
            "updated_at": "2026-02-02T10:11:12Z", "is_app_installed": true,
        }),
    )
}

fn token_user(server: &Server, request: &WireRequest) -> Result<UserInfo, Box<Reply>> {
    let refused = |status, text| Box::new(plain(status, text));
    let token = bearer(request).or_else(|| request.query.get("oauth_token"));
    let token = token.ok_or_else(|| refused(403, "Missing_OAuth_Token"))?;
    let session =
        server.tokens.session(token, server.now()).ok_or_else(|| refused(403, "Bad_OAuth_Token"))?;
    let user = server.org.users().into_iter().find(|user| user.id == session.grant.user);
    user.ok_or_else(|| refused(404, "Bad_Id"))
}

fn plain(status: u16, text: &'static str) -> Reply {
    Reply::new(status, "text/plain;charset=UTF-8", text)
}

fn names(user: &UserInfo) -> (Option<&str>, &str) {
    user.name.rsplit_once(' ').map_or((None, user.name.as_str()), |(first, last)| (Some(first), last))
}

fn nick_name(user: &UserInfo) -> &str {
    user.username.split('@').next().unwrap_or("")
}

fn photos(server: &Server) -> Value {
    let photo = |kind| format!("{}/profilephoto/005/{kind}", server.url);
    json!({ "picture": photo("F"), "thumbnail": photo("T") })
}

fn urls(server: &Server, user: Id, version: &str) -> Value {
    let base = &server.url;
    let org = server.org.org_id();
    let mut urls = Map::new();
    for (name, letter) in [("enterprise", "c"), ("metadata", "m"), ("partner", "u"), ("tooling_soap", "T")] {
        urls.insert(name.into(), format!("{base}/services/Soap/{letter}/{version}/{}", org.short()).into());
    }
    let data = format!("{base}/services/data/v{version}/");
    for (name, path) in [
        ("rest", ""),
        ("sobjects", "sobjects/"),
        ("search", "search/"),
        ("query", "query/"),
        ("recent", "recent/"),
        ("tooling_rest", "tooling/"),
        ("feeds", "chatter/feeds"),
        ("groups", "chatter/groups"),
        ("users", "chatter/users"),
        ("feed_items", "chatter/feed-items"),
        ("feed_elements", "chatter/feed-elements"),
    ] {
        urls.insert(name.into(), format!("{data}{path}").into());
    }
    urls.insert("profile".into(), format!("{base}/{user}").into());
    urls.insert("custom_domain".into(), base.clone().into());
    urls.into()
}
