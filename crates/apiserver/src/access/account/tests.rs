#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::store::{Draft, Expect, ObjectKey, ResourceKey, Store};

const NOW: i64 = 1_700_000_000;

async fn put(store: &Store, plural: &str, name: &str, uid: &str, more: Value) {
    let mut value = json!({ "metadata": { "name": name, "namespace": "ns", "uid": uid } });
    for (field, part) in more.as_object().into_iter().flatten() {
        value[field] = part.clone();
    }
    let draft = Draft { value, ..Draft::default() };
    let resource = ResourceKey::new("", plural);
    store.put(&resource, &ObjectKey::new("ns", name), Expect::Absent, draft).await.unwrap();
}

async fn delete(store: &Store, plural: &str, name: &str) {
    let (resource, key) = (ResourceKey::new("", plural), ObjectKey::new("ns", name));
    let stored = store.get(&resource, &key).unwrap();
    let draft = Draft { value: stored.value(), ..Draft::default() };
    store.delete(&resource, &key, stored.resource_version, draft).await.unwrap();
}

async fn cluster() -> (Store, Key) {
    let store = Store::in_memory(16);
    put(&store, "serviceaccounts", "sa", "u1", json!({})).await;
    put(&store, "pods", "p", "u2", json!({})).await;
    (store, Key::generate().unwrap())
}

fn claims() -> Claims {
    let reference =
        |name: &str, uid: &str| Reference { name: name.to_owned(), uid: uid.to_owned() };
    Claims {
        aud: vec![ISSUER.to_owned(), "other".to_owned()],
        exp: NOW + 600,
        iat: NOW,
        iss: ISSUER.to_owned(),
        kubernetes: Kubernetes {
            namespace: "ns".to_owned(),
            pod: Some(reference("p", "u2")),
            secret: None,
            serviceaccount: reference("sa", "u1"),
            warnafter: None,
        },
        nbf: NOW,
        sub: "system:serviceaccount:ns:sa".to_owned(),
    }
}

fn seen(store: &Store, key: &Key, token: &str, at: i64) -> Option<Result<Accepted, Refused>> {
    let now = Timestamp::from_second(at).unwrap();
    authenticate(key, store, token, &[ISSUER.to_owned()], now)
}

fn why(store: &Store, key: &Key, claims: &Claims, at: i64) -> String {
    let token = key.sign(claims).unwrap();
    seen(store, key, &token, at).unwrap().unwrap_err().to_string()
}

#[tokio::test]
async fn a_token_names_its_account_and_pod() {
    let (store, key) = cluster().await;
    let token = key.sign(&claims()).unwrap();
    let accepted = seen(&store, &key, &token, NOW).unwrap().unwrap();
    assert_eq!(accepted.audiences, [ISSUER]);
    let identity = accepted.identity;
    assert_eq!((&*identity.user, &*identity.uid), ("system:serviceaccount:ns:sa", "u1"));
    assert_eq!(
        identity.groups,
        ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"]
    );
    assert_eq!(identity.extra["authentication.kubernetes.io/pod-name"], ["p"]);
    assert_eq!(identity.extra["authentication.kubernetes.io/pod-uid"], ["u2"]);
}

