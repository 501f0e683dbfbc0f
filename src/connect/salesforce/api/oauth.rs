//! Requests and answers of the token endpoint (section 1), without I/O: what to post, and how to read what comes back.
//! Read [`Grant`] and [`TokenAnswer`] first.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Url;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Path of the token endpoint.
pub const TOKEN: &str = "/services/oauth2/token";
/// Path of the page on which a person approves.
pub const AUTHORIZE: &str = "/services/oauth2/authorize";
/// Path that ends a token.
pub const REVOKE: &str = "/services/oauth2/revoke";
/// Path of the facts about the user who signed in.
pub const USERINFO: &str = "/services/oauth2/userinfo";

/// How long a JWT assertion may be used. Salesforce allows about three minutes.
const ASSERTION_SECONDS: i64 = 120;

/// Building a request failed.
#[derive(Debug, thiserror::Error)]
pub enum OauthError {
    /// The private key is no RSA key in PEM form.
    #[error("the private key is no RSA key in PEM form")]
    PrivateKey(#[source] jsonwebtoken::errors::Error),
    /// The system gave no randomness.
    #[error("the system gave no random bytes")]
    Random,
    /// The browser came back with something else than a code.
    #[error("{0}")]
    Callback(String),
}

/// What is exchanged for a token. Becomes a form; a JSON body would be refused.
pub enum Grant<'a> {
    /// Section 1.3, step 3.
    AuthorizationCode {
        /// From the browser, single use.
        code: &'a str,
        /// The same as in step 1.
        redirect_uri: &'a str,
        /// Proof that the same program began the sign-in.
        verifier: &'a SecretString,
    },
    /// Section 1.5.
    RefreshToken(&'a SecretString),
    /// Section 1.7.
    ClientCredentials,
    /// Section 1.6: the signed assertion.
    JwtBearer(&'a SecretString),
}

/// The form of a token request.
pub fn token_form<'a>(
    grant: &Grant<'a>,
    client_id: &'a str,
    client_secret: Option<&'a SecretString>,
) -> Vec<(&'static str, &'a str)> {
    let mut form = match grant {
        Grant::AuthorizationCode { code, redirect_uri, verifier } => vec![
            ("grant_type", "authorization_code"),
            ("code", *code),
            ("redirect_uri", *redirect_uri),
            ("code_verifier", verifier.expose_secret()),
        ],
        Grant::RefreshToken(token) => {
            vec![("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())]
        }
        Grant::ClientCredentials => vec![("grant_type", "client_credentials")],
        Grant::JwtBearer(assertion) => {
            return vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", assertion.expose_secret()),
            ];
        }
    };
    form.push(("client_id", client_id));
    if let Some(secret) = client_secret {
        form.push(("client_secret", secret.expose_secret()));
    }
    form
}

/// The claims of section 1.6.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

/// A signed assertion for the JWT bearer flow. `audience` is the general sign-in host, also when posting to the org's own domain.
/// `now` is the server's time as well as it is known.
pub fn assertion(
    client_id: &str,
    username: &str,
    audience: &str,
    private_key: &SecretString,
    now: Timestamp,
) -> Result<SecretString, OauthError> {
    let key =
        EncodingKey::from_rsa_pem(private_key.expose_secret().as_bytes()).map_err(OauthError::PrivateKey)?;
    let claims =
        Claims { iss: client_id, sub: username, aud: audience, exp: now.as_second() + ASSERTION_SECONDS };
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key)
        .map(SecretString::from)
        .map_err(OauthError::PrivateKey)
}

/// A sign-in in a browser that was begun: keep it until the browser comes back.
#[derive(Debug)]
pub struct Authorization {
    /// Where the person has to go.
    pub url: Url,
    /// Callback address.
    pub redirect_uri: String,
    state: String,
    verifier: SecretString,
}

impl Authorization {
    /// Begins a web sign-in with PKCE (section 1.3, step 1).
    pub fn begin(login_base: &Url, client_id: &str, redirect_uri: &str) -> Result<Self, OauthError> {
        let (state, verifier) = (random()?, random()?);
        let mut url = login_base.clone();
        url.set_path(AUTHORIZE);
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", "api refresh_token id")
            .append_pair("state", &state)
            .append_pair("code_challenge", &challenge(&verifier))
            .append_pair("code_challenge_method", "S256");
        Ok(Self { url, redirect_uri: redirect_uri.to_owned(), state, verifier: verifier.into() })
    }

