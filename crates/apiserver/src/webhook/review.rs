//! `AdmissionReview`: what is asked, and whether an answer can be believed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::decode;
use crate::error::{Details, Error};
use crate::schema::Schema;

/// An answer that keeps to the contract.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) allowed: bool,
    /// `response.status`; null for none.
    status: Value,
    pub(super) warnings: Vec<String>,
    /// A JSON patch, as bytes; empty for none.
    pub(super) patch: Vec<u8>,
    pub(super) patch_type: String,
}

/// The body of a call.
pub(super) fn body(version: &str, request: &Value) -> Vec<u8> {
    let review = json!({ "kind": "AdmissionReview",
        "apiVersion": format!("admission.k8s.io/{version}"), "request": request });
    review.to_string().into_bytes()
}

/// Checks an answer.
///
/// # Errors
/// The words of kube-apiserver about what is wrong with it.
pub(super) fn verify(
    body: &[u8],
    version: &str,
    uid: &str,
    mutating: bool,
) -> Result<Verdict, String> {
    let (review, _) = decode::parse_json(body)
        .map_err(|error| format!("failed to call webhook: couldn't get version/kind; {error}"))?;
    let invalid = |why: String| format!("received invalid webhook response: {why}");
    let response = &review["response"];
    if !response.is_object() {
        return Err(invalid("webhook response was absent".to_owned()));
    }
    let text = |name: &str| response[name].as_str().unwrap_or_default();
    let strict = version == "v1";
    // v1beta1 did not demand that an answer says what it is.
    if strict && text("uid") != uid {
        return Err(invalid(format!("expected response.uid={uid:?}, got {:?}", text("uid"))));
    }
    let (api, kind) = (review["apiVersion"].as_str(), review["kind"].as_str());
    let expected = format!("admission.k8s.io/{version}");
    let named = api.is_some() || kind.is_some();
    if (strict || named) && (api != Some(&expected) || kind != Some("AdmissionReview")) {
        return Err(invalid(format!(
            "expected webhook response of {expected}, Kind=AdmissionReview, got {}, Kind={}",
            api.unwrap_or_default(),
            kind.unwrap_or_default()
        )));
    }
    let patch = STANDARD
        .decode(text("patch"))
        .map_err(|error| format!("failed to call webhook: response.patch: {error}"))?;
    let patch_type = response["patchType"].as_str();
    if strict {
        check_patch(&patch, patch_type, mutating).map_err(|why| invalid(why.to_owned()))?;
    }
    let warnings = response["warnings"].as_array().into_iter().flatten();
    Ok(Verdict {
        allowed: response["allowed"] == true,
        status: response["status"].clone(),
        warnings: warnings.filter_map(Value::as_str).map(str::to_owned).collect(),
        // A validating webhook of the old version may send one; it changes nothing.
        patch: if mutating { patch } else { Vec::new() },
        patch_type: patch_type.unwrap_or("JSONPatch").to_owned(),
    })
}

fn check_patch(patch: &[u8], kind: Option<&str>, mutating: bool) -> Result<(), &'static str> {
    match (mutating, patch.is_empty(), kind) {
        (true, false, None) => Err("webhook returned response.patch but not response.patchType"),
        (true, true, Some(_)) => Err("webhook returned response.patchType but not response.patch"),
        (true, _, Some("")) => Err("webhook returned invalid response.patchType of \"\""),
        (false, false, _) => Err("validating webhook may not return response.patch"),
        (false, _, Some(_)) => Err("validating webhook may not return response.patchType"),
        _ => Ok(()),
    }
}

impl Verdict {
    /// What the client is told when the webhook refuses.
    pub(super) fn denial(self, webhook: &str) -> Error {
        let mut status = self.status;
        if !status.is_object() {
            status = json!({});
        }
        // What is no Status is none to pass on.
        let schema = decode::schema_named(STATUS);
        if decode::canonicalize(&schema, &mut status).is_err() {
            status = json!({});
        }
        let text = |name: &str| status[name].as_str().unwrap_or_default().to_owned();
        let denied = format!("admission webhook {webhook:?} denied the request");
        let message = match (text("message"), text("reason")) {
            (message, _) if !message.is_empty() => format!("{denied}: {message}"),
            (_, reason) if !reason.is_empty() => format!("{denied}: {reason}"),
            _ => format!("{denied} without explanation"),
        };
        // A refusal is never a success, and what HTTP cannot say is a fault of the server.
        let code = status["code"].as_i64().unwrap_or(0).max(400);
        let code = u16::try_from(code).ok().and_then(|code| http::StatusCode::from_u16(code).ok());
        let code = code.unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        let retry = status["details"]["retryAfterSeconds"].as_u64().unwrap_or(0);
        status["kind"] = json!("Status");
        status["apiVersion"] = json!("v1");
        status["status"] = json!("Failure");
        status["message"] = json!(message);
        status["code"] = json!(code.as_u16());
        if !status["metadata"].is_object() {
            status["metadata"] = json!({});
        }
        Error {
            code,
            reason: "",
            message,
            details: Some(Details {
                retry_after_seconds: retry.try_into().unwrap_or(u32::MAX),
                whole: Some(Box::new(status)),
                ..Details::default()
            }),
        }
    }
}

const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";

/// The type of objects whose kind has none here.
pub(super) fn schema_of(kind: &decode::Kind) -> Schema {
    decode::schema_of(&kind.group, &kind.version, &kind.kind).unwrap_or_else(Schema::any)
}
