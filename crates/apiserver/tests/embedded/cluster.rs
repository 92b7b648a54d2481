//! A server of its own for each test, and what the tests do with it.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use kubewright_apiserver::Server;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Long enough for a loaded machine; nothing waits this long unless it failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server and an administrator.
pub(crate) struct Cluster {
    pub(crate) server: Server,
    pub(crate) client: Client,
    /// Where it listens, if it does.
    pub(crate) address: Option<SocketAddr>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::over(Server::builder().start().await.unwrap()).await
    }

    /// Talks to a server in process.
    pub(crate) async fn over(server: Server) -> Self {
        let client = server.client();
        Self { server, client, address: None }
    }

    /// Talks to a server over TLS, as anybody with its kubeconfig does.
    pub(crate) async fn over_tls(server: Server) -> Self {
        let address = server.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
        let client = tls_client(&server, address).await;
        Self { server, client, address: Some(address) }
    }

    pub(crate) fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), "default")
    }

    pub(crate) async fn map(&self, name: &str) -> ConfigMap {
        self.map_with(name, &json!({})).await
    }

    pub(crate) async fn map_with(&self, name: &str, metadata: &Value) -> ConfigMap {
        self.maps().create(&PostParams::default(), &map(name, metadata)).await.unwrap()
    }

    pub(crate) async fn names(&self) -> Vec<String> {
        let list = self.maps().list(&Default::default()).await.unwrap();
        list.items.into_iter().filter_map(|map| map.metadata.name).collect()
    }

    pub(crate) async fn other_namespace(&self) -> String {
        let namespace: Namespace =
            serde_json::from_value(json!({ "metadata": { "name": "other" } })).unwrap();
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        "other".to_owned()
    }

    /// Serves `gadgets.example.com`, and returns when they are served.
    pub(crate) async fn define_gadgets(&self) -> Api<DynamicObject> {
        let definitions = self.definitions();
        let definition = serde_json::from_value(json!({
            "metadata": { "name": GADGETS },
            "spec": {
                "group": "example.com",
                "scope": "Namespaced",
                "names": { "plural": "gadgets", "singular": "gadget", "kind": "Gadget",
                    "listKind": "GadgetList" },
                "versions": [{ "name": "v1", "served": true, "storage": true, "schema": {
                    "openAPIV3Schema": { "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true } } }],
            },
        }))
        .unwrap();
        definitions.create(&PostParams::default(), &definition).await.unwrap();
        let kind = GroupVersionKind::gvk("example.com", "v1", "Gadget");
        let resource = ApiResource::from_gvk(&kind);
        let gadgets = Api::namespaced_with(self.client.clone(), "default", &resource);
        poll("gadgets are served", async || gadgets.list(&Default::default()).await.is_ok()).await;
        gadgets
    }

    pub(crate) async fn undefine_gadgets(&self) {
        let definitions = self.definitions();
        definitions.delete(GADGETS, &Default::default()).await.unwrap();
        poll("gadgets are gone", async || definitions.get_opt(GADGETS).await.unwrap().is_none())
            .await;
    }

    fn definitions(&self) -> Api<CustomResourceDefinition> {
        Api::all(self.client.clone())
    }
}

const GADGETS: &str = "gadgets.example.com";

pub(crate) fn map(name: &str, metadata: &Value) -> ConfigMap {
    let mut object = json!({ "metadata": metadata, "data": {} });
    object["metadata"]["name"] = json!(name);
    serde_json::from_value(object).unwrap()
}

/// A client over TLS with the administrator's certificate.
async fn tls_client(server: &Server, address: SocketAddr) -> Client {
    let kubeconfig = server.kubeconfig(address).unwrap();
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&kubeconfig).unwrap();
    let config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::try_from(config).unwrap()
}

/// Waits until this very object is gone.
pub(crate) async fn gone<K>(api: &Api<K>, object: &K)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let uid = object.meta().uid.clone();
    watch(api, object, |found| found.is_none_or(|found| found.meta().uid != uid)).await;
}

/// Waits until an object is as it should be, and returns it.
pub(crate) async fn present_until<K>(api: &Api<K>, object: &K, as_wanted: impl Fn(&K) -> bool) -> K
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watch(api, object, |found| found.is_some_and(&as_wanted)).await.unwrap()
}

async fn watch<K>(api: &Api<K>, object: &K, enough: impl Fn(Option<&K>) -> bool) -> Option<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let name = object.meta().name.clone().unwrap();
    let mut states = watcher::watch_object(api.clone(), &name).default_backoff().boxed();
    let wait = async {
        loop {
            let state = states.try_next().await.unwrap().expect("a watch goes on for ever");
            if enough(state.as_ref()) {
                return state;
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.unwrap_or_else(|_| panic!("{name} does not become what it should be"))
}

/// Waits for what cannot be watched.
pub(crate) async fn poll(what: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}
