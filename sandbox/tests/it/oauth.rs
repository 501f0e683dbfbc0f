//! Every grant, its errors, and what becomes of tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use ring::{digest, rand};
use serde_json::{Value, json};
use sfsync_sandbox::{JwtKey, OAuthClient, Sandbox, SandboxConfig, TokensRevoked};

use crate::rig::{Rig, config, header};

const CALLBACK: &str = "http://localhost:1717/OauthRedirect";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";
const PRIVATE_KEY: &str = include_str!("../fixtures/test_only_private_key.pem");
const CERTIFICATE: &str = include_str!("../fixtures/test_only_certificate.pem");

fn error(error: &str, description: &str) -> (u16, Value) {
    (400, json!({ "error": error, "error_description": description }))
}

/// A rig whose authorize page approves at once, with a web client.
async fn web_rig(client: OAuthClient) -> Rig {
    let probe = Rig::start().await;
    let username = integration_username(&probe);
    drop(probe);
    let clients = vec![client.redirect_uri(CALLBACK)];
    Rig::with(SandboxConfig { clients, auto_approve: Some(username), ..config() }).await
}

fn integration_username(rig: &Rig) -> String {
    let org = rig.sandbox.org();
    org.users().into_iter().find(|user| user.id == org.integration_user()).unwrap().username
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, VERIFIER.as_bytes()))
}

/// The query parameters of the redirect.
async fn authorize(rig: &Rig, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([
        ("response_type", "code"),
        ("client_id", "web"),
        ("redirect_uri", CALLBACK),
        ("state", "s&t"),
    ]);
    query.extend_pairs(more);
    let url = format!("{}/services/oauth2/authorize?{}", rig.sandbox.url(), query.finish());
    let response = rig.http.get(url).send().await.unwrap();
    assert_eq!(response.status(), 302);
    let location =
        header(&response, "location").strip_prefix(CALLBACK).unwrap().trim_start_matches('?').to_owned();
    form_urlencoded::parse(location.as_bytes()).into_owned().collect()
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

async fn exchange(rig: &Rig, code: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", "web"),
        ("client_secret", "secret"),
        ("code", code),
        ("redirect_uri", CALLBACK),
    ];
    form.extend_from_slice(more);
    rig.token_request(&form).await
}

