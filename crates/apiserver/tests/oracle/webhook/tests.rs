//! Cases for the webhook server, over TLS.

use std::sync::Arc;

use super::{BASE64, Webhooks};
use crate::RUNTIME;
use crate::checks::{Check, json};
use crate::client::{Answer, Client, Endpoint};
use crate::scenario::Request;
use crate::target::{Identity, Target};
use base64::Engine as _;

pub(crate) const CHECKS: &[Check] = &[
    ("webhook/the_first_rule_that_fits_answers", the_first_rule_that_fits_answers),
    ("webhook/requests_are_kept_until_taken", requests_are_kept_until_taken),
];

fn the_first_rule_that_fits_answers() {
    RUNTIME.block_on(async {
        let server = programmed().await;
        let raw = review(&server, r#"{"uid": "u1", "name": "raw"}"#).await;
        assert_eq!((raw.status.as_u16(), raw.body), (500, "oops".into()));

        let patched = review(&server, r#"{"uid": "u2", "name": "patched"}"#).await.body;
        let response = patched.get("response").expect("a review has a response");
        assert_eq!(response.text_of("uid"), "u2");
        assert_eq!(response.text_of("patchType"), "JSONPatch");
        let patch = BASE64.decode(response.text_of("patch")).expect("the patch is base64");
        assert_eq!(
            json(&String::from_utf8_lossy(&patch)),
            json(r#"[{"op": "remove", "path": "/data"}]"#)
        );

        let other = review(&server, r#"{"uid": "u3", "name": "other"}"#).await.body;
        assert_eq!(other.get("response"), Some(&json(r#"{"uid": "u3", "allowed": true}"#)));
    });
}

fn requests_are_kept_until_taken() {
    RUNTIME.block_on(async {
        let server = programmed().await;
        assert!(!server.was_called("/run/wh"));
        review(&server, r#"{"uid": "u1"}"#).await;
        assert!(server.was_called("/run/wh"));
        assert_eq!(server.take_requests("/run/wh"), [json(r#"{"uid": "u1"}"#)]);
        assert_eq!(server.take_requests("/run/wh"), []);
    });
}

async fn programmed() -> Webhooks {
    let server = Webhooks::start().await.expect("the loopback has free ports");
    let rules = r#"[
        {"when": {"$.name": "raw"}, "raw": "oops", "http": 500},
        {"when": {"$.name": "patched"},
         "response": {"allowed": true, "patch": [{"op": "remove", "path": "/data"}]}}
    ]"#;
    server.program(
        "/run/wh".to_owned(),
        serde_json::from_str(rules).expect("the rules are well formed"),
    );
    server
}

async fn review(server: &Webhooks, request: &str) -> Answer {
    let identity = Identity::Token(String::new());
    let endpoint = Endpoint::new(&Target { base_url: server.url.clone(), identity, _server: None });
    let mut client = Client::new(Arc::new(endpoint.expect("the URL is well formed")));
    let body = json(&format!(r#"{{"kind": "AdmissionReview", "request": {request}}}"#));
    let call = Request { method: "POST".to_owned(), body, ..Request::get("/run/wh?timeout=5s") };
    client.call(&call).await.expect("the server answers")
}
