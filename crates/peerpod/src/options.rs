//! How the controller is set up, by code or on the command line.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::webhook::certificate::Lifetimes;

/// Names of the environment variables that are read; those that do not begin with
/// `KUBEWRIGHT` are of the tools that this one replaces.
pub mod environment {
    /// Namespace of the adaptor and the webhook.
    pub const NAMESPACE: &str = "PEERPODS_NAMESPACE";
    /// Image of the adaptor.
    pub const ADAPTOR_IMAGE: &str = "CAA_IMAGE";
    /// The same, under the name that operator catalogues use.
    pub const RELATED_IMAGE: &str = "RELATED_IMAGE_CAA";
    /// Extended resource of a peer pod.
    pub const RESOURCE: &str = "POD_VM_EXTENDED_RESOURCE";
    /// Runtime class of peer pods, for the webhook.
    pub const RUNTIME_CLASS: &str = "TARGET_RUNTIMECLASS";
    /// Instance type of VMs whose pod names none, for the webhook.
    pub const INSTANCE_TYPE: &str = "KUBEWRIGHT_PEERPOD_INSTANCE_TYPE";
    /// Image of kubewright itself, which the webhook's Deployment runs.
    pub const IMAGE: &str = "KUBEWRIGHT_IMAGE";
}

/// How the controller is set up.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Namespace of the adaptor and the webhook, and of the Secret and ConfigMap that configs name.
    pub namespace: String,
    /// Extended resource of which a peer pod takes one.
    pub resource: String,
    /// Image of the adaptor for configs that name none.
    pub adaptor_image: Option<String>,
    /// Where the webhook runs.
    pub webhook: WebhookMode,
    /// How long changes are gathered before they are acted on.
    pub debounce: Duration,
    /// How long a node has to be cordoned, not ready or tainted before its seats go elsewhere.
    pub patience: Duration,
    /// How long an upstream PeerPod may take to be cleaned up before it is told of as an orphan.
    pub orphan_patience: Duration,
    /// Nodes that are written at the same time.
    pub concurrency: usize,
    /// How long certificates of the webhook last.
    pub lifetimes: Lifetimes,
}

/// Where the webhook runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookMode {
    /// In a Deployment of this image, behind a Service.
    Deployed {
        /// An image that holds the `kubewright` binary.
        image: String,
    },
    /// In this process; the API server calls it at this address.
    InProcess {
        /// Port 0 is any free one.
        listen: SocketAddr,
    },
    /// Nowhere: no image is known.
    Off,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: "confidential-containers-system".to_owned(),
            resource: "kata.peerpods.io/vm".to_owned(),
            adaptor_image: None,
            webhook: WebhookMode::Off,
            debounce: Duration::from_millis(300),
            patience: Duration::from_secs(30),
            orphan_patience: Duration::from_secs(300),
            concurrency: 32,
            lifetimes: Lifetimes::default(),
        }
    }
}

/// Command-line options of `peerpod run` and `peerpod plan`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Peer pods")]
pub struct PeerPodArgs {
    /// Namespace of the adaptor and the webhook, and of the Secret and ConfigMap that configs name
    #[arg(
        long = "peerpod-namespace",
        value_name = "NAMESPACE",
        env = environment::NAMESPACE,
        default_value = "confidential-containers-system"
    )]
    pub namespace: String,
    /// Extended resource of which a peer pod takes one
    #[arg(
        long = "peerpod-resource",
        value_name = "NAME",
        env = environment::RESOURCE,
        default_value = "kata.peerpods.io/vm"
    )]
    pub resource: String,
    /// Image of the cloud-api-adaptor for configs that name none [default: that of the cloud]
    #[arg(long, value_name = "IMAGE", env = environment::ADAPTOR_IMAGE)]
    pub adaptor_image: Option<String>,
    /// Image with the kubewright binary, for the Deployment of the webhook; without, none is deployed
    #[arg(long, value_name = "IMAGE", env = environment::IMAGE)]
    pub webhook_image: Option<String>,
    /// Seconds that a node has to be cordoned, not ready or tainted before its seats go elsewhere
    #[arg(long = "peerpod-patience", value_name = "SECONDS", default_value_t = 30)]
    pub patience: u32,
}

impl PeerPodArgs {
    /// The options. `related_image` is the value of `RELATED_IMAGE_CAA`.
    pub fn options(&self, related_image: Option<String>) -> Options {
        let given = |image: &Option<String>| image.clone().filter(|image| !image.is_empty());
        Options {
            namespace: self.namespace.clone(),
            resource: self.resource.clone(),
            adaptor_image: given(&self.adaptor_image).or(given(&related_image)),
            webhook: given(&self.webhook_image)
                .map_or(WebhookMode::Off, |image| WebhookMode::Deployed { image }),
            patience: Duration::from_secs(self.patience.into()),
            ..Options::default()
        }
    }
}
