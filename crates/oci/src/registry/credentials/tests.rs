#![allow(clippy::unwrap_used)]
use super::*;

fn stored(text: &str, registry: &str) -> Result<Option<Credentials>, CredentialsError> {
    stored_for(text, registry, "team/tool")
}

fn stored_for(
    text: &str,
    registry: &str,
    repository: &str,
) -> Result<Option<Credentials>, CredentialsError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    fs::write(&file, text).unwrap();
    let places = find(&[folder.path().join("absent.json"), file], registry, repository)?;
    places.first().map_or(Ok(None), Place::read)
}

fn password(user: &str, password: &str) -> Option<Credentials> {
    Some(Credentials::Password { user: user.to_owned(), password: password.to_owned() })
}

#[test]
fn what_docker_login_stored_is_found() {
    // me:secret:with:colons
    let text = r#"{"auths":{"registry.example:5000":{"auth":"bWU6c2VjcmV0OndpdGg6Y29sb25z"},
        "https://index.docker.io/v1/":{"username":"hub","password":"p"},
        "https://old.example/v2/":{"identitytoken":"tok"}}}"#;
    let found = stored(text, "registry.example:5000").unwrap();
    assert_eq!(found, password("me", "secret:with:colons"));
    assert_eq!(stored(text, "docker.io").unwrap(), password("hub", "p"));
    let token = Some(Credentials::IdentityToken("tok".to_owned()));
    assert_eq!(stored(text, "old.example").unwrap(), token);
    assert_eq!(stored(text, "registry.example").unwrap(), None);
}

#[test]
fn a_damaged_file_is_an_error_that_does_not_quote_it() {
    for text in ["{\"auths\":{\"r.example\":{\"auth\":\"c2VjcmV0\"}}}", "{\"auths\": hunter2"] {
        let error = stored(text, "r.example").unwrap_err();
        assert!(error.to_string().contains("docker login"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", password("me", "hunter2").unwrap());
    assert!(!shown.contains("hunter2") && !shown.contains("me"), "{shown}");
}

#[test]
fn the_name_of_a_helper_is_no_path() {
    let error = stored(r#"{"credsStore":"../../bin/sh"}"#, "r.example").unwrap_err();
    assert!(matches!(error, CredentialsError::HelperName(_)));
    let error = stored(r#"{"credHelpers":{"r.example":"none-of-that-name"}}"#, "r.example");
    assert!(matches!(error, Err(CredentialsError::Helper { .. })));
}

#[test]
fn the_key_that_covers_most_of_a_name_counts() {
    let entry = |user: &str| format!(r#"{{"username":"{user}","password":"p"}}"#);
    let text = format!(
        r#"{{"auths":{{"quay.io":{},"quay.io/team":{},"quay.io/team/node":{},"ghcr.io/team":{}}}}}"#,
        entry("all"),
        entry("team"),
        entry("node"),
        entry("alone"),
    );
    for (registry, repository, user) in [
        ("quay.io", "other/node", Some("all")),
        ("quay.io", "teams/node", Some("all")),
        ("quay.io", "team/felix", Some("team")),
        ("quay.io", "team/node", Some("node")),
        ("quay.io", "team/node/x", Some("node")),
        ("ghcr.io", "team/node", Some("alone")),
        ("ghcr.io", "other/node", None),
    ] {
        let found = stored_for(&text, registry, repository).unwrap();
        assert_eq!(found, user.and_then(|user| password(user, "p")), "{registry}/{repository}");
    }
}
