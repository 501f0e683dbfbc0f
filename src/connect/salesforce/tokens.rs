//! Where tokens live between two runs. The state implements [`TokenStore`] with encryption; commands without a state use
//! [`MemoryTokens`]. Nothing here signs in.

use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Keeps the tokens of one connection.
pub trait TokenStore: Send + Sync {
    /// The tokens, or `None` before the first sign-in. Called before every renewal, because another process may have rotated them.
    fn load(&self) -> Result<Option<StoredToken>, TokenStoreError>;

    /// Stores tokens durably before it returns: the new access token is used only afterwards, since a rotated
    /// refresh token that is lost ends the connection.
    fn save(&self, token: &StoredToken) -> Result<(), TokenStoreError>;

    /// Forgets the tokens; nothing happens where there are none.
    fn forget(&self) -> Result<(), TokenStoreError>;
}

/// The tokens could not be read or stored.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TokenStoreError(pub String);

/// What a sign-in brought.
#[derive(Clone, Debug)]
pub struct StoredToken {
    /// Opaque, several KB at most; ends with a 401, nobody tells when.
    pub access_token: SecretString,
    /// Only of the web sign-in.
    pub refresh_token: Option<SecretString>,
    /// Base of every API call; may change with every renewal.
    pub instance_url: String,
    /// Identity URL, with the ids of org and user.
    pub identity: String,
    /// Where it came from; a renewal must go to the same host.
    pub login_base: String,
    /// Consumer key it belongs to.
    pub client_id: String,
    /// A renewal has brought a new refresh token before: presenting an old one twice would end the connection.
    pub rotates: bool,
}

#[derive(Serialize, Deserialize)]
struct Encoded {
    version: u8,
    access_token: String,
    refresh_token: Option<String>,
    instance_url: String,
    identity: String,
    login_base: String,
    client_id: String,
    rotates: bool,
}

impl StoredToken {
    /// The bytes to encrypt and store. They hold the tokens in clear text.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TokenStoreError> {
        let encoded = Encoded {
            version: 1,
            access_token: self.access_token.expose_secret().to_owned(),
            refresh_token: self.refresh_token.as_ref().map(|token| token.expose_secret().to_owned()),
            instance_url: self.instance_url.clone(),
            identity: self.identity.clone(),
            login_base: self.login_base.clone(),
            client_id: self.client_id.clone(),
            rotates: self.rotates,
        };
        serde_json::to_vec(&encoded).map_err(|_| TokenStoreError("the tokens cannot be written".into()))
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenStoreError> {
        let encoded: Encoded = serde_json::from_slice(bytes)
            .map_err(|_| TokenStoreError("the stored tokens cannot be read".into()))?;
        if encoded.version != 1 {
            return Err(TokenStoreError("the stored tokens are from a newer version".into()));
        }
        Ok(Self {
            access_token: encoded.access_token.into(),
            refresh_token: encoded.refresh_token.map(SecretString::from),
            instance_url: encoded.instance_url,
            identity: encoded.identity,
            login_base: encoded.login_base,
            client_id: encoded.client_id,
            rotates: encoded.rotates,
        })
    }
}

/// Tokens for as long as the process lives.
#[derive(Default)]
pub struct MemoryTokens(Mutex<Option<StoredToken>>);

impl TokenStore for MemoryTokens {
    fn load(&self) -> Result<Option<StoredToken>, TokenStoreError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&self, token: &StoredToken) -> Result<(), TokenStoreError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(())
    }

    fn forget(&self) -> Result<(), TokenStoreError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_their_bytes_and_never_show() {
        let token = StoredToken {
            access_token: "00D!secret".into(),
            refresh_token: Some("5Aepsecret".into()),
            instance_url: "https://acme.my.salesforce.com".into(),
            identity: "https://login.salesforce.com/id/00D/005".into(),
            login_base: "https://login.salesforce.com/".into(),
            client_id: "3MVG9".into(),
            rotates: true,
        };
        let back = StoredToken::from_bytes(&token.to_bytes().unwrap()).unwrap();
        assert_eq!(back.access_token.expose_secret(), "00D!secret");
        assert_eq!(back.refresh_token.as_ref().map(ExposeSecret::expose_secret), Some("5Aepsecret"));
        assert!(back.rotates);
        assert!(!format!("{back:?}").contains("secret\""), "{back:?}");
        assert!(!format!("{back:?}").contains("5Aep"));
    }
}
