//! The runtime's side of the Container Network Interface, versions 0.1.0 to 1.1.0.
//!
//! CNI is a protocol of processes: for each plugin of a network the runtime starts a program with
//! `CNI_` variables and a configuration on standard input, and reads a result or an error from
//! standard output.
//!
//! ```text
//!  /etc/cni/net.d ── ConfDir::read ─┐
//!  a definition ─ NetworkConfig::parse ─> NetworkConfig ─┐
//!                                                        │  request: name, cniVersion, prevResult,
//!  RuntimeConf (container id, netns, ifname, ────────────┤  runtimeConfig = declared ∩ supplied
//!               CNI_ARGS, capability arguments)          v
//!                                        Cni::{add, del, check, gc, status, versions, validate}
//!                                            │ one Invocation a plugin          ^
//!                                            v                                  │ CniResult,
//!                                   Exec (Processes: posix_spawn, pipes,  ──────┘ CniError,
//!                                         pidfd, deadline, Cancel)                CallError
//!                                            │
//!                                            └─ Cache: /var/lib/cni/results, cniCacheV1
//!
//!  plugin::main(&impl Plugin)                what stands on the other side of the pipes
//! ```
//!
//! What always holds:
//! - Names are checked before they become a path, an argument or a variable; `CNI_ARGS` cannot be
//!   injected into.
//! - A call ends: by itself, at its deadline, or when it is cancelled. The latter two kill the
//!   process group. A process that a plugin leaves behind keeps nobody waiting.
//! - ADD stops at the first plugin that fails and says which; DEL then goes over the whole list,
//!   past plugins that fail, and reports all of them.
//! - Results go from plugin to plugin in the version of the configuration, whatever version each
//!   answers in, and nothing that is not understood here is lost on the way.
//! - Nothing is asynchronous: a caller with many attachments calls from many threads.
//!
//! Where this differs from libcni, it is on purpose: DEL goes on past errors; the configuration in
//! the cache is complete, with the plugins that came from a folder; GC removes a stale attachment
//! with the configuration it was added with; a broken file in a folder hides no other; a plugin
//! that leaves a child with its pipes open does not hang the runtime.

pub mod name;
pub mod plugin;

mod args;
mod cache;
mod config;
mod error;
mod exec;
mod network;
mod result;
mod runtime;
mod version;

pub use args::{ArgsError, CniArgs};
pub use cache::{Cache, CacheEntry, CacheError, DEFAULT_CACHE_DIR};
pub use config::{ConfDir, ConfigError, FileError, Loaded, NetworkConfig, PluginConfig};
pub use error::{CniError, ErrorCode};
pub use exec::{Cancel, Exec, ExecError, Invocation, Output, Processes};
pub use name::NameError;
pub use network::{
    AddError, Attachment, CallError, CheckError, Cni, DelError, GcError, PluginFailure, StaleError,
};
pub use result::{Cidr, CidrError, CniResult, Dns, Interface, IpConfig, ResultError, Route};
pub use runtime::RuntimeConf;
pub use version::{UnknownVersion, Version};
