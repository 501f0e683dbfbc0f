//! JWT bearer assertions: RS256 signature and claims (section 1.6). No state; read [`Assertion`] first.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;

use super::client::JwtKey;
use super::error::OAuthError;

/// How far in the future `exp` may lie, in seconds; the CLI library of Salesforce uses up to five minutes.
const LONGEST_LIFE: i64 = 300;

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// The claims that matter.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    #[serde(default)]
    sub: Option<String>,
    /// The older name of `sub`; wins if both are there.
    #[serde(default)]
    prn: Option<String>,
    aud: String,
    exp: i64,
}

/// An assertion whose signature is not checked yet.
pub(crate) struct Assertion<'a> {
    pub(crate) claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

impl Claims {
    pub(crate) fn username(&self) -> &str {
        self.prn.as_deref().or(self.sub.as_deref()).unwrap_or("")
    }

    /// Audience and life, the latter against any of the clocks given.
    pub(crate) fn check(&self, audiences: &[String], clocks: &[Timestamp]) -> Result<(), OAuthError> {
        if !audiences.iter().any(|audience| audience.trim_end_matches('/') == self.aud.trim_end_matches('/'))
        {
            return Err(OAuthError::invalid_grant("audience is invalid"));
        }
        let alive = |now: &Timestamp| (1..=LONGEST_LIFE).contains(&(self.exp - now.as_second()));
        if !clocks.iter().any(alive) {
            return Err(OAuthError::invalid_grant("expired authorization code"));
        }
        Ok(())
    }
}

impl<'a> Assertion<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, OAuthError> {
        Self::parts(text).ok_or_else(|| OAuthError::invalid_grant("invalid assertion"))
    }

    fn parts(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        (header.alg == "RS256").then_some(Self { claims, signed, signature })
    }

    pub(crate) fn verify(&self, key: &JwtKey) -> Result<(), OAuthError> {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key.pkcs1)
            .verify(self.signed.as_bytes(), &self.signature)
            .map_err(|_| OAuthError::invalid_grant("invalid assertion"))
    }
}
