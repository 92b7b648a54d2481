//! Registries that are busy, tokens that end, blobs that go elsewhere.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kubewright_oci::descriptor::media_type;
use kubewright_oci::registry::Options;

use crate::fake::{Fake, Seen, answer};
use crate::scene::{client, client_with, image, layered, layout, name};

#[tokio::test]
async fn a_registry_that_is_busy_is_asked_again_when_it_says() {
    let busy = AtomicUsize::new(0);
    let fake = Fake::start(move |seen| match (seen.method.as_str(), &*seen.path) {
        ("HEAD", _) => answer(404, &[], b""),
        ("GET", path) if path.contains("/manifests/") => answer(404, &[], b""),
        ("GET", _) => answer(200, &[], b""),
        ("POST", _) => answer(202, &[("location", "/v2/a/b/blobs/uploads/1")], b""),
        ("PUT", path) if path.contains("/uploads/") && busy.fetch_add(1, Ordering::SeqCst) == 0 => {
            answer(429, &[("retry-after", "2")], b"")
        }
        _ => answer(201, &[], b""),
    })
    .await;
    let (_folder, here) = layout();
    let image = image(&here, "linux/amd64", b"x");
    let begin = Instant::now();
    client(&fake.host()).push(&here, &image, &name(&fake.host(), "a/b:v1")).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(2));
}

/// A token lasts for some requests only: a long push needs several.
#[tokio::test]
async fn a_token_that_ends_in_a_push_is_replaced() {
    let (host, uses) = (Arc::new(Mutex::new(String::new())), AtomicUsize::new(0));
    let realm = host.clone();
    let fake = Fake::start(move |seen| {
        if seen.path == "/token" {
            uses.store(3, Ordering::SeqCst);
            return answer(200, &[], br#"{"token":"t0ken","expires_in":3600}"#);
        }
        let left = |left: usize| left.checked_sub(1);
        let known = seen.header("authorization") == Some("Bearer t0ken")
            && uses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok();
        if !known {
            let challenge = format!("Bearer realm=\"http://{}/token\"", realm.lock().unwrap());
            return answer(401, &[("www-authenticate", &challenge)], b"");
        }
        match (seen.method.as_str(), &*seen.path) {
            ("HEAD", _) => answer(404, &[], b""),
            ("GET", path) if path.contains("/manifests/") => answer(404, &[], b""),
            ("POST" | "PATCH", _) => answer(202, &[("location", "/v2/a/b/blobs/uploads/1")], b""),
            _ => answer(201, &[], b""),
        }
    })
    .await;
    fake.host().clone_into(&mut host.lock().unwrap());
    let (_folder, here) = layout();
    let image = layered(&here, &[300_000, 300_000]);
    let options = Options { piece: 50_000, parallel: 1, ..Options::default() };
    let client = client_with(&fake.host(), options);
    client.push(&here, &image, &name(&fake.host(), "a/b:v1")).await.unwrap();
    let tokens = fake.seen().iter().filter(|seen| seen.path == "/token").count();
    assert!(tokens > 3, "{tokens} tokens");
}

/// Uploads to an object store, whose addresses are secrets of their own.
#[tokio::test]
async fn an_upload_elsewhere_takes_no_credentials_along() {
    let store = Fake::start(|_| answer(201, &[], b"")).await;
    let elsewhere = format!("http://{}/bucket/1?signature=x", store.host());
    let fake = Fake::start(move |seen| {
        if seen.header("authorization").is_none() {
            return answer(401, &[("www-authenticate", "Basic realm=\"x\"")], b"");
        }
        match seen.method.as_str() {
            "HEAD" | "GET" => answer(404, &[], b""),
            "POST" => answer(202, &[("location", &elsewhere)], b""),
            _ => answer(201, &[], b""),
        }
    })
    .await;
    let (folder, here) = layout();
    let file = folder.path().join("config.json");
    let auths = serde_json::json!({ "auths": { fake.host(): { "auth": "bWU6c2VjcmV0" } } });
    std::fs::write(&file, auths.to_string()).unwrap();
    let image = image(&here, "linux/amd64", b"x");
    let options = Options { credentials: vec![file], ..Options::default() };
    let known = client_with(&fake.host(), options);
    known.push(&here, &image, &name(&fake.host(), "a/b:v1")).await.unwrap();
    let seen = store.seen();
    assert_eq!(seen.len(), 2);
    let signed = |seen: &Seen| seen.query.starts_with("signature=x&digest=sha256:");
    assert!(seen.iter().all(|seen| signed(seen) && seen.header("authorization").is_none()));
}

/// As `registry.k8s.io` does it: manifests too are elsewhere.
#[tokio::test]
async fn a_registry_that_leads_to_another_is_followed() {
    let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}"#;
    let described = kubewright_oci::Descriptor::of(media_type::CONFIG, config);
    let manifest = serde_json::json!({ "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": described, "layers": [] });
    let manifest = manifest.to_string().into_bytes();
    let near = Fake::start(move |seen| match seen.path.contains("/manifests/") {
        true => answer(200, &[("content-type", media_type::MANIFEST)], &manifest),
        false => answer(200, &[], config),
    })
    .await;
    let place = near.host();
    let fake = Fake::start(move |seen| {
        answer(307, &[("location", &format!("http://{place}{}", seen.path))], b"")
    })
    .await;
    let (_folder, here) = layout();
    let pulled = client(&fake.host()).pull(&name(&fake.host(), "a/b:v1"), &[], &here).await;
    assert_eq!(here.closure(&pulled.unwrap()).unwrap().len(), 2);
}
