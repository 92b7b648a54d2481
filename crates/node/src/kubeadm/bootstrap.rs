//! What a bootstrap token needs when nodes are to be accepted by someone.
//!
//! The objects of `kubeadm init phase bootstrap-token`, by the same names, without the binding
//! `kubeadm:node-autoapprove-bootstrap`: with it, whoever has a token approves himself. kubic-init
//! let kubeadm make it and deleted it afterwards, and a node that asked in between was in. Where the
//! approver runs in the new cluster, `kubeadm:node-autoapprove-certificate-rotation` is left out,
//! too: with it, a node that was removed renews its certificate and comes back.

use kube::Client;
use kube::config::Kubeconfig;

use crate::config::Secret;
use crate::discovery::{Cluster, ClusterInfoError};
use crate::formation::{self, Approval, Formation, FormationError};
use crate::token::{self, Grant, StoreError, Token};

/// The objects cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The token.
    #[error(transparent)]
    Token(#[from] StoreError),
    /// An object.
    #[error(transparent)]
    Formation(#[from] FormationError),
    /// The administrator's kubeconfig names no server or no authority.
    #[error("the administrator's kubeconfig names no server, or not its authority")]
    Kubeconfig,
    /// What the kubeconfig names cannot be published.
    #[error("what the administrator's kubeconfig says of the cluster cannot be published")]
    Cluster(#[from] ClusterInfoError),
}

/// Makes them, and the token; what is there already stays.
pub(super) async fn make(
    client: &Client,
    kubeconfig: &Kubeconfig,
    secret: &Secret,
    grant: &Grant,
    approval: Approval,
) -> Result<(), BootstrapError> {
    let cluster = kubeconfig.clusters.first().and_then(|named| named.cluster.as_ref());
    let server = cluster.and_then(|cluster| cluster.server.clone());
    let authority = cluster.and_then(|cluster| cluster.certificate_authority_data.clone());
    let (Some(server), Some(authority)) = (server, authority) else {
        return Err(BootstrapError::Kubeconfig);
    };
    let cluster = Cluster::new(&server, &authority)?;
    Formation::new(approval).apply(client).await?;
    formation::publish(client, &cluster).await?;
    let token: Token = secret.expose().parse().map_err(StoreError::from)?;
    match token::create(client, Some(token), grant).await {
        Ok(_) | Err(StoreError::Taken { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
