//! What a cluster needs so that machines can join it with tokens: rights, and `cluster-info`. Pure.
//!
//! The names are kubeadm's, so that its tokens and tools work here, and ours there.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::discovery::Cluster;
use crate::join;
use crate::token::DEFAULT_GROUP;

/// Field manager of what is written here.
pub const FIELD_MANAGER: &str = "kubewright-node";

/// Namespace and name of what strangers may read.
const PUBLIC: (&str, &str) = ("kube-public", "cluster-info");

/// Name of the binding that lets nodes join without being accepted by anyone.
pub const AUTO_APPROVE: &str = "kubeadm:node-autoapprove-bootstrap";

/// Name of the right of strangers to read that.
const READER: &str = "kubeadm:bootstrap-signer-clusterinfo";
/// Name of the binding that lets who holds the certificate of a node renew it, also when the node
/// was removed.
pub const AUTO_RENEW: &str = "kubeadm:node-autoapprove-certificate-rotation";

/// What a cluster approves by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// Nodes with a token, and all renewals, as kubeadm sets it up.
    Everything,
    /// Renewals; of each node somebody decides.
    Renewals,
    /// Nothing: the approver runs in the cluster, and renews for nodes that are there.
    Nothing,
}

impl Approval {
    /// As a configuration says it: whether nodes approve themselves, and whether the approver runs.
    #[must_use]
    pub fn of(auto_approve: bool, approver: bool) -> Self {
        match (auto_approve, approver) {
            (true, _) => Self::Everything,
            (false, false) => Self::Renewals,
            (false, true) => Self::Nothing,
        }
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const REQUESTS: &str = "system:certificates.k8s.io:certificatesigningrequests";

/// An object could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {what}")]
pub struct FormationError {
    /// What was tried.
    pub verb: &'static str,
    /// Kind and name.
    pub what: String,
    /// The answer.
    #[source]
    pub source: Box<kube::Error>,
}

/// What lets machines join.
#[derive(Debug, Clone, PartialEq)]
pub struct Formation {
    /// Rights of those with a token, and of nodes.
    pub bindings: Vec<ClusterRoleBinding>,
    /// The right to see whether a name is taken.
    pub get_nodes: ClusterRole,
    /// The right of strangers to read `cluster-info`.
    pub reader: (Role, RoleBinding),
}

impl Formation {
    /// What a cluster gets that approves so much by itself.
    pub fn new(approval: Approval) -> Self {
        let tokens = || group(DEFAULT_GROUP);
        let mut bindings = vec![
            binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", tokens()),
            binding("kubeadm:get-nodes", "kubeadm:get-nodes", tokens()),
        ];
        if approval != Approval::Nothing {
            let renew = format!("{REQUESTS}:selfnodeclient");
            bindings.push(binding(AUTO_RENEW, &renew, group(join::GROUP)));
        }
        if approval == Approval::Everything {
            bindings.push(binding(AUTO_APPROVE, &format!("{REQUESTS}:nodeclient"), tokens()));
        }
        Self { bindings, get_nodes: get_nodes(), reader: reader() }
    }

    /// Writes it. To write it again is no harm; what was approved by itself no longer is, where
    /// that is not wanted any more.
    ///
    /// # Errors
    /// What the API server answers.
    pub async fn apply(&self, client: &Client) -> Result<(), FormationError> {
        for name in [AUTO_APPROVE, AUTO_RENEW] {
            if !self.bindings.iter().any(|it| it.metadata.name.as_deref() == Some(name)) {
                withdraw(client, name).await?;
            }
        }
        let everywhere = || Api::all(client.clone());
        put(&everywhere(), "ClusterRole", &self.get_nodes).await?;
        for one in &self.bindings {
            put(&Api::all(client.clone()), "ClusterRoleBinding", one).await?;
        }
        let (role, binding) = &self.reader;
        put(&Api::namespaced(client.clone(), PUBLIC.0), "Role", role).await?;
        put(&Api::namespaced(client.clone(), PUBLIC.0), "RoleBinding", binding).await
    }
}

/// Whether a token is enough to become a node of a cluster that was formed; nothing when it was not,
/// or not to its end.
///
/// # Errors
/// What the API server answers.
pub async fn auto_approves(client: &Client) -> Result<Option<bool>, FormationError> {
    // It is written last.
    let formed: Api<RoleBinding> = Api::namespaced(client.clone(), PUBLIC.0);
    let found = formed.get_opt(READER).await;
    if found.map_err(unread(format!("RoleBinding {READER}")))?.is_none() {
        return Ok(None);
    }
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let found = bindings.get_opt(AUTO_APPROVE).await;
    Ok(Some(found.map_err(unread(format!("ClusterRoleBinding {AUTO_APPROVE}")))?.is_some()))
}

/// Takes back that something is approved by itself.
async fn withdraw(client: &Client, name: &str) -> Result<(), FormationError> {
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    match bindings.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(failed(format!("ClusterRoleBinding {name}"))(error)),
        Ok(_) => {
            tracing::warn!("removed {name}: the configuration leaves that to people and policies");
            Ok(())
        }
    }
}

fn failed(what: String) -> impl FnOnce(kube::Error) -> FormationError {
    move |source| FormationError { verb: "write", what, source: Box::new(source) }
}

fn unread(what: String) -> impl FnOnce(kube::Error) -> FormationError {
    move |source| FormationError { verb: "read", what, source: Box::new(source) }
}

/// Publishes where a cluster is and who its authority is. Signatures are the cluster's to make.
///
/// # Errors
/// What the API server answers.
pub async fn publish(client: &Client, cluster: &Cluster) -> Result<(), FormationError> {
    let map = ConfigMap {
        metadata: metadata(PUBLIC.1, Some(PUBLIC.0)),
        data: Some([("kubeconfig".to_owned(), cluster.kubeconfig())].into()),
        ..ConfigMap::default()
    };
    put(&Api::namespaced(client.clone(), PUBLIC.0), "ConfigMap", &map).await
}

/// Whether a cluster says where it is and who its authority is.
///
/// # Errors
/// What the API server answers.
pub async fn is_published(client: &Client) -> Result<bool, FormationError> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), PUBLIC.0);
    let found = maps.get_opt(PUBLIC.1).await;
    Ok(found.map_err(unread(format!("ConfigMap {}", PUBLIC.1)))?.is_some())
}

