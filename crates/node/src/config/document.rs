//! The document, apart from its network.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network::Network;
use super::{API_VERSION, KIND, Secret};

/// What a machine is to become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeConfiguration {
    /// `node.kubewright.io/v1alpha1`.
    pub api_version: String,
    /// `NodeConfiguration`.
    pub kind: String,
    /// What brings the machine up.
    pub engine: Engine,
    /// The machine itself.
    pub node: Node,
    /// Which cluster, and as what.
    pub cluster_formation: ClusterFormation,
    /// Addresses, names, proxies and pod networks.
    pub network: Network,
    /// Where things are on this machine.
    pub paths: Paths,
    /// The cluster's certificates.
    pub certificates: Certificates,
    /// etcd on control-plane nodes.
    pub etcd: Etcd,
    /// The API server.
    pub api_server: ApiServer,
    /// The container runtime.
    pub runtime: Runtime,
    /// Feature gates of the Kubernetes components, by name.
    pub features: BTreeMap<String, bool>,
    /// Who may log in.
    pub auth: Auth,
    /// kubewright's controllers in the new cluster.
    pub manager: Manager,
    /// What the machine has before it pulls its first image.
    pub bootstrap: Bootstrap,
    /// What a new cluster gets besides its pod network.
    pub addons: Addons,
    /// What of all this was given, in place of a default: by it a machine is known again, also by a
    /// release with other defaults. There is no token in it.
    #[serde(skip)]
    pub given: serde_json::Value,
}

impl Default for NodeConfiguration {
    fn default() -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            engine: Engine::default(),
            node: Node::default(),
            cluster_formation: ClusterFormation::default(),
            network: Network::default(),
            paths: Paths::default(),
            certificates: Certificates::default(),
            etcd: Etcd::default(),
            api_server: ApiServer::default(),
            runtime: Runtime::default(),
            features: BTreeMap::new(),
            auth: Auth::default(),
            manager: Manager::default(),
            bootstrap: Bootstrap::default(),
            addons: Addons::default(),
            given: serde_json::Value::Null,
        }
    }
}

impl NodeConfiguration {
    /// Whether this machine is to be the first of a new cluster: it has no seeder to go to.
    #[must_use]
    pub fn is_seeder(&self) -> bool {
        self.cluster_formation.seeder.is_empty()
    }

    /// Whether somebody gave the value of this key, as in `network.bind.port`: it may be that of the
    /// default.
    #[must_use]
    pub fn gives(&self, key: &str) -> bool {
        let found = key.split('.').try_fold(&self.given, |tree, name| tree.get(name));
        found.is_some_and(|value| !value.is_null())
    }
}

/// What brings a machine up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Engine {
    /// kubeadm where it is installed, else the embedded engine.
    #[default]
    Auto,
    /// The real kubeadm.
    Kubeadm,
    /// The local control plane of kubewright, which starts no pods.
    Embedded,
}

/// The machine itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Node {
    /// Name of the Node; the host name in lower case when empty.
    pub name: String,
}

/// Which cluster a machine belongs to, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterFormation {
    /// `host[:port]` of the API server to join; empty on the machine that is the seeder.
    pub seeder: String,
    /// Bootstrap token. A seeder without one makes one.
    pub token: Secret,
    /// File with the bootstrap token, in place of `token`.
    pub token_file: String,
    /// How long a token that the seeder makes is valid, as in `24h`.
    pub token_ttl: String,
    /// Whether nodes with a valid token join without being accepted by someone.
    pub auto_approve: bool,
    /// Whether a joining machine becomes one more control-plane node.
    pub control_plane: bool,
    /// File with the key that decrypts the uploaded control-plane certificates, 64 hexadecimal
    /// digits; `kubewright node init` leaves one on the seeder.
    pub certificate_key_file: String,
}

impl Default for ClusterFormation {
    fn default() -> Self {
        Self {
            seeder: String::new(),
            token: Secret::default(),
            token_file: String::new(),
            token_ttl: "24h".to_owned(),
            auto_approve: true,
            control_plane: false,
            certificate_key_file: String::new(),
        }
    }
}

/// Where things are on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Paths {
    /// The kubeadm program; looked for on `PATH` when empty.
    pub kubeadm: String,
    /// Journal and other state of kubewright.
    pub state: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self { kubeadm: String::new(), state: "/var/lib/kubewright/node".into() }
    }
}

/// The cluster's certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Certificates {
    /// Where a control-plane node keeps them.
    pub directory: PathBuf,
    /// Certificate of the cluster's authority, as PEM or the path of such a file. A joining
    /// machine believes a seeder only if it has this authority.
    pub ca_crt: String,
    /// `sha256:` and the SHA-256 of that authority's public key, in place of `caCrt`.
    pub ca_crt_hash: String,
    /// Join whatever answers at the seeder's address. Anyone in between can then take the
    /// machine over.
    pub unsafe_skip_verification: bool,
}

