//! Which API server to talk to, and a client for it.
//!
//! In the order of kubectl: `--kubeconfig`, the files of `KUBECONFIG`, `~/.kube/config`, the service
//! account of the pod. Unlike kubectl there is no last resort: without any of them it is an error,
//! and a local control plane is only used when its kubeconfig is named.

mod proxy;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use clap::Args;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, header};
use hyper_util::client::proxy::matcher::Matcher;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use thiserror::Error;
use tower::{BoxError, Layer, Service};

use crate::environment;

/// Command-line options of every command that talks to an API server.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Kubernetes access")]
pub struct ClientArgs {
    /// Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod's service account]
    #[arg(long, value_name = "FILE", global = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current context]
    #[arg(long, value_name = "NAME", global = true)]
    pub context: Option<String>,
}

/// No client could be made of what was given.
#[derive(Debug, Error)]
pub enum ClientError {
    /// A file that was named is not there.
    #[error(
        "there is no kubeconfig file {}, named by {origin}; name one that exists, or none to use the defaults",
        list(files)
    )]
    Missing {
        /// The files, none of which exists.
        files: Vec<PathBuf>,
        /// The option or variable that names them.
        origin: &'static str,
    },
    /// A file could not be read or parsed.
    #[error("cannot use the kubeconfig file {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: KubeconfigError,
    },
    /// Nothing says which API server to use.
    #[error(
        "no Kubernetes cluster is configured: $KUBECONFIG is not set, {default} does not exist, and this is not a pod; give --kubeconfig FILE (`kubewright local kubeconfig` prints that of a local control plane)"
    )]
    Nothing {
        /// The default file that was looked for.
        default: String,
    },
    /// A context without a file that could contain it.
    #[error(
        "context {context:?} was asked for, but there is no kubeconfig file: in a pod the service account is used, which has no contexts; leave out --context or give --kubeconfig FILE"
    )]
    ContextInCluster {
        /// The context asked for.
        context: String,
    },
    /// The context is not among those of the files.
    #[error("there is no context {context:?} in {}; {}", list(files), offer(contexts))]
    UnknownContext {
        /// The context asked for, or the current context of the files.
        context: String,
        /// The files.
        files: Vec<PathBuf>,
        /// The contexts there are, sorted.
        contexts: Vec<String>,
    },
    /// Neither the files nor the options choose a context.
    #[error("{} has no current context; {}", list(files), offer(contexts))]
    NoContext {
        /// The files.
        files: Vec<PathBuf>,
        /// The contexts there are, sorted.
        contexts: Vec<String>,
    },
    /// The context cannot be used, for example because its cluster or a certificate is missing.
    #[error("cannot use context {context:?} of {}", list(files))]
    Context {
        /// The context.
        context: String,
        /// The files.
        files: Vec<PathBuf>,
        /// What is wrong with it.
        #[source]
        source: KubeconfigError,
    },
    /// The service account of the pod cannot be used.
    #[error("cannot use the service account of this pod; is automountServiceAccountToken off?")]
    InCluster(#[source] kube::config::InClusterError),
    /// The client could not be set up, for example because a key does not fit its certificate.
    #[error("cannot set up a client for {server}")]
    Client {
        /// URL of the API server.
        server: String,
        /// What is wrong.
        #[source]
        source: kube::Error,
    },
}

fn list(files: &[PathBuf]) -> String {
    let files: Vec<_> = files.iter().map(|f| f.display().to_string()).collect();
    files.join(", ")
}

fn offer(contexts: &[String]) -> String {
    match contexts {
        [] => "it has none at all".to_owned(),
        names => format!("choose one with --context: {}", names.join(", ")),
    }
}

/// Where the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// Existing files, the first one to set something wins.
    Files(Vec<PathBuf>),
    InCluster,
}

/// What of the process's surroundings decides about the source.
struct Surroundings {
    kubeconfig: Option<OsString>,
    home: Option<PathBuf>,
    in_cluster: bool,
}

impl Surroundings {
    fn of_process() -> Self {
        Self {
            kubeconfig: std::env::var_os(environment::KUBECONFIG),
            home: std::env::home_dir(),
            in_cluster: std::env::var_os(environment::SERVICE_HOST).is_some(),
        }
    }
}

