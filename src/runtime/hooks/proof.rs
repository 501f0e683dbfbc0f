//! How a call proves that it comes from whom it says: a token, or a signature over the body. Compared in a time that does not depend on
//! what is wrong; the token itself is not kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret as _, SecretString};

/// Bytes of a SHA-256.
const DIGEST: usize = 32;
/// Characters of the longest signature that is looked at.
const LONGEST: usize = 256;

/// A digest of a token under a key of this process: comparing digests takes the same time for every wrong token.
#[derive(Clone)]
pub struct TokenDigest {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl std::fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenDigest")
    }
}

impl TokenDigest {
    /// `None` for an empty token: nobody may get in by sending nothing.
    pub fn new(token: &SecretString) -> Option<Self> {
        let token = token.expose_secret().as_bytes();
        if token.is_empty() {
            return None;
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        Some(Self { tag: hmac::sign(&key, token), key })
    }

    /// Whether it is this token.
    pub fn is(&self, token: &[u8]) -> bool {
        hmac::verify(&self.key, token, self.tag.as_ref()).is_ok()
    }
}

/// The key of a signature over the body.
#[derive(Clone)]
pub(in crate::runtime) struct Signing {
    key: hmac::Key,
    /// The header that has it.
    pub(super) header: String,
}

impl Signing {
    /// `None` for an empty secret.
    pub(super) fn new(secret: &SecretString, header: &str) -> Option<Self> {
        let secret = secret.expose_secret().as_bytes();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        (!secret.is_empty()).then(|| Self { key, header: header.to_owned() })
    }

    /// Whether it signs this body.
    pub(super) fn signs(&self, signature: &Signature, body: &[u8]) -> bool {
        hmac::verify(&self.key, body, &signature.0).is_ok()
    }
}

/// What a call can be held against.
#[derive(Clone)]
pub(in crate::runtime) enum Proof {
    Token(TokenDigest),
    Signature(Signing),
}

/// A signature as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature([u8; DIGEST]);

impl Signature {
    /// Hexadecimal or Base64, with or without `sha256=` in front. `None`: it cannot be one, so the body need not be read.
    pub(super) fn read(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok().filter(|text| text.len() <= LONGEST)?.trim();
        let text = text.strip_prefix("sha256=").unwrap_or(text);
        let bytes =
            if text.len() == 2 * DIGEST { from_hex(text)? } else { STANDARD.decode(text.as_bytes()).ok()? };
        bytes.try_into().ok().map(Self)
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_itself_and_nothing_else() {
        let digest = TokenDigest::new(&SecretString::from("geheim")).unwrap();
        assert!(digest.is(b"geheim"));
        for wrong in [&b""[..], b"Geheim", b"geheim ", b"geheimgeheim"] {
            assert!(!digest.is(wrong));
        }
        assert!(TokenDigest::new(&SecretString::from("")).is_none());
        assert!(!format!("{digest:?}").contains("geheim"));
    }

    /// RFC 4231, test case 2.
    #[test]
    fn a_published_signature_is_taken_in_every_spelling() {
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = b"what do ya want for nothing?";
        let signing = Signing::new(&SecretString::from("Jefe"), "X-Signature").unwrap();
        let base64 = STANDARD.encode(from_hex(hex).unwrap());
        for text in [hex.to_owned(), format!("sha256={hex}"), hex.to_uppercase(), base64] {
            let signature = Signature::read(text.as_bytes()).unwrap();
            assert!(signing.signs(&signature, body), "{text}");
            assert!(!signing.signs(&signature, b"what do ya want for nothing"));
        }
    }

    #[test]
    fn what_cannot_be_a_signature_is_seen_before_the_body() {
        let many = "a".repeat(10_000);
        for wrong in ["", "sha256=", "zz", "5bdc", "YWJj", &"é".repeat(32), &"g".repeat(64), &many] {
            assert_eq!(Signature::read(wrong.as_bytes()), None, "{wrong:.20}");
        }
        assert_eq!(Signature::read(&[0xFF; 64]), None);
        assert!(Signing::new(&SecretString::from(""), "X").is_none());
    }

    #[test]
    fn campaign_signatures() {
        let good =
            [format!("sha256={}", "ab".repeat(32)).into_bytes(), STANDARD.encode([7; 32]).into_bytes()];
        crate::fuzz::campaign("signatures", &good, |header| Signature::read(header).is_some());
    }
}
