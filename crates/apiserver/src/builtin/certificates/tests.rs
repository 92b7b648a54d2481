#![allow(clippy::unwrap_used)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::tests::{create, patch};
use super::*;

const GROUP: &str = "certificates.k8s.io";
const RESOURCE: &str = "certificatesigningrequests";
const KIND: &str = "CertificateSigningRequest";

fn request() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec![]).unwrap();
    STANDARD.encode(params.serialize_request(&key).unwrap().pem().unwrap())
}

fn certificate() -> String {
    let certified = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap();
    STANDARD.encode(certified.cert.pem())
}

fn spec() -> Value {
    json!({"request": request(), "signerName": "kw.example.com/signer", "usages": ["client auth", "digital signature"],
        "username": "forged", "groups": ["forged"]})
}

fn stored() -> Value {
    let mut object =
        create(GROUP, RESOURCE, KIND, json!({"spec": spec(), "status": {"certificate": "eA=="}}))
            .unwrap();
    let groups = ["system:authenticated".to_owned()];
    let requester = Requester { username: "alice", uid: "", groups: &groups, extra: &Value::Null };
    SigningRequest.set_requester(&mut object, &requester);
    object
}

fn write(
    part: &'static str,
    stored: &Value,
    change: Value,
) -> Result<Value, Vec<(String, &'static str)>> {
    patch(GROUP, RESOURCE, KIND, Part::Sub(part), stored, change)
}

fn condition(kind: &str) -> Value {
    json!({"type": kind, "status": "True", "reason": "R"})
}

#[test]
fn identity_comes_from_the_server() {
    let object = stored();
    assert_eq!(object["spec"]["username"], "alice");
    assert_eq!(object["spec"]["groups"], json!(["system:authenticated"]));
    assert_eq!(object["status"], json!({}));
    let forged = patch(
        GROUP,
        RESOURCE,
        KIND,
        Part::Main,
        &object,
        json!({"spec": {"username": "x"}, "status": {"certificate": "eA=="}}),
    );
    assert_eq!(forged.unwrap(), object);
}

#[test]
fn findings_on_create() {
    let table = [
        ("request", json!("bm90IGEgcGVt"), "spec.request", "FieldValueInvalid"),
        ("signerName", json!("nodomain"), "spec.signerName", "FieldValueInvalid"),
        ("signerName", json!("Bad_Domain.example.com/x"), "spec.signerName", "FieldValueInvalid"),
        (
            "signerName",
            json!("kubernetes.io/legacy-unknown"),
            "spec.signerName",
            "FieldValueInvalid",
        ),
        ("usages", json!([]), "spec.usages", "FieldValueRequired"),
        ("usages", json!(["odd"]), "spec.usages[0]", "FieldValueNotSupported"),
        ("usages", json!(["client auth", "client auth"]), "spec.usages[1]", "FieldValueDuplicate"),
        ("expirationSeconds", json!(5), "spec.expirationSeconds", "FieldValueInvalid"),
    ];
    for (field, value, path, reason) in table {
        let mut spec = spec();
        spec[field] = value;
        let found = create(GROUP, RESOURCE, KIND, json!({"spec": spec})).unwrap_err();
        assert_eq!(found, [(path.to_owned(), reason)]);
    }
    let found = create(GROUP, RESOURCE, KIND, json!({"spec": {}})).unwrap_err();
    let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["spec.request", "spec.signerName", "spec.usages"]);
}

#[test]
fn a_request_hidden_behind_another_is_refused() {
    let text = |encoded: String| String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
    let (first, hidden) = (text(request()), text(request()));
    let skipped = first.replace("END CERTIFICATE REQUEST", "END CERTIFICATE REQUESTS");
    let mut spec = spec();
    spec["request"] = STANDARD.encode(format!("{skipped}{hidden}")).into();
    let found = create(GROUP, RESOURCE, KIND, json!({"spec": spec})).unwrap_err();
    assert_eq!(found, [("spec.request".to_owned(), "FieldValueInvalid")]);
    let signed = json!({"spec": {"signerName": "", "usages": [], "request": spec["request"]}});
    assert_eq!(signer::Asked::of(&signed), None);
}

#[test]
fn decisions_are_made_once_and_only_by_approval() {
    let object = stored();
    let change =
        json!({"status": {"conditions": [condition("Approved")], "certificate": certificate()}});
    let mut approved = write("approval", &object, change).unwrap();
    assert_eq!(approved["status"].get("certificate"), None);
    let now = "2024-01-01T00:00:00Z".parse().unwrap();
    SigningRequest.stamp(Part::Sub("approval"), &mut approved, Some(&object), now);
    assert_eq!(approved["status"]["conditions"][0]["lastUpdateTime"], "2024-01-01T00:00:00Z");

    let both = json!({"status": {"conditions": [condition("Approved"), condition("Denied")]}});
    assert_eq!(
        write("approval", &approved, both).unwrap_err(),
        [("status.conditions[1].type".to_owned(), "FieldValueInvalid")]
    );
    let forbidden = ("status.conditions".to_owned(), "FieldValueForbidden");
    assert_eq!(
        write("approval", &approved, json!({"status": null})).unwrap_err(),
        std::slice::from_ref(&forbidden)
    );
    let denied = json!({"status": {"conditions": [condition("Denied")]}});
    assert_eq!(write("status", &approved, denied).unwrap_err(), [forbidden.clone(), forbidden]);
}

#[test]
fn certificates_are_issued_by_status() {
    let object = stored();
    let wrong = write("status", &object, json!({"status": {"certificate": "bm90IGEgY2VydA=="}}));
    assert_eq!(wrong.unwrap_err(), [("status.certificate".to_owned(), "FieldValueInvalid")]);
    let issued =
        write("status", &object, json!({"status": {"certificate": certificate()}})).unwrap();
    let removed = write("status", &issued, json!({"status": {"certificate": null}}));
    assert_eq!(removed.unwrap_err(), [("status.certificate".to_owned(), "FieldValueForbidden")]);
}
