//! A cluster for one test: an embedded server of its own, or a place of its own in a real one.
//!
//! ```no_run
//! # use kubewright_testkit::{TestCluster, require};
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = TestCluster::start().await?;
//! let client = cluster.client(); // its default namespace is cluster.namespace()
//! let node = cluster.unique("worker"); // for what has no namespace
//! require!(cluster.embedded() => Ok(())); // what only the embedded server can do
//! cluster.finish().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Tests whose controller looks at all Nodes, say, start with [`TestCluster::alone`]; how they
//! share a real cluster is told in [`turn`].

use std::fs::File;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use kubewright_apiserver::{Identity, Server, StartError};

use crate::require::Skip;
use crate::turn::{self, TurnError};
use crate::until::until;

/// Environment variable: kubeconfig of a real cluster that tests are to run against.
pub const KUBECONFIG: &str = "KUBEWRIGHT_TEST_KUBECONFIG";

/// How long a real cluster may take to accept that a namespace goes.
const FAREWELL: Duration = Duration::from_secs(10);

/// Why a test has no cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The embedded server does not start.
    #[error("the embedded server does not start")]
    Start(#[source] Box<StartError>),
    /// The kubeconfig cannot be used.
    #[error("cannot use {}, named by {KUBECONFIG}", file.display())]
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// The API server refuses.
    #[error("cannot {verb} namespace {namespace}")]
    Api {
        /// What was asked for.
        verb: &'static str,
        /// The namespace.
        namespace: String,
        /// The answer.
        #[source]
        source: Box<kube::Error>,
    },
    /// The test cannot have the cluster to itself, or not leave it as it was.
    #[error("cannot take turns on the cluster")]
    Turn(#[source] Box<TurnError>),
}

impl From<TurnError> for ClusterError {
    fn from(error: TurnError) -> Self {
        Self::Turn(Box::new(error))
    }
}

/// A cluster for one test.
pub struct TestCluster {
    client: Client,
    namespace: String,
    /// The real cluster; nothing when it is the embedded server.
    real: Option<Config>,
    server: Option<Server>,
    /// The turn on a real cluster; it ends after everything else has.
    turn: Option<File>,
}

impl TestCluster {
    /// An embedded server in memory, or a namespace in the cluster that [`KUBECONFIG`] names.
    ///
    /// # Errors
    /// When there is neither.
    pub async fn start() -> Result<Self, ClusterError> {
        // The provider of this process; an error says that there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let namespace = format!("kwt-{}", uuid::Uuid::new_v4().simple());
        let file = std::env::var_os(KUBECONFIG).filter(|value| !value.is_empty());
        let cluster = match file.map(PathBuf::from) {
            None => Self::embed(namespace).await?,
            Some(file) => Self::connect(file, namespace).await?,
        };
        let made = turn::mark(named(&cluster.namespace));
        let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
        match namespaces.create(&PostParams::default(), &made).await {
            Ok(_) => Ok(cluster),
            Err(source) => Err(cluster.error("create", source)),
        }
    }

    /// As [`start`](Self::start), and no other test that is alone runs meanwhile. On a real cluster
    /// the test waits for its turn, and what it has [marked](turn::mark) goes with it; a test that
    /// holds one turn must not ask for another.
    ///
    /// # Errors
    /// When there is no cluster; and [`Skip`] when it has Nodes of its own, or
    /// CustomResourceDefinitions in `groups`: they are left alone.
    pub async fn alone(groups: &[&str]) -> Result<Result<Self, Skip>, ClusterError> {
        let mut cluster = Self::start().await?;
        let vacant = cluster.take_turn(groups).await?;
        Ok(vacant.map(|()| cluster))
    }

    async fn take_turn(&mut self, groups: &[&str]) -> Result<Result<(), Skip>, TurnError> {
        let Some(config) = &self.real else { return Ok(Ok(())) };
        self.turn = Some(turn::wait_for(config).await?);
        turn::sweep(&self.client).await?;
        Ok(turn::vacant(&self.client, groups).await?)
    }

    async fn embed(namespace: String) -> Result<Self, ClusterError> {
        let server = Server::builder().start().await;
        let server = server.map_err(|error| ClusterError::Start(Box::new(error)))?;
        let router = server.router().layer(axum::Extension(Identity::admin()));
        let client = Client::new(router.into_service::<kube::client::Body>(), namespace.clone());
        Ok(Self { client, namespace, real: None, server: Some(server), turn: None })
    }

    async fn connect(file: PathBuf, namespace: String) -> Result<Self, ClusterError> {
        let config = async {
            let options = KubeConfigOptions::default();
            let kubeconfig = Kubeconfig::read_from(&file)?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await
        };
        let wrong =
            |source| ClusterError::Kubeconfig { file: file.clone(), source: Box::new(source) };
        let mut config = config.await.map_err(wrong)?;
        config.default_namespace.clone_from(&namespace);
        let client = Client::try_from(config.clone()).map_err(|source| ClusterError::Api {
            verb: "reach",
            namespace: namespace.clone(),
            source: Box::new(source),
        })?;
        Ok(Self { client, namespace, real: Some(config), server: None, turn: None })
    }

    fn error(&self, verb: &'static str, source: kube::Error) -> ClusterError {
        ClusterError::Api { verb, namespace: self.namespace.clone(), source: Box::new(source) }
    }

    /// An administrator, whose default namespace is that of the test.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The namespace of the test, which goes with it.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Defines a kind and waits until it is served. In a real cluster it goes with the test.
    ///
    /// # Panics
    /// When the API server refuses it, or does not serve it in time.
    pub async fn install(&self, crd: CustomResourceDefinition) {
        let crds = Api::<CustomResourceDefinition>::all(self.client.clone());
        let name = crd.name_any();
        if let Err(error) = crds.create(&PostParams::default(), &turn::mark(crd)).await {
            panic!("cannot define {name}: {error}");
        }
        until(&crds, |crds| {
            let crd = crds.get(&name);
            let conditions = crd.and_then(|crd| crd.status.as_ref()?.conditions.as_ref());
            conditions
                .into_iter()
                .flatten()
                .any(|condition| condition.type_ == "Established" && condition.status == "True")
        })
        .await;
    }

    /// A name that no other test has, for objects without a namespace. In a real cluster they
    /// are the test's to delete.
    pub fn unique(&self, stem: &str) -> String {
        format!("{stem}-{}", self.namespace)
    }

    /// The embedded server, for tests that restart it, look into it or need it to themselves.
    ///
    /// # Errors
    /// [`Skip`] when the tests run against a real cluster.
    pub fn embedded(&self) -> Result<&Server, Skip> {
        self.server.as_ref().ok_or_else(|| {
            Skip::because(format!("needs the embedded server: run without {KUBECONFIG}"))
        })
    }

    /// Deletes what the test has made in a real cluster, or ends the embedded server.
    ///
    /// # Errors
    /// When a real cluster does not delete it.
    pub async fn finish(mut self) -> Result<(), ClusterError> {
        if self.real.take().is_some() {
            let namespaces: Api<Namespace> = Api::all(self.client.clone());
            let deleted = namespaces.delete(&self.namespace, &DeleteParams::background()).await;
            deleted.map_err(|source| self.error("delete", source))?;
            if self.turn.is_some() {
                turn::sweep(&self.client).await?;
            }
        }
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        Ok(())
    }
}

impl Drop for TestCluster {
    /// The test panicked, or did not say that it is done: what it made goes all the same. The
    /// embedded server goes by itself.
    fn drop(&mut self) {
        let Some(config) = self.real.take() else { return };
        let namespace = std::mem::take(&mut self.namespace);
        // The runtime of the test may be the one that is ending.
        let alone = self.turn.is_some();
        let thread = thread::spawn(move || delete(config, &namespace, alone));
        if let Ok(Err(error)) = thread.join() {
            eprintln!("something of a test is left over: {error}");
        }
    }
}

fn named(name: &str) -> Namespace {
    Namespace {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    }
}

fn delete(
    config: Config,
    namespace: &str,
    alone: bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::try_from(config)?;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let parameters = DeleteParams::background();
        let deleted = namespaces.delete(namespace, &parameters);
        tokio::time::timeout(FAREWELL, deleted).await??;
        if alone {
            turn::sweep(&client).await?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
