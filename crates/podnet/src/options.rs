//! How the agent is set up, by code or on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kubewright_attachment::name::Naming;
use kubewright_attachment::protocol;
use kubewright_cri::{Endpoint, EndpointError};

use crate::pod_resources;

/// Names of the environment variables that are read.
pub mod environment {
    /// Name of the node, by the downward API.
    pub const NODE_NAME: &str = "NODE_NAME";
    /// Endpoint of the container runtime; the same as crictl's.
    pub const RUNTIME_ENDPOINT: &str = kubewright_cri::endpoint::ENVIRONMENT;
    /// Folder of the node's CNI configurations. These and the following are set in
    /// `/etc/kubewright/podnet.env`, for the agent, `install` and `uninstall` alike.
    pub const CONF_DIR: &str = "KUBEWRIGHT_PODNET_CONF_DIR";
    /// Folder of CNI plugins.
    pub const BIN_DIR: &str = "KUBEWRIGHT_PODNET_BIN_DIR";
    /// Folder of libcni's cache.
    pub const CACHE_DIR: &str = "KUBEWRIGHT_PODNET_CACHE_DIR";
    /// Folder of the records.
    pub const STATE_DIR: &str = "KUBEWRIGHT_PODNET_STATE_DIR";
    /// Where the agent answers the plugin.
    pub const SOCKET: &str = "KUBEWRIGHT_PODNET_SOCKET";
}

/// What the agent needs in `GLIBC_TUNABLES` to be small: one heap instead of one for each thread, and
/// nothing held back that was freed. A burst of pods takes some megabytes for a second, which would
/// stay otherwise.
pub const HEAP: &str = "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0:\
                        glibc.malloc.trim_threshold=65536:glibc.malloc.mmap_threshold=65536:\
                        glibc.malloc.top_pad=16384";

/// How the agent is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the node at the API server.
    pub node: String,
    /// The container runtime.
    pub runtime: Endpoint,
    /// Where plugins are searched, in this order.
    pub bin_dirs: Vec<PathBuf>,
    /// Where the node's root is, for an agent in a container: there plugins are found and run, as
    /// the container runtime runs them. `None` is the agent's own root.
    pub host_root: Option<PathBuf>,
    /// The node's own configurations.
    pub conf_dir: PathBuf,
    /// libcni's cache of results is `results` in it.
    pub cache_dir: PathBuf,
    /// The records.
    pub state_dir: PathBuf,
    /// Where the plugin asks.
    pub socket: PathBuf,
    /// Where the kubelet tells about devices.
    pub pod_resources: PathBuf,
    /// How interfaces are named.
    pub interface_names: Naming,
    /// Whether pods may use networks of their own namespace and of `default` only.
    pub isolate_namespaces: bool,
    /// A meta-plugin that attaches in our place.
    pub meta_plugin: Option<String>,
    /// Pods that are worked on at the same time.
    pub workers: usize,
    /// How long one call of a plugin may take.
    pub plugin_timeout: Duration,
    /// How often the sandboxes are compared with the records though nothing has happened.
    pub resync: Duration,
}

impl Options {
    /// The defaults, for a node and a runtime.
    pub fn new(node: impl Into<String>, runtime: Endpoint) -> Self {
        Self {
            node: node.into(),
            runtime,
            bin_dirs: vec!["/opt/cni/bin".into()],
            host_root: None,
            conf_dir: protocol::DEFAULT_CONF_DIR.into(),
            cache_dir: "/var/lib/cni".into(),
            state_dir: protocol::DEFAULT_STATE_DIR.into(),
            socket: protocol::DEFAULT_SOCKET.into(),
            pod_resources: pod_resources::DEFAULT_SOCKET.into(),
            interface_names: Naming::default(),
            isolate_namespaces: false,
            meta_plugin: None,
            workers: 8,
            plugin_timeout: Duration::from_secs(60),
            resync: Duration::from_secs(10),
        }
    }
}

/// The agent cannot be set up like that.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Nothing says which node this is.
    #[error("which node this is, is not known: give --node NAME, as `kubectl get nodes` shows it")]
    Node,
    /// No container runtime.
    #[error(transparent)]
    Runtime(#[from] EndpointError),
}