async fn put<K>(api: &Api<K>, kind: &str, object: &K) -> Result<(), FormationError>
where
    K: Resource + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let name = object.meta().name.clone().unwrap_or_default();
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let written = api.patch(&name, &parameters, &Patch::Apply(object)).await;
    written.map(drop).map_err(failed(format!("{kind} {name}")))
}

fn metadata(name: &str, namespace: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ObjectMeta::default()
    }
}

fn group(name: &str) -> Subject {
    Subject {
        kind: "Group".to_owned(),
        name: name.to_owned(),
        api_group: Some(RBAC.to_owned()),
        namespace: None,
    }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef { api_group: RBAC.to_owned(), kind: kind.to_owned(), name: name.to_owned() }
}

fn binding(name: &str, role: &str, subject: Subject) -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: metadata(name, None),
        role_ref: role_ref("ClusterRole", role),
        subjects: Some(vec![subject]),
    }
}

fn get_nodes() -> ClusterRole {
    ClusterRole {
        metadata: metadata("kubeadm:get-nodes", None),
        rules: Some(vec![kubewright_operator::rbac::rule("", &["nodes"], &["get"])]),
        ..ClusterRole::default()
    }
}

fn reader() -> (Role, RoleBinding) {
    let name = READER;
    let only = PolicyRule {
        resource_names: Some(vec![PUBLIC.1.to_owned()]),
        ..kubewright_operator::rbac::rule("", &["configmaps"], &["get"])
    };
    let anonymous = Subject { kind: "User".to_owned(), ..group("system:anonymous") };
    let binding = RoleBinding {
        metadata: metadata(name, Some(PUBLIC.0)),
        role_ref: role_ref("Role", name),
        subjects: Some(vec![anonymous]),
    };
    (Role { metadata: metadata(name, Some(PUBLIC.0)), rules: Some(vec![only]) }, binding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_alone_makes_a_node_only_where_that_is_wanted() {
        let approves = |approval: Approval, what: &str| {
            let bindings = Formation::new(approval).bindings;
            bindings.iter().any(|it| it.role_ref.name.ends_with(what))
        };
        for (approval, nodes, renewals) in [
            (Approval::of(true, false), true, true),
            (Approval::of(true, true), true, true),
            (Approval::of(false, false), false, true),
            // The approver renews for nodes that are there, and for no others.
            (Approval::of(false, true), false, false),
        ] {
            assert_eq!(approves(approval, ":nodeclient"), nodes, "{approval:?}");
            assert_eq!(approves(approval, ":selfnodeclient"), renewals, "{approval:?}");
        }
    }

    #[test]
    fn strangers_read_one_object() {
        let (role, _) = Formation::new(Approval::Renewals).reader;
        let rules = role.rules.unwrap_or_default();
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].resource_names.as_deref(), Some(&["cluster-info".to_owned()][..]));
        assert_eq!(rules[0].verbs, ["get"]);
    }
}
