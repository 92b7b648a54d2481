//! Nodes accepted in the console, by the rules of `kubewright node accept`.

use futures::future::BoxFuture;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client};
use kubewright_console::{Acceptance, AcceptanceError, Approval, Asked};
use kubewright_node::acceptance::{Kind, Request, is_ready};

/// Accepts what `kubewright node accept` accepts. A rejection needs no rules but those of the
/// approval itself.
pub(crate) struct ByRules;

impl Acceptance for ByRules {
    fn accept(&self, client: Client, asked: Asked) -> BoxFuture<'_, Result<(), AcceptanceError>> {
        Box::pin(async move {
            check(&client, &asked).await?;
            Approval.accept(client, asked).await
        })
    }

    fn reject(
        &self,
        client: Client,
        asked: Asked,
        reason: String,
    ) -> BoxFuture<'_, Result<(), AcceptanceError>> {
        Box::pin(async move { Approval.reject(client, asked, reason).await })
    }
}

async fn check(client: &Client, asked: &Asked) -> Result<(), AcceptanceError> {
    let name = || asked.name.clone();
    let refused = |why: String| AcceptanceError::Refused { name: name(), why };
    let failed = |source: kube::Error| AcceptanceError::Api { name: name(), source: source.into() };
    let requests: Api<CertificateSigningRequest> = Api::all(client.clone());
    let found = requests.get_opt(&asked.name).await.map_err(failed)?;
    let Some(object) = found.filter(|it| it.metadata.uid.as_ref() == Some(&asked.uid)) else {
        return Err(AcceptanceError::Gone { name: name() });
    };
    let request = match Request::of(&object) {
        Some(Ok(request)) if request.kind == Kind::Client => request,
        Some(Err(flaw)) => return Err(refused(flaw.to_string())),
        _ => return Err(refused("it is not for the certificate with which a node joins".into())),
    };
    let nodes: Api<Node> = Api::all(client.clone());
    let present = nodes.get_opt(request.node.as_str()).await.map_err(failed)?;
    if present.is_some_and(|node| is_ready(&node)) && !request.is_renewal() {
        return Err(refused(format!(
            "node {0} is in the cluster and ready, so this is somebody else, or it was set up \
             anew; then remove it first with `kubewright node remove {0}`",
            request.node
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
