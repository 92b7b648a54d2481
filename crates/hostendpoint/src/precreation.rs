//! Nodes that are announced before they register: by an approved kubelet
//! client certificate, or by a Cluster API Machine.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::core::{ApiResource, DynamicObject};
use x509_parser::{
    certification_request::X509CertificationRequest, prelude::FromDer, x509::X509Name,
};

use crate::{
    labels::Interner,
    observed::{Announcement, AnnouncementKind},
};

/// Signer of kubelet client certificates.
pub const KUBELET_CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";

/// Group of Cluster API.
pub const MACHINE_GROUP: &str = "cluster.x-k8s.io";

const NODE_USER_PREFIX: &str = "system:node:";
const NODES_GROUP: &str = "system:nodes";

/// Machines in the version that the server prefers.
pub fn machines(version: &str) -> ApiResource {
    ApiResource {
        group: MACHINE_GROUP.to_owned(),
        version: version.to_owned(),
        api_version: format!("{MACHINE_GROUP}/{version}"),
        kind: "Machine".to_owned(),
        plural: "machines".to_owned(),
    }
}

/// The node that an approved request for a kubelet client certificate is for.
/// Denied and failed requests announce nothing, nor do those whose subject is
/// not a node's.
pub fn from_certificate(
    request: &CertificateSigningRequest,
    interner: &mut Interner,
) -> Option<Announcement> {
    if request.spec.signer_name != KUBELET_CLIENT_SIGNER {
        return None;
    }
    let conditions = request.status.as_ref()?.conditions.as_deref()?;
    if conditions.iter().any(|condition| matches!(condition.type_.as_str(), "Denied" | "Failed")) {
        return None;
    }
    let approval = conditions
        .iter()
        .find(|condition| condition.type_ == "Approved" && condition.status == "True")?;
    let approved: Timestamp =
        approval.last_update_time.as_ref().or(request.metadata.creation_timestamp.as_ref())?.0;
    let node = subject_node(&request.spec.request.0)?;
    Some(Announcement {
        node: interner.share(&node),
        kind: AnnouncementKind::Certificate { approved },
    })
}

/// The node in the subject of a PEM encoded request: `CN=system:node:<name>`,
/// `O=system:nodes`.
fn subject_node(pem: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(pem).ok()?;
    let body: String = text
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    let der = STANDARD.decode(body).ok()?;
    let (_, request) = X509CertificationRequest::from_der(&der).ok()?;
    let subject = &request.certification_request_info.subject;
    if !is_node_group(subject) {
        return None;
    }
    let name = subject.iter_common_name().next()?.as_str().ok()?;
    name.strip_prefix(NODE_USER_PREFIX).filter(|name| !name.is_empty()).map(str::to_owned)
}

fn is_node_group(subject: &X509Name<'_>) -> bool {
    subject.iter_organization().any(|group| group.as_str() == Ok(NODES_GROUP))
}

/// The node that a Machine is, or is going to be: `status.nodeRef`, else the
/// host name among its addresses. A machine that names none announces none;
/// guessing from the machine's name would leave endpoints of nobody behind.
pub fn from_machine(machine: &DynamicObject, interner: &mut Interner) -> Option<Announcement> {
    if machine.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = &machine.data["status"];
    let address = |kind: &str| {
        let addresses = status["addresses"].as_array()?;
        addresses.iter().find(|address| address["type"] == kind)?["address"].as_str()
    };
    let node = status["nodeRef"]["name"]
        .as_str()
        .or_else(|| address("Hostname"))
        .or_else(|| address("InternalDNS"))?;
    let node = interner.share(node);
    let labels = interner.labels(machine.metadata.labels.iter().flatten());
    Some(Announcement { node, kind: AnnouncementKind::Machine { labels } })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::labels::LabelSource;

    fn pem(common_name: &str, organization: &str) -> String {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        params.distinguished_name.push(rcgen::DnType::OrganizationName, organization);
        let key = rcgen::KeyPair::generate().unwrap();
        params.serialize_request(&key).unwrap().pem().unwrap()
    }

    fn announced(pem: &str, signer: &str, conditions: serde_json::Value) -> Option<String> {
        let request = serde_json::from_value(json!({
            "metadata": {"name": "csr-1"},
            "spec": {"request": STANDARD.encode(pem), "signerName": signer, "usages": ["client auth"]},
            "status": {"conditions": conditions},
        }))
        .unwrap();
        from_certificate(&request, &mut Interner::default())
            .map(|announcement| announcement.node.to_string())
    }

    #[test]
    fn approved_kubelet_certificates_announce_their_node() {
        let good = pem("system:node:worker-7", "system:nodes");
        let approved = json!([{"type": "Approved", "status": "True", "lastUpdateTime": "2026-11-20T00:00:00Z"}]);
        assert_eq!(
            announced(&good, KUBELET_CLIENT_SIGNER, approved.clone()),
            Some("worker-7".into())
        );
        for (pem, signer, conditions) in [
            (good.as_str(), KUBELET_CLIENT_SIGNER, json!([])),
            (&good, "kubernetes.io/kubelet-serving", approved.clone()),
            (
                &good,
                KUBELET_CLIENT_SIGNER,
                json!([approved[0], {"type": "Denied", "status": "True"}]),
            ),
            (&pem("system:node:", "system:nodes"), KUBELET_CLIENT_SIGNER, approved.clone()),
            (&pem("admin", "system:nodes"), KUBELET_CLIENT_SIGNER, approved.clone()),
            (&pem("system:node:x", "system:masters"), KUBELET_CLIENT_SIGNER, approved.clone()),
            ("garbage", KUBELET_CLIENT_SIGNER, approved.clone()),
        ] {
            assert_eq!(announced(pem, signer, conditions), None);
        }
    }

    #[test]
    fn machines_announce_the_node_they_name() {
        let machine = |status: serde_json::Value| -> DynamicObject {
            serde_json::from_value(json!({
                "apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Machine",
                "metadata": {"name": "m1", "namespace": "default", "labels": {"pool": "edge"}},
                "status": status,
            }))
            .unwrap()
        };
        let node = |status| {
            from_machine(&machine(status), &mut Interner::default())
                .map(|found| found.node.to_string())
        };
        assert_eq!(
            node(
                json!({"nodeRef": {"name": "n1"}, "addresses": [{"type": "Hostname", "address": "h1"}]})
            ),
            Some("n1".into())
        );
        assert_eq!(
            node(
                json!({"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": "h1"}]})
            ),
            Some("h1".into())
        );
        assert_eq!(
            node(json!({"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]})),
            None
        );
        let announcement =
            from_machine(&machine(json!({"nodeRef": {"name": "n1"}})), &mut Interner::default())
                .unwrap();
        let AnnouncementKind::Machine { labels } = announcement.kind else { panic!() };
        assert_eq!(labels.label("pool"), Some("edge"));
    }
}
