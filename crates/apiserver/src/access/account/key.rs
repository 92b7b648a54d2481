//! The key that signs tokens, as compact JWS with ES256.
//!
//! `jsonwebtoken` would do this, but brings a second crypto provider; with one algorithm and
//! one key, little is left of it.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PublicKeyData};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use serde::Serialize;
use serde_json::{Value, json};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("cannot use the service account key {path}")]
    File {
        /// File.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A key cannot be made or read.
    #[error("cannot make or read a service account key")]
    Key(#[from] rcgen::Error),
    /// Not a P-256 key.
    #[error("the service account key is not usable for ES256; delete it to get a new one")]
    Unusable,
}

/// Longest token looked at. Real ones have about a thousand characters.
const LONGEST: usize = 16 * 1024;

/// Signs tokens and recognizes its own.
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    /// Uncompressed point: `04`, x, y.
    public: Vec<u8>,
    id: String,
}

impl Key {
    /// A new key, in memory.
    pub(crate) fn generate() -> Result<Self, KeyError> {
        Self::new(&KeyPair::generate()?)
    }

    /// The key kept in a file that only its owner can read, made if it is not there.
    pub(crate) fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        let wrap = |source| KeyError::File { path: path.to_owned(), source };
        match fs::read_to_string(path) {
            Ok(pem) => Self::new(&KeyPair::from_pem(&pem)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let pair = KeyPair::generate()?;
                crate::server::pki::write_private(path, &pair.serialize_pem()).map_err(wrap)?;
                Self::new(&pair)
            }
            Err(error) => Err(wrap(error)),
        }
    }

    fn new(generated: &KeyPair) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &generated.serialize_der(), &random);
        let pair = pair.map_err(|_| KeyError::Unusable)?;
        let id = digest(&SHA256, &generated.subject_public_key_info());
        let id = URL_SAFE_NO_PAD.encode(id);
        Ok(Self { pair, random, public: generated.der_bytes().to_vec(), id })
    }

    /// A signed token.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Option<String> {
        let header = json!({ "alg": "ES256", "kid": self.id });
        let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let header = part(serde_json::to_vec(&header).ok()?);
        let claims = part(serde_json::to_vec(claims).ok()?);
        let signed = format!("{header}.{claims}");
        let signature = self.pair.sign(&self.random, signed.as_bytes()).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Whether this key has signed a token.
    pub(super) fn has_signed(&self, token: &Parts<'_>) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public);
        token.header["alg"] == "ES256" && key.verify(token.signed, &token.signature).is_ok()
    }

    /// Whether a text is a token that this key has signed.
    pub(crate) fn recognizes(&self, token: &str) -> bool {
        Parts::of(token).is_some_and(|parts| self.has_signed(&parts))
    }

    /// The public half, as a set of JSON web keys.
    pub(crate) fn jwks(&self) -> Value {
        let coordinate =
            |at: usize| URL_SAFE_NO_PAD.encode(self.public.get(at..at + 32).unwrap_or_default());
        json!({ "keys": [{ "use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256",
            "alg": "ES256", "x": coordinate(1), "y": coordinate(33) }] })
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// A token taken apart; nothing says yet that it is true.
pub(super) struct Parts<'a> {
    header: Value,
    pub(super) claims: Value,
    signed: &'a [u8],
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// `None` for anything that is no compact JWS.
    pub(super) fn of(token: &'a str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let object = |part: &str| -> Option<Value> {
            let value: Value = serde_json::from_slice(&decode(part)?).ok()?;
            value.is_object().then_some(value)
        };
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signed: signed.as_bytes(),
            signature: decode(signature)?,
        })
    }
}
