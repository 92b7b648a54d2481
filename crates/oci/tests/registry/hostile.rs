//! Registries that lie.

use std::sync::{Arc, Mutex};

use kubewright_oci::descriptor::media_type;
use kubewright_oci::registry::{Options, RegistryError};
use kubewright_oci::{Descriptor, Digest, Layout};
use serde_json::{Value, json};

use crate::fake::{Fake, Seen, answer};
use crate::scene::{client, client_with, image, layout, name, noise};

const CONFIG: &[u8] = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}"#;

fn manifest(layer: Value) -> Vec<u8> {
    let config = Descriptor::of(media_type::CONFIG, CONFIG);
    let manifest = json!({ "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": config, "layers": [layer] });
    manifest.to_string().into_bytes()
}

/// Serves one manifest, its configuration, and for every other blob the same bytes.
async fn serve(manifest: Vec<u8>, blob: &'static [u8]) -> Fake {
    Fake::start(move |seen| match &*seen.path {
        "/v2/" => answer(200, &[], b""),
        path if path.contains("/manifests/") => {
            answer(200, &[("content-type", media_type::MANIFEST)], &manifest)
        }
        path if path.ends_with(&Digest::of(CONFIG).to_string()) => answer(200, &[], CONFIG),
        _ => answer(200, &[], blob),
    })
    .await
}

fn layer(content: &[u8]) -> Value {
    json!(Descriptor::of(media_type::LAYER_GZIP, content))
}

fn nothing_of(layout: &Layout, content: &[u8]) -> bool {
    !layout.blob_path(&Digest::of(content)).exists()
        && std::fs::read_dir(layout.root().join("blobs")).unwrap().count() == 1
}

async fn pulled(manifest: Vec<u8>, blob: &'static [u8]) -> (String, Layout, tempfile::TempDir) {
    let fake = serve(manifest, blob).await;
    let (folder, here) = layout();
    let error = client(&fake.host()).pull(&name(&fake.host(), "a/b:v1"), &[], &here).await;
    (whole(&error.unwrap_err()), here, folder)
}

fn whole(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", whole(source)),
        None => error.to_string(),
    }
}

#[tokio::test]
async fn a_blob_with_other_content_is_not_kept() {
    let (error, here, _folder) = pulled(manifest(layer(b"asked")), b"other").await;
    assert!(error.contains("was announced"), "{error}");
    assert!(nothing_of(&here, b"asked") && nothing_of(&here, b"other"));
}

#[tokio::test]
async fn a_blob_that_does_not_end_is_cut_off() {
    let (error, here, _folder) = pulled(manifest(layer(b"asked")), b"asked and more").await;
    assert!(error.contains("longer than the 5 bytes announced"), "{error}");
    assert!(nothing_of(&here, b"asked"));
}

#[tokio::test]
async fn a_digest_that_is_a_path_is_not_followed() {
    let mut hostile = layer(b"x");
    hostile["digest"] = json!("sha256:../../../../etc/passwd");
    let (error, _, _folder) = pulled(manifest(hostile), b"x").await;
    assert!(error.contains("does not have 64 hexadecimal digits"), "{error}");
}

#[tokio::test]
async fn a_manifest_without_end_is_not_read() {
    let long = vec![b' '; 5 << 20];
    let (error, _, _folder) = pulled(long, b"x").await;
    assert!(error.contains("longer than 4194304 bytes"), "{error}");
}

#[tokio::test]
async fn by_digest_nothing_else_is_taken() {
    let fake = serve(manifest(layer(b"x")), b"x").await;
    let (_folder, here) = layout();
    let pinned = name(&fake.host(), "a/b").with_digest(Digest::of(b"the real one"));
    let error = client(&fake.host()).pull(&pinned, &[], &here).await.unwrap_err();
    assert!(matches!(error, RegistryError::Content { .. }), "{error}");
}

