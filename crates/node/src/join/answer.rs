//! What a cluster has said to a request for a certificate. Pure.

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};

/// What a cluster has said to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    Pending,
    /// Yes; the certificate will come.
    Accepted,
    /// Here it is, PEM.
    Issued(String),
    /// No.
    Rejected {
        /// What people or policies gave as reason.
        reason: String,
    },
    /// Yes, and then the signer did not take it.
    Failed {
        /// What the signer gave as reason.
        reason: String,
    },
}

/// The answer in a request. A denial outweighs everything: nobody may use what was denied.
pub fn answer(request: &CertificateSigningRequest) -> Answer {
    let Some(status) = &request.status else { return Answer::Pending };
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let condition =
        |kind: &str| conditions.iter().find(|it| it.type_ == kind && it.status == "True");
    if let Some(denied) = condition("Denied") {
        return Answer::Rejected { reason: said(denied) };
    }
    if let Some(failed) = condition("Failed") {
        return Answer::Failed { reason: said(failed) };
    }
    let issued = status.certificate.as_ref().filter(|pem| !pem.0.is_empty());
    match issued.map(|pem| String::from_utf8_lossy(&pem.0).into_owned()) {
        Some(pem) => Answer::Issued(pem),
        None if condition("Approved").is_some() => Answer::Accepted,
        None => Answer::Pending,
    }
}

/// A text of others for a terminal, in one line. It may hold what moves the cursor, or turns the
/// order of letters: that is shown as `\u{1b}`.
pub fn legible(text: &str) -> String {
    let turns = |letter| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = text.chars().map(|letter| match letter.is_control() || turns(letter) {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    });
    shown.collect()
}

/// The message of a condition, or else its reason, for the terminal of the machine that asked.
fn said(condition: &CertificateSigningRequestCondition) -> String {
    let given = [&condition.message, &condition.reason].into_iter().flatten();
    let text = given.map(|text| text.trim()).find(|text| !text.is_empty());
    legible(text.unwrap_or("no reason was given"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    /// Who may reject may not write on the terminal of another machine.
    #[test]
    fn a_reason_moves_no_cursor() {
        let denied = json!({ "type": "Denied", "status": "True",
            "message": "\u{1b}[31mno\nroot@a:~# \u{202e}x" });
        let object = serde_json::from_value(json!({ "metadata": {},
            "status": { "conditions": [denied] },
            "spec": { "signerName": "", "request": "" } }));
        let reason = "\\u{1b}[31mno\\nroot@a:~# \\u{202e}x".to_owned();
        assert_eq!(answer(&object.unwrap()), Answer::Rejected { reason });
    }

    #[test]
    fn a_denial_outweighs_a_certificate() {
        let condition =
            |kind: &str| json!({ "type": kind, "status": "True", "message": "why", "reason": "r" });
        let of = |status: serde_json::Value| {
            answer(
                &serde_json::from_value(json!({ "metadata": {}, "status": status,
                "spec": { "signerName": "", "request": "" } }))
                .unwrap(),
            )
        };
        let reason = "why".to_owned();
        assert_eq!(of(json!({})), Answer::Pending);
        assert_eq!(of(json!({ "conditions": [condition("Approved")] })), Answer::Accepted);
        assert_eq!(
            of(json!({ "conditions": [condition("Approved")], "certificate": "eA==" })),
            Answer::Issued("x".to_owned())
        );
        assert_eq!(
            of(json!({ "conditions": [condition("Denied")], "certificate": "eA==" })),
            Answer::Rejected { reason: reason.clone() }
        );
        assert_eq!(
            of(json!({ "conditions": [condition("Approved"), condition("Failed")] })),
            Answer::Failed { reason }
        );
    }
}