impl Default for Certificates {
    fn default() -> Self {
        Self {
            directory: "/etc/kubernetes/pki".into(),
            ca_crt: String::new(),
            ca_crt_hash: String::new(),
            unsafe_skip_verification: false,
        }
    }
}

/// etcd on control-plane nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Etcd {
    /// The member on this machine.
    pub local: LocalEtcd,
}

/// The etcd member of a control-plane node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalEtcd {
    /// Further names of its serving certificate.
    #[serde(rename = "serverCertSANs")]
    pub server_cert_sans: Vec<String>,
    /// Further names of its peer certificate.
    #[serde(rename = "peerCertSANs")]
    pub peer_cert_sans: Vec<String>,
}

/// The API server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiServer {
    /// Further names of its serving certificate.
    #[serde(rename = "certSANs")]
    pub cert_sans: Vec<String>,
}

/// The container runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Runtime {
    /// Which one.
    pub engine: RuntimeEngine,
    /// Path of its CRI socket; that of the runtime when empty.
    pub socket: String,
}

/// A container runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RuntimeEngine {
    /// containerd.
    #[default]
    Containerd,
    /// CRI-O.
    Crio,
    /// Docker, by way of cri-dockerd: Kubernetes speaks to it no other way since 1.24.
    Docker,
}

impl Runtime {
    /// URL of the CRI socket.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.socket_path())
    }

    /// Path of the CRI socket.
    #[must_use]
    pub fn socket_path(&self) -> &str {
        let socket = self.socket.strip_prefix("unix://").unwrap_or(&self.socket);
        match self.engine {
            _ if !socket.is_empty() => socket,
            RuntimeEngine::Containerd => "/run/containerd/containerd.sock",
            RuntimeEngine::Crio => "/run/crio/crio.sock",
            RuntimeEngine::Docker => "/run/cri-dockerd.sock",
        }
    }
}

/// Who may log in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Auth {
    /// OpenID Connect.
    #[serde(rename = "OIDC")]
    pub oidc: Oidc,
}

/// OpenID Connect at the API server. Off unless there is an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Oidc {
    /// URL of the issuer; with Dex as add-on and no issuer, that of Dex.
    pub issuer: String,
    /// Client that tokens are issued for.
    #[serde(rename = "clientID")]
    pub client_id: String,
    /// File with the authority of the issuer's certificate.
    pub ca: String,
    /// Claim with the user's name.
    pub username: String,
    /// Claim with the user's groups.
    pub groups: String,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: "kubernetes".to_owned(),
            ca: String::new(),
            username: "email".to_owned(),
            groups: "groups".to_owned(),
        }
    }
}

/// kubewright's controllers in the new cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Manager {
    /// Image with kubewright; the controllers are not installed when empty.
    pub image: String,
}

/// What a machine has before it pulls its first image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Bootstrap {
    /// Registries and their mirrors.
    pub registries: Vec<Registry>,
    /// Archives of images, or folders of such, that are imported into the runtime.
    pub images: Vec<PathBuf>,
}

/// A registry and where its images are to be had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Registry {
    /// URL or `host[:port][/path]` that image names begin with.
    pub prefix: String,
    /// Tried in this order before the registry itself.
    pub mirrors: Vec<Mirror>,
}

/// A mirror of a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Mirror {
    /// Its URL.
    pub url: String,
    /// Authority of its certificate, as PEM or the path of such a file.
    pub certificate: String,
    /// Hash of that certificate, checked before it is installed: hexadecimal, with or without
    /// colons.
    pub fingerprint: String,
    /// What `fingerprint` is made with.
    #[serde(rename = "hashalgorithm")]
    pub hash_algorithm: HashAlgorithm,
}

/// How a certificate's fingerprint is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HashAlgorithm {
    /// SHA-256.
    #[default]
    SHA256,
    /// SHA-512.
    SHA512,
}

/// What a new cluster gets besides its pod network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Addons {
    /// Dex, an issuer for OpenID Connect.
    pub dex: Dex,
    /// Files or folders of manifests, applied last and in this order.
    pub manifests: Vec<PathBuf>,
}

/// Dex, an issuer for OpenID Connect in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dex {
    /// Whether it is installed.
    pub enabled: bool,
    /// Its image.
    pub image: String,
    /// File with Dex's `connectors`, a YAML list; it may hold secrets and becomes a Secret.
    pub connectors_file: String,
}

impl Default for Dex {
    fn default() -> Self {
        Self {
            enabled: false,
            image: "ghcr.io/dexidp/dex:v2.41.1".to_owned(),
            connectors_file: String::new(),
        }
    }
}
