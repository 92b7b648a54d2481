//! Accounts with the rights of some rules and no others, so that a controller's tests show that its
//! rules are enough.

use axum::http::{HeaderValue, Request};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding};
use kube::api::PostParams;
use kube::client::Body;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::TestCluster;

const RBAC: &str = "rbac.authorization.k8s.io";

impl TestCluster {
    /// Gives a service account of the test's namespace rules in all namespaces, and in some. What
    /// this makes goes with the test.
    ///
    /// # Panics
    /// When the API server refuses it.
    pub async fn grant(
        &self,
        account: &str,
        everywhere: &[PolicyRule],
        within: &[(&str, Vec<PolicyRule>)],
    ) {
        let client = self.client();
        let namespaces = Api::<Namespace>::all(client.clone());
        let owner = match namespaces.get(self.namespace()).await {
            Ok(owner) => owner,
            Err(error) => panic!("cannot read namespace {}: {error}", self.namespace()),
        };
        let metadata = json!({ "name": self.unique(account), "ownerReferences": [
            { "apiVersion": "v1", "kind": "Namespace", "name": owner.name_any(), "uid": owner.uid() },
        ] });
        let role = json!({ "metadata": metadata, "rules": everywhere });
        make::<ClusterRole>(Api::all(client.clone()), role).await;
        let binding = self.binding("ClusterRole", account, &metadata);
        make::<ClusterRoleBinding>(Api::all(client.clone()), binding).await;
        for (namespace, rules) in within {
            let role = json!({ "metadata": metadata, "rules": rules });
            make::<Role>(Api::namespaced(client.clone(), namespace), role).await;
            let binding = self.binding("Role", account, &metadata);
            make::<RoleBinding>(Api::namespaced(client.clone(), namespace), binding).await;
        }
    }

    fn binding(&self, kind: &str, account: &str, metadata: &Value) -> Value {
        json!({
            "metadata": metadata,
            "roleRef": { "apiGroup": RBAC, "kind": kind, "name": metadata["name"] },
            "subjects": [
                { "kind": "ServiceAccount", "name": account, "namespace": self.namespace() },
            ],
        })
    }

    /// A client that is a service account of the test's namespace.
    ///
    /// # Panics
    /// When the account has a name that no account can have.
    pub fn client_of(&self, account: &str) -> Client {
        let user = format!("system:serviceaccount:{}:{account}", self.namespace());
        let Ok(user) = user.parse::<HeaderValue>() else { panic!("{user:?} is no name") };
        let inner = self.client();
        let service = tower::service_fn(move |mut request: Request<Body>| {
            request.headers_mut().insert("impersonate-user", user.clone());
            let inner = inner.clone();
            async move { inner.send(request).await }
        });
        Client::new(service, self.namespace())
    }
}

async fn make<K>(api: Api<K>, object: Value)
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let made = match serde_json::from_value(object) {
        Ok(object) => api.create(&PostParams::default(), &object).await.map(drop),
        Err(error) => panic!("not an object: {error}"),
    };
    if let Err(error) = made {
        panic!("cannot grant rights: {error}");
    }
}