#[tokio::test]
async fn credentials_stay_where_they_belong() {
    // Blobs are on another machine, as with object stores.
    let store = Fake::start(|_| answer(200, &[], b"layer")).await;
    let elsewhere = format!("http://{}/signed?secret=1", store.host());
    let text = manifest(layer(b"layer"));
    let fake = Fake::start(move |seen| match (seen.header("authorization"), &*seen.path) {
        (None, _) => answer(401, &[("www-authenticate", "Basic realm=\"x\"")], b""),
        (_, path) if path.contains("/manifests/") => {
            answer(200, &[("content-type", media_type::MANIFEST)], &text)
        }
        (_, path) if path.ends_with(&Digest::of(CONFIG).to_string()) => answer(200, &[], CONFIG),
        _ => answer(307, &[("location", &elsewhere)], b""),
    })
    .await;
    let (folder, here) = layout();
    let file = folder.path().join("config.json");
    // me:secret
    let stored = json!({ "auths": { fake.host(): { "auth": "bWU6c2VjcmV0" } } });
    std::fs::write(&file, stored.to_string()).unwrap();
    let options = Options { credentials: vec![file], ..Options::default() };
    let known = client_with(&fake.host(), options);
    known.pull(&name(&fake.host(), "a/b:v1"), &[], &here).await.unwrap();
    assert!(fake.seen().iter().any(|seen| seen.header("authorization").is_some()));
    assert_eq!(store.seen().len(), 1);
    assert!(store.seen().iter().all(|seen| seen.header("authorization").is_none()));
}

/// A registry that leads blobs to itself.
#[tokio::test]
async fn a_circle_ends() {
    let text = manifest(layer(b"layer"));
    let fake = Fake::start(move |seen| match &*seen.path {
        "/v2/" => answer(200, &[], b""),
        path if path.contains("/manifests/") => {
            answer(200, &[("content-type", media_type::MANIFEST)], &text)
        }
        path => answer(307, &[("location", path)], b""),
    })
    .await;
    let (_folder, here) = layout();
    let error = client(&fake.host()).pull(&name(&fake.host(), "a/b:v1"), &[], &here).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("it leads elsewhere without end"), "{error}");
    assert!(fake.seen().len() < 20);
}

#[tokio::test]
async fn one_token_serves_all_and_goes_with_credentials_to_its_server_alone() {
    let host = Arc::new(Mutex::new(String::new()));
    let realm = host.clone();
    let fake = Fake::start(move |seen| {
        if seen.path == "/token" {
            let known = seen.header("authorization") == Some("Basic bWU6c2VjcmV0");
            let scope = seen.query.contains("scope=repository%3Aa%2Fb%3Apull%2Cpush");
            return match known && scope && seen.query.contains("service=test") {
                true => answer(200, &[], br#"{"token":"t0ken","expires_in":300}"#),
                false => answer(401, &[], b""),
            };
        }
        let challenge =
            format!("Bearer realm=\"http://{}/token\",service=\"test\"", realm.lock().unwrap());
        match (seen.header("authorization"), &seen.method, &*seen.path) {
            (Some("Bearer t0ken"), method, path) => match (method.as_str(), path) {
                ("HEAD", _) => answer(404, &[], b""),
                ("POST", _) => answer(202, &[("location", "/v2/a/b/blobs/uploads/1")], b""),
                _ => answer(201, &[], b""),
            },
            _ => answer(401, &[("www-authenticate", &challenge)], b""),
        }
    })
    .await;
    fake.host().clone_into(&mut host.lock().unwrap());
    let (folder, here) = layout();
    let file = folder.path().join("config.json");
    let stored = json!({ "auths": { fake.host(): { "auth": "bWU6c2VjcmV0" } } });
    std::fs::write(&file, stored.to_string()).unwrap();
    let options = Options { credentials: vec![file], ..Options::default() };
    let image = image(&here, "linux/amd64", b"x");
    let known = client_with(&fake.host(), options);
    known.push(&here, &image, &name(&fake.host(), "a/b:v1")).await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen.iter().filter(|seen| seen.path == "/token").count(), 1);
    let basic =
        |seen: &&Seen| seen.header("authorization").is_some_and(|it| it.starts_with("Basic"));
    assert!(seen.iter().filter(basic).all(|seen| seen.path == "/token"));
    // Nobody else gets one.
    let (_folder, here) = layout();
    let error = client(&fake.host()).pull(&name(&fake.host(), "a/b:v1"), &[], &here).await;
    assert!(matches!(error, Err(RegistryError::Unauthorized { known: false, .. })));
}

