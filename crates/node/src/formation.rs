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

const RBAC: &str = "rbac.authorization.k8s.io";
const REQUESTS: &str = "system:certificates.k8s.io:certificatesigningrequests";

/// An object could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {what}")]
pub struct FormationError {
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
    /// With or without `auto_approve`: whether a token is enough to become a node.
    pub fn new(auto_approve: bool) -> Self {
        let tokens = || group(DEFAULT_GROUP);
        let mut bindings = vec![
            binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", tokens()),
            binding("kubeadm:get-nodes", "kubeadm:get-nodes", tokens()),
            binding(
                "kubeadm:node-autoapprove-certificate-rotation",
                &format!("{REQUESTS}:selfnodeclient"),
                group(join::GROUP),
            ),
        ];
        if auto_approve {
            bindings.push(binding(AUTO_APPROVE, &format!("{REQUESTS}:nodeclient"), tokens()));
        }
        Self { bindings, get_nodes: get_nodes(), reader: reader() }
    }

    /// Writes it. To write it again is no harm; a token that was enough to become a node no
    /// longer is, where that is not wanted any more.
    ///
    /// # Errors
    /// What the API server answers.
    pub async fn apply(&self, client: &Client) -> Result<(), FormationError> {
        if !self.bindings.iter().any(|it| it.metadata.name.as_deref() == Some(AUTO_APPROVE)) {
            withdraw(client).await?;
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

/// Takes back that tokens approve themselves.
async fn withdraw(client: &Client) -> Result<(), FormationError> {
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    match bindings.delete(AUTO_APPROVE, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(failed(format!("ClusterRoleBinding {AUTO_APPROVE}"))(error)),
        Ok(_) => {
            tracing::warn!("removed {AUTO_APPROVE}: nodes are to be accepted by someone");
            Ok(())
        }
    }
}

fn failed(what: String) -> impl FnOnce(kube::Error) -> FormationError {
    move |source| FormationError { what, source: Box::new(source) }
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
    let name = "kubeadm:bootstrap-signer-clusterinfo";
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
        let approves = |formation: &Formation| {
            formation.bindings.iter().any(|it| it.role_ref.name.ends_with(":nodeclient"))
        };
        assert!(approves(&Formation::new(true)));
        assert!(!approves(&Formation::new(false)));
    }

    #[test]
    fn strangers_read_one_object() {
        let (role, _) = Formation::new(false).reader;
        let rules = role.rules.unwrap_or_default();
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].resource_names.as_deref(), Some(&["cluster-info".to_owned()][..]));
        assert_eq!(rules[0].verbs, ["get"]);
    }
}