/// Command-line options of `podnet agent`. Those of podagent have their names, too.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pod networks")]
pub struct AgentArgs {
    /// Name of this node at the API server [default: the name of the host]
    #[arg(long, value_name = "NAME", env = environment::NODE_NAME)]
    pub node: Option<String>,
    /// Socket of the container runtime [default: as crictl finds it]
    #[arg(long, value_name = "ENDPOINT", alias = "crio-endpoint", env = environment::RUNTIME_ENDPOINT)]
    pub runtime_endpoint: Option<String>,
    /// Kind of the container runtime, as podagent takes it: containerd, crio or docker
    #[arg(long, value_name = "KIND", hide = true)]
    pub container_type: Option<String>,
    /// Socket of Docker, as podagent takes it
    #[arg(long, value_name = "ENDPOINT", hide = true, conflicts_with = "runtime_endpoint")]
    pub docker_endpoint: Option<String>,
    /// Folders of CNI plugins, searched in this order
    #[arg(
        long,
        env = environment::BIN_DIR,
        value_name = "DIR:...",
        alias = "cni-bin-path",
        value_delimiter = ':',
        default_value = "/opt/cni/bin"
    )]
    pub cni_bin_dir: Vec<PathBuf>,
    /// Where the node's root is mounted in the agent's container: plugins are searched and run in it
    #[arg(long, value_name = "DIR")]
    pub host_root: Option<PathBuf>,
    /// Folder of the node's CNI configurations
    #[arg(long, env = environment::CONF_DIR, value_name = "DIR", alias = "cni-conf-path", default_value = protocol::DEFAULT_CONF_DIR)]
    pub cni_conf_dir: PathBuf,
    /// Search plugins in /opt/NAME/cni/bin first, as podagent does
    #[arg(long, value_name = "NAME", hide = true, value_parser = vendor)]
    pub cni_vendor_name: Option<String>,
    /// Accepted, as podagent's manifests give it: logs go to standard error anyway
    #[arg(long, hide = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub logtostderr: Option<bool>,
    /// Folder of libcni's cache, shared with the container runtime
    #[arg(long, env = environment::CACHE_DIR, value_name = "DIR", default_value = "/var/lib/cni")]
    pub cni_cache_dir: PathBuf,
    /// Folder of the records
    #[arg(long, env = environment::STATE_DIR, value_name = "DIR", default_value = protocol::DEFAULT_STATE_DIR)]
    pub state_dir: PathBuf,
    /// Where to answer the plugin that the container runtime calls
    #[arg(long, env = environment::SOCKET, value_name = "SOCKET", default_value = protocol::DEFAULT_SOCKET)]
    pub socket: PathBuf,
    /// Where the kubelet tells which devices it has allocated
    #[arg(long, value_name = "SOCKET", default_value = pod_resources::DEFAULT_SOCKET)]
    pub pod_resources_socket: PathBuf,
    /// How interfaces are named that the annotation gives no name: hash, as podagent names them, or netN
    #[arg(long, value_name = "hash|netN", default_value_t)]
    pub interface_names: Naming,
    /// Let pods use networks of their own namespace and of `default` only
    #[arg(long)]
    pub namespace_isolation: bool,
    /// Let this meta-plugin attach, called as podagent calls kactus: its type, or its configuration
    #[arg(long, value_name = "TYPE|FILE")]
    pub meta_plugin: Option<String>,
    /// Pods that are worked on at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// Seconds that one call of a plugin may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub plugin_timeout: u16,
}

/// A vendor becomes a part of a path.
fn vendor(text: &str) -> Result<String, String> {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match !text.is_empty() && !text.starts_with('.') && text.chars().all(sound) {
        true => Ok(text.to_owned()),
        false => Err("write letters, digits, '-', '_' and '.'".to_owned()),
    }
}

impl AgentArgs {
    /// The options.
    ///
    /// # Errors
    /// When the node or the container runtime is not known.
    pub fn options(&self) -> Result<Options, OptionsError> {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let node = self.node.clone().or_else(host).map(|name| name.trim().to_lowercase());
        let node = node.filter(|name| !name.is_empty()).ok_or(OptionsError::Node)?;
        let docker = self.docker_endpoint.as_deref();
        let runtime = match self.container_type.as_deref().or(docker.map(|_| "docker")) {
            Some(kind) if self.runtime_endpoint.is_none() || kind == "crio" => {
                Endpoint::of_container_type(kind, docker, self.runtime_endpoint.as_deref())?
            }
            _ => Endpoint::discover(self.runtime_endpoint.as_deref())?,
        };
        let vendor = self.cni_vendor_name.iter();
        let vendor = vendor.map(|name| PathBuf::from(format!("/opt/{name}/cni/bin")));
        Ok(Options {
            bin_dirs: vendor.chain(self.cni_bin_dir.iter().cloned()).collect(),
            host_root: self.host_root.clone(),
            conf_dir: self.cni_conf_dir.clone(),
            cache_dir: self.cni_cache_dir.clone(),
            state_dir: self.state_dir.clone(),
            socket: self.socket.clone(),
            pod_resources: self.pod_resources_socket.clone(),
            interface_names: self.interface_names,
            isolate_namespaces: self.namespace_isolation,
            meta_plugin: self.meta_plugin.clone(),
            workers: usize::from(self.workers),
            plugin_timeout: Duration::from_secs(self.plugin_timeout.into()),
            ..Options::new(node, runtime)
        })
    }
}