impl ClientArgs {
    /// A client for the API server these options choose, with the user agent `kubewright/VERSION`.
    ///
    /// # Errors
    /// When nothing is configured, or what is configured cannot be used. The server is not contacted.
    pub async fn client(&self) -> Result<Client, ClientError> {
        install_crypto_provider();
        let config = self.config().await?;
        let server = config.cluster_url.to_string();
        Client::try_from(config).map_err(|source| ClientError::Client { server, source })
    }

    /// The configuration of [`ClientArgs::client`], for those who build their own client.
    ///
    /// # Errors
    /// As of [`ClientArgs::client`].
    pub async fn config(&self) -> Result<Config, ClientError> {
        let mut config = match self.locate(&Surroundings::of_process())? {
            Source::Files(files) => self.read_files(files).await?,
            Source::InCluster => Config::incluster().map_err(ClientError::InCluster)?,
        };
        config.headers.push((header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
        Ok(config)
    }

    fn locate(&self, around: &Surroundings) -> Result<Source, ClientError> {
        let existing = |files: Vec<PathBuf>, origin| {
            let found: Vec<_> = files.iter().filter(|f| f.exists()).cloned().collect();
            if found.is_empty() {
                return Err(ClientError::Missing { files, origin });
            }
            Ok(Source::Files(found))
        };
        if let Some(file) = &self.kubeconfig {
            return existing(vec![file.clone()], "--kubeconfig");
        }
        let named = around.kubeconfig.iter().flat_map(std::env::split_paths);
        let named: Vec<_> = named.filter(|path| !path.as_os_str().is_empty()).collect();
        if !named.is_empty() {
            return existing(named, "$KUBECONFIG");
        }
        let default = around.home.as_ref().map(|home| home.join(".kube/config"));
        match (default, &self.context) {
            (Some(default), _) if default.exists() => Ok(Source::Files(vec![default])),
            (_, Some(context)) if around.in_cluster => {
                Err(ClientError::ContextInCluster { context: context.clone() })
            }
            _ if around.in_cluster => Ok(Source::InCluster),
            (default, _) => Err(ClientError::Nothing {
                default: default.map_or("~/.kube/config".to_owned(), |d| d.display().to_string()),
            }),
        }
    }

    async fn read_files(&self, files: Vec<PathBuf>) -> Result<Config, ClientError> {
        let mut merged = Kubeconfig::default();
        for file in &files {
            merged = Kubeconfig::read_from(file)
                .and_then(|next| merged.merge(next))
                .map_err(|source| ClientError::Unreadable { file: file.clone(), source })?;
        }
        let mut contexts: Vec<_> = merged.contexts.iter().map(|c| c.name.clone()).collect();
        contexts.sort();
        let current = merged.current_context.clone().filter(|name| !name.is_empty());
        let Some(context) = self.context.clone().or(current) else {
            return Err(ClientError::NoContext { files, contexts });
        };
        if !contexts.contains(&context) {
            return Err(ClientError::UnknownContext { context, files, contexts });
        }
        let options =
            KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
        let named = proxy::is_named(&merged, &context);
        let mut config = Config::from_custom_kubeconfig(merged, &options)
            .await
            .map_err(|source| ClientError::Context { context, files, source })?;
        if !named && !proxy::of_environment(&Matcher::from_env(), &config.cluster_url) {
            config.proxy_url = None;
        }
        Ok(config)
    }

    /// The arguments that name this file, for embedding and tests.
    pub fn file(kubeconfig: &Path) -> Self {
        Self { kubeconfig: Some(kubeconfig.to_owned()), context: None }
    }
}

/// How kubewright introduces itself to API servers.
pub const USER_AGENT: &str = concat!("kubewright/", env!("CARGO_PKG_VERSION"));

/// Makes ring the TLS provider of this process. Called first in each `main`; later calls, and calls
/// after someone else chose a provider, do nothing.
pub fn install_crypto_provider() {
    // An error only says that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The client as a service, to put layers around it.
pub(crate) struct ClientService(Client);

impl Service<Request<Body>> for ClientService {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // The client waits for its own readiness in each call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move { client.send(request).await.map_err(Into::into) })
    }
}

/// The same client behind a layer.
pub(crate) fn layered<L>(client: Client, layer: L) -> Client
where
    L: Layer<ClientService>,
    L::Service:
        Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Send + 'static,
    <L::Service as Service<Request<Body>>>::Future: Send + 'static,
{
    let namespace = client.default_namespace().to_owned();
    let valid_until = *client.valid_until();
    Client::new(layer.layer(ClientService(client)), namespace).with_valid_until(valid_until)
}

#[cfg(test)]
mod tests;
