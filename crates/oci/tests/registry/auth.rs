//! Registries that want to know who we are, and TLS.

use std::fs;

use base64::Engine as _;
use kubewright_oci::registry::{Options, RegistryError};
use kubewright_testkit::{Registry, registry, require};
use serde_json::json;

use crate::scene::{client, client_with, image, layout, name};

/// `tester`, whose password is `correct horse`.
const HTPASSWD: &str = "tester:$2y$05$kubewrightregistryteseodQcnfaPaKDZiQmbcEL1UTb/glLgk7m\n";

#[tokio::test]
async fn a_registry_with_passwords_takes_those_that_are_stored() {
    require!(registry::available());
    let server = Registry::start_with(|folder| {
        let file = folder.join("htpasswd");
        fs::write(&file, HTPASSWD).unwrap();
        json!({ "auth": { "htpasswd": { "realm": "test", "path": file } } })
    })
    .unwrap();
    let (folder, here) = layout();
    let image = image(&here, "linux/amd64", b"x");
    let to = name(&server.host(), "team/tool:v1");
    let stored = |password: &str| {
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("tester:{password}"));
        let file = folder.path().join("config.json");
        fs::write(&file, json!({ "auths": { server.host(): { "auth": auth } } }).to_string())
            .unwrap();
        client_with(&server.host(), Options { credentials: vec![file], ..Options::default() })
    };
    let error = client(&server.host()).push(&here, &image, &to).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { known: false, .. }), "{error}");
    assert!(error.to_string().contains("does not let anonymous users push to team/tool"));
    let error = stored("hunter2").push(&here, &image, &to).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { known: true, .. }), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
    let known = stored("correct horse");
    known.push(&here, &image, &to).await.unwrap();
    let (_there, there) = layout();
    known.pull(&to, &[], &there).await.unwrap();
}

#[tokio::test]
async fn tls_needs_a_certificate_that_is_trusted_and_is_never_given_up() {
    require!(registry::available());
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let server = Registry::start_with(|folder| {
        let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
        fs::write(&certificate, certified.cert.pem()).unwrap();
        fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
        json!({ "http": { "addr": "127.0.0.1:0", "secret": "of a test",
            "tls": { "certificate": certificate, "key": key } } })
    })
    .unwrap();
    let (_folder, here) = layout();
    let image = image(&here, "linux/amd64", b"x");
    let to = name(&server.host(), "team/tool:v1");
    let error = client(&server.host()).push(&here, &image, &to).await.unwrap_err();
    assert!(matches!(error, RegistryError::Connection { .. }), "{error}");
    let certificates = vec![server.folder().join("tls.crt")];
    let trusting = client_with(&server.host(), Options { certificates, ..Options::default() });
    trusting.push(&here, &image, &to).await.unwrap();
    let (_there, there) = layout();
    trusting.pull(&to, &[], &there).await.unwrap();
    let nothing =
        Options { certificates: vec![server.folder().join("config.yml")], ..Options::default() };
    let error = kubewright_oci::Registry::new(&server.host(), nothing).unwrap_err();
    assert!(error.to_string().contains("cannot read the certificates in"), "{error}");
}