#[tokio::test]
async fn what_makes_a_token_bad() {
    let (store, key) = cluster().await;
    let with = |change: &dyn Fn(&mut Claims)| {
        let mut claims = claims();
        change(&mut claims);
        why(&store, &key, &claims, NOW)
    };
    assert_eq!(
        with(&|claims| claims.aud = vec!["other".to_owned()]),
        format!("token audiences [\"other\"] is invalid for the target audiences [{ISSUER:?}]")
    );
    assert_eq!(with(&|claims| claims.nbf = NOW + 61), "service account token is not valid yet");
    assert_eq!(
        with(&|claims| claims.kubernetes.serviceaccount.uid = "u9".to_owned()),
        "service account UID (u1) does not match claim (u9)"
    );
    assert_eq!(
        with(&|claims| claims.kubernetes.pod.as_mut().unwrap().uid = "u9".to_owned()),
        "pod UID (u2) does not match service account pod ref claim (u9)"
    );
    assert_eq!(
        with(&|claims| claims.sub = "system:serviceaccount:ns:other".to_owned()),
        "sub claim is invalid"
    );
    // Clocks may differ by a minute.
    assert_eq!(why(&store, &key, &claims(), NOW + 661), "service account token has expired");
    let token = key.sign(&claims()).unwrap();
    assert!(seen(&store, &key, &token, NOW + 660).unwrap().is_ok());

    delete(&store, "pods", "p").await;
    assert_eq!(why(&store, &key, &claims(), NOW), "pod \"p\" not found");
    delete(&store, "serviceaccounts", "sa").await;
    assert_eq!(why(&store, &key, &claims(), NOW), "serviceaccount \"sa\" not found");
}

#[tokio::test]
async fn only_our_own_signature_counts() {
    let (store, key) = cluster().await;
    let other = Key::generate().unwrap();
    let token = other.sign(&claims()).unwrap();
    assert!(seen(&store, &key, &token, NOW).unwrap().is_err());
    // No algorithm but ours, whoever asks for it.
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims()).unwrap());
    for algorithm in ["none", "HS256", "RS256"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm }).to_string());
        for signature in ["", "AAAA"] {
            let token = format!("{header}.{body}.{signature}");
            let seen = seen(&store, &key, &token, NOW);
            assert!(seen.is_none_or(|seen| seen.is_err()), "{algorithm}");
        }
    }
    // Tokens of other issuers are somebody else's business.
    let mut foreign = claims();
    foreign.iss = "https://example.com".to_owned();
    assert_eq!(seen(&store, &key, &key.sign(&foreign).unwrap(), NOW), None);
}

#[tokio::test]
async fn a_token_in_a_secret_is_good_while_it_stands_there() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let (store, key) = cluster().await;
    let account = json!({ "metadata": { "name": "sa", "namespace": "ns", "uid": "u1" } });
    let token = key.sign(&legacy_claims(&account, "s")).unwrap();
    assert_eq!(
        seen(&store, &key, &token, NOW).unwrap().unwrap_err().to_string(),
        "Token has been invalidated"
    );
    let data = json!({ "data": { "token": STANDARD.encode(&token) } });
    put(&store, "secrets", "s", "u3", data).await;
    let accepted = seen(&store, &key, &token, NOW).unwrap().unwrap();
    assert_eq!(accepted.identity.user, "system:serviceaccount:ns:sa");
    delete(&store, "secrets", "s").await;
    assert!(seen(&store, &key, &token, NOW).unwrap().is_err());
}

#[test]
fn a_key_survives_in_a_private_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sa.key");
    let token = Key::load_or_create(&path).unwrap().sign(&claims()).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(Key::load_or_create(&path).unwrap().recognizes(&token));
    std::fs::write(&path, "no key").unwrap();
    assert!(Key::load_or_create(&path).is_err());
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "\\PC*|[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,4}") {
        let key = Key::generate().unwrap();
        prop_assert!(seen(&Store::in_memory(1), &key, &text, NOW).is_none());
        prop_assert!(!key.recognizes(&text));
    }

    #[test]
    fn a_changed_token_is_refused(at in 0usize..400, letter in "[A-Za-z0-9._-]") {
        let key = Key::generate().unwrap();
        let store = Store::in_memory(1);
        let token = key.sign(&claims()).unwrap();
        let at = at % token.len();
        let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
        // The last letter of a part has bits that mean nothing.
        prop_assume!(changed != token);
        let accepted = seen(&store, &key, &changed, NOW).is_some_and(|seen| seen.is_ok());
        prop_assert!(!accepted);
    }
}