/// podagent's options have one dash, as Go's have. `-node a` becomes `--node a` where
/// `podnet agent` is asked for; everything else stays.
pub fn with_two_dashes(args: impl Iterator<Item = std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    const NAMES: [&str; 9] = [
        "node",
        "kubeconfig",
        "docker-endpoint",
        "crio-endpoint",
        "cni-bin-path",
        "cni-conf-path",
        "cni-vendor-name",
        "container-type",
        "logtostderr",
    ];
    let mut args: Vec<_> = args.collect();
    // `kubewright podnet agent` or `kubewright-podnet agent`.
    let is_agent = |words: &[std::ffi::OsString]| {
        words[0].as_encoded_bytes().ends_with(b"podnet") && words[1] == "agent"
    };
    if !args.windows(2).any(is_agent) {
        return args;
    }
    for arg in &mut args {
        let Some(option) = arg.to_str().and_then(|text| text.strip_prefix('-')) else { continue };
        let name = option.split('=').next().unwrap_or(option);
        if NAMES.contains(&name) {
            *arg = format!("--{option}").into();
        }
    }
    args
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ffi::OsString;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        agent: AgentArgs,
    }

    fn options(line: &[&str]) -> Options {
        let line = [&["agent"], line].concat();
        Cli::try_parse_from(line).unwrap().agent.options().unwrap()
    }

    #[test]
    fn arguments_default_to_the_options_defaults() {
        let told = options(&["--node", "a", "--runtime-endpoint", "/run/x.sock"]);
        let wanted = Options::new("a", "/run/x.sock".parse().unwrap());
        assert_eq!(format!("{told:?}"), format!("{wanted:?}"));
    }

    #[test]
    fn podagents_options_are_understood() {
        let line = [
            "kubewright",
            "podnet",
            "agent",
            "-node",
            "A",
            "-crio-endpoint=unix:///run/crio.sock",
            "-cni-bin-path",
            "/a:/b",
            "-cni-conf-path=/c",
            "-cni-vendor-name",
            "kaloom",
            "-logtostderr",
            "-v",
        ];
        let line = with_two_dashes(line.iter().map(OsString::from));
        assert_eq!(line.last().unwrap(), "-v", "others stay");
        let words: Vec<&str> =
            line[3..line.len() - 1].iter().map(|w| w.to_str().unwrap()).collect();
        let told = options(&words);
        assert_eq!((told.node.as_str(), told.conf_dir.to_str()), ("a", Some("/c")));
        assert_eq!(told.runtime.path().to_str(), Some("/run/crio.sock"));
        let dirs: Vec<_> = told.bin_dirs.iter().map(|dir| dir.to_str().unwrap()).collect();
        assert_eq!(dirs, ["/opt/kaloom/cni/bin", "/a", "/b"]);
        let elsewhere = ["kubewright", "up", "-node"].map(OsString::from);
        assert_eq!(with_two_dashes(elsewhere.clone().into_iter()), elsewhere);
    }

    #[test]
    fn docker_is_reached_through_its_shim() {
        for line in [
            &["--node", "a", "--container-type", "docker"][..],
            &["--node", "a", "--docker-endpoint", "unix:///var/run/docker.sock"],
        ] {
            assert_eq!(options(line).runtime.path().to_str(), Some("/var/run/cri-dockerd.sock"));
        }
        let kind = ["--node", "a", "--container-type", "rkt"];
        let line = [&["agent"][..], &kind[..]].concat();
        let error = Cli::try_parse_from(line).unwrap().agent.options().unwrap_err();
        assert!(error.to_string().contains("rkt"), "{error}");
    }

    #[test]
    fn a_vendor_is_no_path() {
        for name in ["../x", "a/b", "", "."] {
            assert!(Cli::try_parse_from(["agent", "--cni-vendor-name", name]).is_err(), "{name}");
        }
    }
}
