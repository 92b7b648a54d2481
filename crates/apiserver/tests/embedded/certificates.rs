//! Certificates on request: asked for, approved, signed, and good for what they say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use kubewright_apiserver::Server;
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::json;
use x509_parser::pem::Pem;

use crate::cluster::{Cluster, present_until};

struct Asked {
    api: Api<CertificateSigningRequest>,
    request: CertificateSigningRequest,
    key: KeyPair,
}

/// A request by the administrator for `CN=common`, with these organisations and names.
async fn ask(cluster: &Cluster, signer: &str, common: &str, group: &str, usage: &str) -> Asked {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    params.distinguished_name.push(DnType::OrganizationName, group);
    // Another value of the same kind, which rcgen has no other way to write.
    let organization = DnType::CustomDnType(vec![2, 5, 4, 10]);
    if group == "first" {
        params.distinguished_name.push(organization, "second");
    }
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    let api: Api<CertificateSigningRequest> = Api::all(cluster.client.clone());
    let request = json!({ "metadata": { "name": "request" }, "spec": {
        "signerName": format!("kubernetes.io/{signer}"), "expirationSeconds": 7200,
        "usages": [usage, "digital signature"], "request": STANDARD.encode(pem) } });
    let request = serde_json::from_value(request).unwrap();
    let request = api.create(&PostParams::default(), &request).await.unwrap();
    Asked { api, request, key }
}

impl Asked {
    async fn approve(&self) {
        let patch = Patch::Merge(json!({ "status": { "conditions": [
            { "type": "Approved", "status": "True", "reason": "Test", "message": "yes" }] } }));
        self.api.patch_approval("request", &PatchParams::default(), &patch).await.unwrap();
    }

    /// The certificate, PEM.
    async fn issued(&self) -> String {
        let issued = present_until(&self.api, &self.request, |request| {
            request.status.as_ref().is_some_and(|status| status.certificate.is_some())
        });
        let certificate = issued.await.status.unwrap().certificate.unwrap();
        String::from_utf8(certificate.0).unwrap()
    }
}

#[tokio::test]
async fn what_is_approved_is_signed_and_opens_the_door() {
    let cluster = Cluster::over_tls(Server::builder().start().await.unwrap()).await;
    let asked = ask(&cluster, "kube-apiserver-client", "ada", "first", "client auth").await;
    asked.approve().await;
    let pem = asked.issued().await;

    let block = Pem::iter_from_buffer(pem.as_bytes()).next().unwrap().unwrap();
    let parsed = block.parse_x509().unwrap();
    let validity = parsed.validity();
    let seconds = validity.not_after.timestamp() - validity.not_before.timestamp();
    assert_eq!(seconds, 7200 + 5 * 60);
    assert!(parsed.extended_key_usage().unwrap().unwrap().value.client_auth);
    assert!(!parsed.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert!(parsed.key_usage().unwrap().unwrap().value.digital_signature());
    assert!(!parsed.is_ca());

    // The server itself believes it, whole.
    let address = cluster.address.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = json!({ "apiVersion": "v1", "kind": "Config",
        "clusters": [{ "name": "c", "cluster": { "server": format!("https://{address}"),
            "certificate-authority-data": STANDARD.encode(cluster.server.pki().certificate_pem()) } }],
        "users": [{ "name": "u", "user": { "client-certificate-data": STANDARD.encode(&pem),
            "client-key-data": STANDARD.encode(asked.key.serialize_pem()) } }],
        "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
        "current-context": "x" });
    let config = serde_json::from_value(config).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.unwrap();
    let reviews: Api<SelfSubjectReview> = Api::all(Client::try_from(config).unwrap());
    let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
    let user = review.unwrap().status.unwrap().user_info.unwrap();
    assert_eq!(user.username.as_deref(), Some("ada"));
    let mut groups = user.groups.unwrap();
    groups.sort();
    assert_eq!(groups, ["first", "second", "system:authenticated"]);
}

#[tokio::test]
async fn what_a_signer_does_not_sign_fails_for_good() {
    let cluster = Cluster::start().await;
    let asked = ask(&cluster, "kubelet-serving", "system:node:a", "other", "server auth").await;
    asked.approve().await;
    let failed = present_until(&asked.api, &asked.request, |request| {
        let conditions = request.status.iter().flat_map(|status| &status.conditions).flatten();
        conditions.into_iter().any(|condition| condition.type_ == "Failed")
    })
    .await;
    let status = failed.status.unwrap();
    let failure = status.conditions.unwrap().pop().unwrap();
    assert_eq!(failure.reason.as_deref(), Some("SignerValidationFailure"));
    assert_eq!(failure.message.as_deref(), Some("subject organization is not system:nodes"));
    assert!(status.certificate.is_none());
}

#[tokio::test]
async fn kubelets_are_approved_unseen_where_that_is_wanted() {
    let server = Server::builder().approve_kubelet_clients(true).start().await.unwrap();
    let cluster = Cluster::over(server).await;
    let signer = "kube-apiserver-client-kubelet";
    let asked = ask(&cluster, signer, "system:node:a", "system:nodes", "client auth").await;
    asked.issued().await;
    let approved = asked.api.get("request").await.unwrap().status.unwrap().conditions.unwrap();
    assert_eq!(approved[0].reason.as_deref(), Some("AutoApproved"));
}