/// Bytes of a piece of an upload.
const PIECE: usize = 100_000;

/// A registry that keeps to the specification: what has arrived of an upload stays, and it says how
/// much that is. So many times it fails in the middle of the third piece.
async fn breaking(times: usize) -> (Fake, Arc<Mutex<Vec<u8>>>) {
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let (kept, left) = (arrived.clone(), Mutex::new(times));
    let fake = Fake::start(move |seen| {
        let mut kept = kept.lock().unwrap();
        let status = |status, size: usize| {
            let range = format!("0-{}", size.saturating_sub(1));
            answer(status, &[("location", "/v2/a/b/blobs/uploads/1"), ("range", &range)], b"")
        };
        match (seen.method.as_str(), &*seen.path) {
            ("HEAD", _) => answer(404, &[], b""),
            ("POST", _) => status(202, 0),
            ("GET", "/v2/") => answer(200, &[], b""),
            ("GET", _) => status(204, kept.len()),
            ("PATCH", _) => {
                let begins = seen.header("content-range").unwrap().split('-').next().unwrap();
                if begins.parse::<usize>().unwrap() != kept.len() {
                    return answer(416, &[], b"");
                }
                let mut left = left.lock().unwrap();
                if kept.len() >= 2 * PIECE && *left > 0 {
                    *left -= 1;
                    kept.extend_from_slice(&seen.body[..1234]);
                    return answer(502, &[], b"");
                }
                kept.extend_from_slice(&seen.body);
                status(202, kept.len())
            }
            ("PUT", path) if path.contains("/uploads/") => {
                // The configuration is small.
                if seen.body.len() > 1000 {
                    kept.extend_from_slice(&seen.body);
                }
                answer(201, &[], b"")
            }
            _ => answer(201, &[], b""),
        }
    })
    .await;
    (fake, arrived)
}

fn patched(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| seen.method == "PATCH").map(|seen| seen.body.len()).sum()
}

/// An image with one layer of somewhat more than four and a half pieces.
fn large(layout: &Layout) -> (Descriptor, Digest) {
    let mut tree = kubewright_oci::Tree::new();
    let content = kubewright_oci::Content::Bytes(noise(4 * PIECE + PIECE / 2, 6));
    tree.file("data", content, 0o644).unwrap();
    let mut image = kubewright_oci::Image::new(crate::scene::amd64());
    image.layers.push(tree);
    let image = image.write(layout).unwrap();
    let layer = layout.manifest(&image).unwrap().layers[0].digest;
    (image, layer)
}

fn in_pieces(host: &str) -> kubewright_oci::Registry {
    let options = Options { piece: PIECE as u64, parallel: 1, ..Options::default() };
    client_with(host, options)
}

#[tokio::test]
async fn an_upload_goes_on_from_the_last_byte_that_arrived() {
    let (fake, arrived) = breaking(1).await;
    let (_folder, here) = layout();
    let (image, layer) = large(&here);
    in_pieces(&fake.host()).push(&here, &image, &name(&fake.host(), "a/b:v1")).await.unwrap();
    assert_eq!(Digest::of(&arrived.lock().unwrap()), layer);
    let sent = patched(&fake.seen());
    assert!(sent < 5 * PIECE + PIECE / 2, "{sent} bytes were sent");
}

#[tokio::test]
async fn an_upload_that_was_given_up_goes_on_in_another_process() {
    let (fake, arrived) = breaking(4).await;
    let (_folder, here) = layout();
    let (image, layer) = large(&here);
    let to = name(&fake.host(), "a/b:v1");
    let error = in_pieces(&fake.host()).push(&here, &image, &to).await.unwrap_err();
    assert!(matches!(error, RegistryError::Status { .. }), "{error}");
    let before = fake.seen().len();
    // All it knows is in the layout.
    in_pieces(&fake.host()).push(&here, &image, &to).await.unwrap();
    assert_eq!(Digest::of(&arrived.lock().unwrap()), layer);
    let sent = patched(&fake.seen()[before..]);
    assert!(sent <= 3 * PIECE, "{sent} bytes were sent");
    assert!(!here.root().join(".uploads").exists());
}
