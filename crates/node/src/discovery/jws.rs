//! Signatures of `cluster-info`: a JWS without its payload (RFC 7515, appendix F), by HS256 with
//! the secret of a token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::Deserialize;

use crate::token::Token;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

/// Signs `payload` with a token, as clusters do.
pub fn detached(payload: &str, token: &Token) -> String {
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{}"}}"#, token.id()));
    let signature = hmac::sign(&key(token), signed(&header, payload).as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Whether `signature` is by `token` and of `payload`.
pub(super) fn verify(signature: &str, payload: &str, token: &Token) -> bool {
    let mut parts = signature.split('.');
    let (Some(header), Some(""), Some(mac), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let decoded = URL_SAFE_NO_PAD.decode(header).ok();
    let said = decoded.and_then(|json| serde_json::from_slice::<Header>(&json).ok());
    // The algorithm is ours to choose, not the sender's.
    let expected = said.is_some_and(|said| said.alg == "HS256" && said.kid == token.id());
    let Ok(mac) = URL_SAFE_NO_PAD.decode(mac) else { return false };
    expected && hmac::verify(&key(token), signed(header, payload).as_bytes(), &mac).is_ok()
}

fn key(token: &Token) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, token.secret().as_bytes())
}

fn signed(header: &str, payload: &str) -> String {
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_clusters_sign_is_believed_and_nothing_else() {
        let token: Token = "abcdef.0123456789abcdef".parse().unwrap();
        let other: Token = "abcdef.0123456789abcdeg".parse().unwrap();
        let payload = "apiVersion: v1\n";
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"abcdef"}"#);
        // The signature by `openssl dgst -sha256 -hmac`.
        let good = format!("{header}..K1chermAQEq0rdqy-ehj0VDfmA_ytv8Wzh9g26FldrE");
        assert_eq!(detached(payload, &token), good);
        assert!(verify(&good, payload, &token));
        assert!(!verify(&good, "apiVersion: v2\n", &token), "another text");
        assert!(!verify(&good, payload, &other), "another secret");

        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"abcdef"}"#);
        let key_of_other = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"ghijkl"}"#);
        let mac = good.rsplit_once('.').unwrap().1;
        for bad in [
            String::new(),
            "..".to_owned(),
            format!("{none}.."),
            format!("{none}..{mac}"),
            format!("{key_of_other}..{mac}"),
            format!("{header}.{}.{mac}", URL_SAFE_NO_PAD.encode(payload)),
            format!("{good}.x"),
            good[..good.len() - 1].to_owned(),
            good.replace("..K", "..L"),
        ] {
            assert!(!verify(&bad, payload, &token), "{bad}");
        }
    }
}