async fn sign_in(rig: &Rig) -> Value {
    let redirect = authorize(rig, &[("code_challenge", &challenge())]).await;
    let (status, answer) = exchange(rig, value(&redirect, "code"), &[("code_verifier", VERIFIER)]).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn refresh(rig: &Rig, token: &Value) -> (u16, Value) {
    rig.token_request(&[
        ("grant_type", "refresh_token"),
        ("client_id", "web"),
        ("client_secret", "secret"),
        ("refresh_token", token.as_str().unwrap()),
    ])
    .await
}

#[tokio::test]
async fn client_credentials() {
    let rig = Rig::start().await;
    let form = |secret| {
        [("grant_type", "client_credentials"), ("client_id", Sandbox::CLIENT_ID), ("client_secret", secret)]
    };
    let (status, answer) = rig.token_request(&form(Sandbox::CLIENT_SECRET)).await;
    assert_eq!(status, 200);
    let org = rig.sandbox.org();
    assert_eq!(answer["instance_url"], rig.sandbox.url());
    assert_eq!(answer["id"], format!("{}/id/{}/{}", rig.sandbox.url(), org.org_id(), org.integration_user()));
    assert_eq!((&answer["token_type"], &answer["scope"]), (&json!("Bearer"), &json!("api id")));
    assert_eq!(answer["issued_at"], "1773219600000");
    assert!(answer.get("refresh_token").is_none() && answer.get("expires_in").is_none());
    assert!(answer["access_token"].as_str().unwrap().starts_with(&format!("{}!", org.org_id().short())));

    assert_eq!(
        rig.token_request(&form("wrong")).await,
        error("invalid_client", "invalid client credentials")
    );
    rig.sandbox.clients().register(OAuthClient::new("no-user", "secret"));
    let no_user =
        [("grant_type", "client_credentials"), ("client_id", "no-user"), ("client_secret", "secret")];
    assert_eq!(
        rig.token_request(&no_user).await,
        error("invalid_grant", "no client credentials user enabled")
    );
    let unknown = [("grant_type", "client_credentials"), ("client_id", "nobody"), ("client_secret", "x")];
    assert_eq!(rig.token_request(&unknown).await, error("invalid_client_id", "client identifier invalid"));
}

#[tokio::test]
async fn credentials_may_stand_in_basic_and_bodies_must_be_forms() {
    let rig = Rig::start().await;
    let url = format!("{}/services/oauth2/token", rig.sandbox.url());
    let request = rig.http.post(&url).basic_auth(Sandbox::CLIENT_ID, Some(Sandbox::CLIENT_SECRET));
    let basic = request.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
    assert_eq!(basic.status(), 200);
    let body = json!({
        "grant_type": "client_credentials", "client_id": Sandbox::CLIENT_ID, "client_secret": Sandbox::CLIENT_SECRET,
    });
    let json = rig.http.post(&url).json(&body).send().await.unwrap();
    let answer = (json.status().as_u16(), json.json::<Value>().await.unwrap());
    assert_eq!(answer, error("unsupported_grant_type", "grant type not supported"));
    assert_eq!(
        rig.token_request(&[("grant_type", "password")]).await,
        error("unsupported_grant_type", "grant type not supported")
    );
}

#[tokio::test]
async fn the_web_server_flow_with_pkce() {
    let rig = web_rig(OAuthClient::new("web", "secret")).await;
    let redirect = authorize(&rig, &[("code_challenge", &challenge()), ("scope", "api refresh_token")]).await;
    assert_eq!(value(&redirect, "state"), "s&t");
    let code = value(&redirect, "code").to_owned();
    assert!(code.ends_with("=="));
    let (status, answer) = exchange(&rig, &code, &[("code_verifier", VERIFIER)]).await;
    assert_eq!((status, &answer["scope"]), (200, &json!("api refresh_token")));
    assert!(answer["refresh_token"].as_str().unwrap().starts_with("5Aep861"));
    assert_eq!(
        exchange(&rig, &code, &[("code_verifier", VERIFIER)]).await,
        error("invalid_grant", "invalid authorization code"),
        "a code is good for one exchange"
    );
    let rig = Rig { token: answer["access_token"].as_str().unwrap().to_owned(), ..rig };
    rig.get_json("limits").await;
}

#[tokio::test]
async fn what_a_wrong_exchange_is_told() {
    let rig = web_rig(OAuthClient::new("web", "secret")).await;
    let code = async || value(&authorize(&rig, &[("code_challenge", &challenge())]).await, "code").to_owned();
    assert_eq!(
        exchange(&rig, &code().await, &[("code_verifier", "wrong")]).await,
        error("invalid_request", "invalid code verifier")
    );
    assert_eq!(exchange(&rig, &code().await, &[]).await.1["error"], "invalid_grant");
    let late = code().await;
    rig.sandbox.org().clock().advance(SignedDuration::from_mins(16));
    assert_eq!(
        exchange(&rig, &late, &[("code_verifier", VERIFIER)]).await,
        error("invalid_grant", "expired authorization code")
    );
    let other = code().await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "web"),
        ("client_secret", "secret"),
        ("code", other.as_str()),
        ("redirect_uri", "http://localhost:1717/other"),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(rig.token_request(&form).await.1["error"], "redirect_uri_mismatch");
}

#[tokio::test]
async fn what_a_wrong_authorize_is_told() {
    let rig = web_rig(OAuthClient::new("web", "secret")).await;
    let redirect = authorize(&rig, &[]).await;
    assert_eq!(value(&redirect, "error_description"), "missing required code challenge");
    let redirect = authorize(&rig, &[("code_challenge", "x"), ("scope", "api wave_api")]).await;
    assert_eq!(value(&redirect, "error"), "invalid_scope");
    let page = async |query: &str| {
        let url = format!("{}/services/oauth2/authorize?response_type=code&{query}", rig.sandbox.url());
        let response = rig.http.get(url).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, text) = page("client_id=web&redirect_uri=http://evil.example/").await;
    assert!(status == 400 && text.contains("redirect_uri_mismatch"), "{text}");
    let (status, text) = page("client_id=nobody&redirect_uri=http://localhost/").await;
    assert!(status == 400 && text.contains("client identifier invalid"), "{text}");
}