    /// The code out of the query that the browser brought back (step 2). Refuses an answer that belongs to another sign-in.
    pub fn code(&self, query: &str) -> Result<String, OauthError> {
        let pairs = Url::parse(&format!("http://localhost/?{query}"))
            .map_err(|_| OauthError::Callback("the browser came back with an unreadable address".into()))?;
        let find = |name: &str| {
            pairs.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        if let Some(error) = find("error") {
            let why = find("error_description").unwrap_or_default();
            return Err(OauthError::Callback(format!("the sign-in was refused: {error} {why}")));
        }
        if find("state").as_deref() != Some(&self.state) {
            return Err(OauthError::Callback("the answer belongs to another sign-in".into()));
        }
        find("code").ok_or_else(|| OauthError::Callback("the browser came back without a code".into()))
    }

    /// Whether a query belongs to this sign-in, whatever it says.
    pub fn is_answered_by(&self, query: &str) -> bool {
        let url = Url::parse(&format!("http://localhost/?{query}"));
        url.is_ok_and(|url| url.query_pairs().any(|(key, value)| key == "state" && *value == self.state))
    }

    /// What to exchange for the code.
    pub fn grant<'a>(&'a self, code: &'a str) -> Grant<'a> {
        Grant::AuthorizationCode { code, redirect_uri: &self.redirect_uri, verifier: &self.verifier }
    }
}

fn random() -> Result<String, OauthError> {
    let mut bytes = [0; 48];
    SystemRandom::new().fill(&mut bytes).map_err(|_| OauthError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()))
}

/// A good answer of the token endpoint (section 1.4). There is no `expires_in`: a 401 tells.
#[derive(Debug, Deserialize)]
pub struct TokenAnswer {
    /// Opaque.
    pub access_token: SecretString,
    /// Only of the web sign-in; after a renewal only with rotation.
    pub refresh_token: Option<SecretString>,
    /// Base of every API call.
    pub instance_url: String,
    /// Identity URL.
    #[serde(default)]
    pub id: String,
}

impl TokenAnswer {
    /// Ids of org and user out of the identity URL (`…/id/{org}/{user}`).
    pub fn ids(identity: &str) -> Option<(&str, &str)> {
        let mut parts = identity.rsplit('/');
        let user = parts.next()?;
        let org = parts.next()?;
        (!user.is_empty() && !org.is_empty()).then_some((org, user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_pkce_vector() {
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_web_sign_in_accepts_only_its_own_answer() {
        let base = Url::parse("https://login.salesforce.com").unwrap();
        let sign_in = Authorization::begin(&base, "3MVG9", "http://localhost:1717/OauthRedirect").unwrap();
        let state = sign_in.state.clone();
        let url = sign_in.url.as_str();
        assert!(url.starts_with(
            "https://login.salesforce.com/services/oauth2/authorize?response_type=code&client_id=3MVG9"
        ));
        assert!(url.contains("code_challenge_method=S256"));
        assert_eq!(sign_in.code(&format!("code=aPrx%3D%3D&state={state}")).unwrap(), "aPrx==");
        assert!(sign_in.code("code=aPrx&state=other").is_err());
        let refused =
            sign_in.code("error=access_denied&error_description=end-user+denied+authorization").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the sign-in was refused: access_denied end-user denied authorization"
        );
    }

    #[test]
    fn forms_of_the_grants() {
        let secret = SecretString::from("s");
        let form = token_form(&Grant::ClientCredentials, "id", Some(&secret));
        assert_eq!(form, [("grant_type", "client_credentials"), ("client_id", "id"), ("client_secret", "s")]);
        let form = token_form(&Grant::RefreshToken(&secret), "id", None);
        assert_eq!(form, [("grant_type", "refresh_token"), ("refresh_token", "s"), ("client_id", "id")]);
        let form = token_form(&Grant::JwtBearer(&secret), "id", None);
        assert_eq!(form, [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", "s")]);
    }

    #[test]
    fn answers_are_read_leniently_and_never_shown() {
        let body = r#"{"access_token":"00D!x","instance_url":"https://acme.my.salesforce.com","id":"https://l/id/00DA/005B","issued_at":"1"}"#;
        let answer: TokenAnswer = serde_json::from_str(body).unwrap();
        assert_eq!(TokenAnswer::ids(&answer.id), Some(("00DA", "005B")));
        assert!(!format!("{answer:?}").contains("00D!x"));
    }
}
