//! Encryption at rest: ChaCha20-Poly1305 with a random nonce for each value, bound to what the value belongs to. Read [`Vault`].
//!
//! The key stands beside the state in the file `key` (mode 0600), or comes from the environment so that a copy of the folder
//! alone opens nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};

use super::StoreError;

pub(super) const KEY_BYTES: usize = 32;
const VERSION: u8 = 1;

/// Where the key of the state comes from.
#[derive(Clone, Debug)]
pub enum StoreKey {
    /// The file `key` in the folder of the state; it is made at the first opening.
    File,
    /// 32 bytes in base64, as `SFSYNC_STATE_KEY` holds them.
    Given(SecretString),
}

impl StoreKey {
    /// From the value of `SFSYNC_STATE_KEY`, or the file where that is not set.
    pub fn from_environment(value: Option<String>) -> Self {
        value.map_or(Self::File, |value| Self::Given(value.into()))
    }
}

/// Reads the text of a given key. The error says what is wrong with it and never shows it.
pub(super) fn decode_key(text: &SecretString) -> Result<[u8; KEY_BYTES], StoreError> {
    let bad = |what: &str| StoreError::BadKey { what: what.to_owned() };
    let bytes = STANDARD.decode(text.expose_secret().trim()).map_err(|_| bad("it is not base64"))?;
    <[u8; KEY_BYTES]>::try_from(bytes)
        .map_err(|bytes| bad(&format!("it has {} bytes instead of 32", bytes.len())))
}

/// Random bytes of the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    let failed = |_| StoreError::BadKey { what: "the system gives no random bytes".to_owned() };
    SystemRandom::new().fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Seals and opens values of the state.
pub(super) struct Vault {
    key: LessSafeKey,
}

impl Vault {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Result<Self, StoreError> {
        let bad = |_| StoreError::BadKey { what: "it is not 32 bytes".to_owned() };
        Ok(Self { key: LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).map_err(bad)?) })
    }

    /// `version, nonce, text, tag`. `belongs_to` must be given again to open it: a value moved elsewhere does not open.
    pub(super) fn seal(&self, belongs_to: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce = random::<NONCE_LEN>()?;
        let mut sealed = plain.to_vec();
        let aad = Aad::from(belongs_to.as_bytes());
        let failed = |_| StoreError::Unreadable { what: "value to encrypt" };
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(failed)?;
        Ok([&[VERSION][..], &nonce[..], &sealed[..]].concat())
    }

    /// The text, or `None` where key or place do not fit.
    pub(super) fn open(&self, belongs_to: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = sealed.split_first()?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        if *version != VERSION {
            return None;
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let length = self.key.open_in_place(nonce, Aad::from(belongs_to.as_bytes()), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_in_its_place_and_with_its_key() {
        let vault = Vault::new(&[7; 32]).unwrap();
        let sealed = vault.seal("token:acme", b"secret").unwrap();
        assert_eq!(vault.open("token:acme", &sealed).unwrap(), b"secret");
        assert_eq!(vault.open("token:other", &sealed), None);
        assert_eq!(Vault::new(&[8; 32]).unwrap().open("token:acme", &sealed), None);
        assert_ne!(vault.seal("token:acme", b"secret").unwrap(), sealed, "the nonce repeats");
        for at in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[at] ^= 1;
            assert_eq!(vault.open("token:acme", &broken), None, "byte {at}");
        }
        assert_eq!(vault.open("token:acme", &[]), None);
    }

    #[test]
    fn a_given_key_has_32_bytes_of_base64() {
        let read = |text: &str| decode_key(&text.to_owned().into()).map_err(|error| error.to_string());
        assert_eq!(read(&STANDARD.encode([1; 32])).unwrap(), [1; 32]);
        assert_eq!(
            read(&STANDARD.encode([1; 16])).unwrap_err(),
            "the state key is not usable: it has 16 bytes instead of 32"
        );
        assert_eq!(read("?").unwrap_err(), "the state key is not usable: it is not base64");
    }
}