#[tokio::test]
async fn the_page_asks_a_person() {
    let rig = Rig::start().await;
    let url = format!("{}/services/oauth2/authorize", rig.sandbox.url());
    let asked = [
        ("response_type", "code"),
        ("client_id", Sandbox::CLIENT_ID),
        ("redirect_uri", CALLBACK),
        ("code_challenge", "abc"),
        ("state", "<&\">"),
    ];
    let page = rig.http.get(&url).query(&asked).send().await.unwrap().text().await.unwrap();
    let username = integration_username(&rig);
    assert!(page.contains(&format!("<option value=\"{username}\">")), "{page}");
    assert!(page.contains("name=\"state\" value=\"&lt;&amp;&quot;&gt;\""), "{page}");
    let decide = async |decision: &str| {
        let mut form = asked.to_vec();
        form.extend([("decision", decision), ("username", username.as_str())]);
        let response = rig.http.post(&url).form(&form).send().await.unwrap();
        header(&response, "location").to_owned()
    };
    assert!(decide("approve").await.starts_with(&format!("{CALLBACK}?code=aPrx")));
    assert!(
        decide("deny").await.contains("error=access_denied&error_description=end-user+denied+authorization")
    );
}

#[tokio::test]
async fn a_refresh_keeps_its_token_unless_it_rotates() {
    let rig = web_rig(OAuthClient::new("web", "secret")).await;
    let first = sign_in(&rig).await;
    let (status, second) = refresh(&rig, &first["refresh_token"]).await;
    assert_eq!(status, 200);
    assert!(second.get("refresh_token").is_none());
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!(refresh(&rig, &first["refresh_token"]).await.0, 200);
}

#[tokio::test]
async fn reuse_of_a_rotated_refresh_token_ends_everything_that_hangs_on_it() {
    let rig = web_rig(OAuthClient::new("web", "secret").rotating()).await;
    let first = sign_in(&rig).await;
    let bystander = sign_in(&rig).await;
    let second = refresh(&rig, &first["refresh_token"]).await.1;
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let rig = Rig { token: second["access_token"].as_str().unwrap().to_owned(), ..rig };
    rig.get_json("limits").await;

    let dead = error("invalid_grant", "expired access/refresh token");
    assert_eq!(refresh(&rig, &first["refresh_token"]).await, dead);
    assert_eq!(rig.get("limits").await.status(), 401);
    assert_eq!(refresh(&rig, &second["refresh_token"]).await, dead);
    assert_eq!(refresh(&rig, &bystander["refresh_token"]).await.0, 200, "another sign-in lives on");
}

#[tokio::test]
async fn a_401_is_healed_by_a_refresh() {
    let rig = web_rig(OAuthClient::new("web", "secret")).await;
    let first = sign_in(&rig).await;
    let rig = Rig { token: first["access_token"].as_str().unwrap().to_owned(), ..rig };
    rig.get_json("limits").await;
    rig.sandbox.org().clock().advance(SignedDuration::from_secs(2 * 3_600 + 1));
    let expired =
        (401, json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]));
    assert_eq!(rig.json(Method::GET, "limits", None).await, expired);
    let second = refresh(&rig, &first["refresh_token"]).await.1;
    let rig = Rig { token: second["access_token"].as_str().unwrap().to_owned(), ..rig };
    rig.get_json("limits").await;
    assert_eq!(rig.sandbox.revoke_tokens(TokensRevoked::Access), 2);
    assert_eq!(rig.json(Method::GET, "limits", None).await, expired);
    assert_eq!(refresh(&rig, &first["refresh_token"]).await.0, 200);
    rig.sandbox.revoke_tokens(TokensRevoked::All);
    assert_eq!(refresh(&rig, &first["refresh_token"]).await.0, 400);
}

#[tokio::test]
async fn malformed_authorization_headers() {
    let rig = Rig::start().await;
    let url = format!("{}/services/data/v66.0/limits", rig.sandbox.url());
    for value in [None, Some("Bearer"), Some("Digest abc")] {
        let mut request = rig.http.get(&url);
        if let Some(value) = value {
            request = request.header("Authorization", value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401, "{value:?}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body[0]["errorCode"], "INVALID_AUTH_HEADER");
    }
    let request = rig.http.get(&url).header("Authorization", format!("OAuth {}", rig.token));
    assert_eq!(request.send().await.unwrap().status(), 200);
}

/// An assertion signed with the test key.
fn assertion(claims: &Value) -> String {
    let pem: String = PRIVATE_KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = base64::engine::general_purpose::STANDARD.decode(pem).unwrap();
    let key = RsaKeyPair::from_pkcs8(&key).unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "RS256" })), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn bearer(rig: &Rig, assertion: &str) -> (u16, Value) {
    rig.token_request(&[
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion),
    ])
    .await
}

