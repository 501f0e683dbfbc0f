//! OAuth clients (connected apps, external client apps) as they are registered in the org. Data and its checks only;
//! read [`OAuthClient`] first.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A registered client (section 1.2). [`OAuthClient::new`] has every flow off that needs a setting of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuthClient {
    /// Consumer key.
    pub id: String,
    /// Consumer secret; `None` for a public client.
    #[serde(default, skip_serializing)]
    pub secret: Option<String>,
    /// Callback URLs, compared character for character.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Scopes that the client may be granted.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// Username as whom client credentials run; `None`: the flow is not enabled.
    #[serde(default)]
    pub run_as: Option<String>,
    /// Whether each refresh gives a new refresh token and kills the old one.
    #[serde(default)]
    pub rotates_refresh_tokens: bool,
    /// Whether the web-server flow needs a code challenge.
    #[serde(default = "yes")]
    pub requires_pkce: bool,
    /// The key that JWT assertions are verified with; `None`: every assertion is refused.
    #[serde(default)]
    pub jwt_key: Option<JwtKey>,
    /// Whether every active user counts as having approved the client (needed by the JWT flow).
    #[serde(default = "yes")]
    pub preauthorized: bool,
}

fn yes() -> bool {
    true
}

fn default_scopes() -> Vec<String> {
    ["api", "refresh_token", "id"].map(str::to_owned).to_vec()
}

impl OAuthClient {
    /// A confidential client without redirect URI, run-as user or key.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: Some(secret.into()),
            redirect_uris: Vec::new(),
            scopes: default_scopes(),
            run_as: None,
            rotates_refresh_tokens: false,
            requires_pkce: true,
            jwt_key: None,
            preauthorized: true,
        }
    }

    /// Enables client credentials as this user.
    #[must_use]
    pub fn run_as(mut self, username: impl Into<String>) -> Self {
        self.run_as = Some(username.into());
        self
    }

    /// Adds a callback URL.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Turns refresh token rotation on.
    #[must_use]
    pub fn rotating(mut self) -> Self {
        self.rotates_refresh_tokens = true;
        self
    }

    /// Sets the key of the JWT bearer flow.
    #[must_use]
    pub fn jwt_key(mut self, key: JwtKey) -> Self {
        self.jwt_key = Some(key);
        self
    }

    /// The scopes of a grant: those asked for, in the order of the answer; `None` if one is not allowed.
    pub(crate) fn grant(&self, asked: Option<&str>) -> Option<String> {
        let asked: Vec<&str> = asked.unwrap_or("").split_whitespace().collect();
        if asked.is_empty() {
            return Some(self.scopes.join(" "));
        }
        let known = |scope: &&str| self.scopes.iter().any(|own| same_scope(own, scope) || own == "full");
        asked.iter().all(known).then(|| asked.join(" "))
    }
}

/// `refresh_token` and `offline_access` are two names of one scope.
fn same_scope(own: &str, asked: &str) -> bool {
    let canonical =
        |scope: &str| if scope == "offline_access" { "refresh_token".to_owned() } else { scope.into() };
    canonical(own) == canonical(asked)
}

/// An RSA public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JwtKey {
    pem: String,
    /// PKCS#1 `RSAPublicKey`.
    pub(crate) pkcs1: Vec<u8>,
}

/// The text holds no RSA public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PEM certificate or RSA public key")]
pub struct NotAKey;

impl JwtKey {
    /// Reads a PEM block: `CERTIFICATE` (as uploaded to Salesforce), `PUBLIC KEY` or `RSA PUBLIC KEY`.
    pub fn from_pem(pem: &str) -> Result<Self, NotAKey> {
        let (label, der) = pem_block(pem).ok_or(NotAKey)?;
        let pkcs1 = match label {
            "RSA PUBLIC KEY" => Some(der),
            "PUBLIC KEY" => spki_key(&der).map(<[u8]>::to_vec),
            "CERTIFICATE" => certificate_key(&der).map(<[u8]>::to_vec),
            _ => None,
        };
        Ok(Self { pem: pem.to_owned(), pkcs1: pkcs1.ok_or(NotAKey)? })
    }
}

impl TryFrom<String> for JwtKey {
    type Error = NotAKey;
    fn try_from(pem: String) -> Result<Self, NotAKey> {
        Self::from_pem(&pem)
    }
}

impl From<JwtKey> for String {
    fn from(key: JwtKey) -> String {
        key.pem
    }
}

fn pem_block(pem: &str) -> Option<(&str, Vec<u8>)> {
    let start = pem.find("-----BEGIN ")? + "-----BEGIN ".len();
    let (label, rest) = pem[start..].split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let text: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    Some((label, STANDARD.decode(text).ok()?))
}

/// One DER element: tag, content, what follows. Lengths up to three bytes, more no key has.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 3 {
            return None;
        }
        (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `SubjectPublicKeyInfo ::= SEQUENCE { algorithm, BIT STRING }`
fn spki_key(der: &[u8]) -> Option<&[u8]> {
    let (0x30, info, _) = element(der)? else { return None };
    let (_, _, rest) = element(info)?;
    let (0x03, bits, _) = element(rest)? else { return None };
    bits.strip_prefix(&[0])
}

/// The key info stands after version, serial number, algorithm, issuer, validity and subject.
fn certificate_key(der: &[u8]) -> Option<&[u8]> {
    let (0x30, certificate, _) = element(der)? else { return None };
    let (0x30, body, _) = element(certificate)? else { return None };
    let (tag, _, after_first) = element(body)?;
    let mut rest = if tag == 0xA0 { after_first } else { body };
    for _ in 0..5 {
        (_, _, rest) = element(rest)?;
    }
    spki_key(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_granted_as_asked() {
        let client = OAuthClient::new("id", "secret");
        assert_eq!(client.grant(Some("api offline_access")).as_deref(), Some("api offline_access"));
        assert_eq!(client.grant(None).as_deref(), Some("api refresh_token id"));
        assert_eq!(client.grant(Some("api wave_api")), None);
    }

    #[test]
    fn keys_are_read_from_every_form() {
        let keys = ["test_only_public_key.pem", "test_only_rsa_public_key.pem", "test_only_certificate.pem"]
            .map(|name| {
                let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
                JwtKey::from_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
            });
        assert_eq!(keys[0].pkcs1, keys[1].pkcs1);
        assert_eq!(keys[0].pkcs1, keys[2].pkcs1);
        assert_eq!(
            JwtKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
            Err(NotAKey)
        );
    }
}
