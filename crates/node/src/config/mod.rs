//! What a machine is to become, from one file.
//!
//! ```text
//! file ──▶ tree ──▶ migrate (a file of kubic-init) ──▶ environment, --var ──▶ strict schema
//!                                                                              │
//!                        NodeConfiguration ◀── check: every finding at once ◀──┘
//! ```
//!
//! - The schema is ours, `node.kubewright.io/v1alpha1`; a key it does not have is an error that
//!   names the nearest one. The keys of kubic-init keep their names and places.
//! - Every key has an effect. What kubic-init read and ignored is either done here, or rejected
//!   with the reason when a file is migrated; `migrate` lists them.
//! - Messages name keys and say what is wrong, never the value: it may be a secret.
//! - `SEEDER` and `TOKEN` come before the file, `--var Path=value` before both, as in kubic-init.

pub mod check;
mod document;
mod load;
mod migrate;
mod network;
mod schema;
mod secret;
pub(crate) mod subnet;
mod unused;
mod variable;

pub use check::{Finding, Severity};
pub use document::{
    Addons, ApiServer, Auth, Bootstrap, Certificates, ClusterFormation, Dex, Engine, Etcd,
    HashAlgorithm, LocalEtcd, Manager, Mirror, Node, NodeConfiguration, Oidc, Paths, Registry,
    Runtime, RuntimeEngine,
};
pub use load::{ConfigError, Loaded, Source, defaults, load};
pub use network::{Bind, Cni, CniDriver, Dns, MultipleCni, Network, Proxy};
pub use secret::Secret;
pub use unused::unused_by_embedded;
pub use variable::{SEEDER, TOKEN, Variable, VariableError};

/// Version of the schema.
pub const API_VERSION: &str = "node.kubewright.io/v1alpha1";
/// Kind of the document.
pub const KIND: &str = "NodeConfiguration";
/// Where the configuration is looked for when none is named.
pub const DEFAULT_FILE: &str = "/etc/kubewright/node.yaml";

#[cfg(test)]
mod tests;