#[tokio::test]
async fn jwt_bearer() {
    let rig = Rig::start().await;
    let key = JwtKey::from_pem(CERTIFICATE).unwrap();
    rig.sandbox.clients().register(OAuthClient::new("jwt", "unused").jwt_key(key.clone()));
    let exp = Timestamp::now().as_second() + 120;
    let claims = json!({
        "iss": "jwt", "sub": integration_username(&rig), "aud": "https://login.salesforce.com", "exp": exp,
    });
    let (status, answer) = bearer(&rig, &assertion(&claims)).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.get("issued_at").is_none() && answer.get("refresh_token").is_none());
    assert_eq!(answer["scope"], "api id");

    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        assertion(&claims)
    };
    let table = [
        (with("aud", "https://test.salesforce.com".into()), "invalid_grant", "audience is invalid"),
        (with("exp", (exp - 200).into()), "invalid_grant", "expired authorization code"),
        (with("exp", (exp + 3_600).into()), "invalid_grant", "expired authorization code"),
        (with("iss", "nobody".into()), "invalid_client_id", "client identifier invalid"),
        (with("sub", "nobody@acme.example".into()), "invalid_grant", "user hasn't approved this consumer"),
        ("a.b.c".to_owned(), "invalid_grant", "invalid assertion"),
    ];
    for (assertion, code, description) in table {
        assert_eq!(bearer(&rig, &assertion).await, error(code, description));
    }
    let mut forged = assertion(&claims);
    forged.replace_range(forged.len() - 10.., "AAAAAAAAAA");
    assert_eq!(bearer(&rig, &forged).await, error("invalid_grant", "invalid assertion"));

    let mut unapproved = OAuthClient::new("jwt", "unused").jwt_key(key);
    unapproved.preauthorized = false;
    rig.sandbox.clients().register(unapproved);
    assert_eq!(
        bearer(&rig, &assertion(&claims)).await,
        error("invalid_grant", "user hasn't approved this consumer")
    );
}

#[tokio::test]
async fn revoke_and_introspect() {
    let rig = Rig::start().await;
    let post = async |path: &str, form: &[(&str, &str)]| {
        let url = format!("{}/services/oauth2/{path}", rig.sandbox.url());
        let response = rig.http.post(url).form(form).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null))
    };
    let form = [
        ("client_id", Sandbox::CLIENT_ID),
        ("client_secret", Sandbox::CLIENT_SECRET),
        ("token", rig.token.as_str()),
    ];
    let (_, seen) = post("introspect", &form).await;
    assert_eq!((&seen["active"], &seen["token_type"]), (&json!(true), &json!("access_token")));
    assert_eq!(seen["exp"].as_i64().unwrap() - seen["iat"].as_i64().unwrap(), 7_200);
    assert_eq!(post("revoke", &[("token", &rig.token)]).await, (200, Value::Null));
    assert_eq!(post("introspect", &form).await, (200, json!({ "active": false })));
    assert_eq!(post("revoke", &[("token", &rig.token)]).await, error("invalid_token", "token was invalid"));
    assert_eq!(rig.get("limits").await.status(), 401);
}

#[tokio::test]
async fn who_the_token_belongs_to() {
    let rig = Rig::start().await;
    let org = rig.sandbox.org();
    let id = format!("/id/{}/{}", org.org_id(), org.integration_user());
    let identity = rig.get_json(&id).await;
    assert_eq!(identity["username"], integration_username(&rig));
    assert_eq!(identity["organization_id"], org.org_id().to_string());
    assert_eq!(identity["urls"]["rest"], format!("{}/services/data/v{{version}}/", rig.sandbox.url()));
    let info = rig.get_json("/services/oauth2/userinfo").await;
    assert_eq!(info["sub"], format!("{}{id}", rig.sandbox.url()));
    assert_eq!(rig.sandbox.calls().total, 0);

    let other = Rig { token: "bad".into(), ..rig };
    for path in [id.as_str(), "/services/oauth2/userinfo"] {
        let response = other.get(path).await;
        assert_eq!(response.status(), 403);
        assert_eq!(response.text().await.unwrap(), "Bad_OAuth_Token");
    }
}
