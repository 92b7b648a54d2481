//! The network of a sandbox: loopback, and the first CNI configuration of the node.

use std::path::PathBuf;

use kubewright_cni::{
    AddError, ArgsError, Cache, Cni, CniArgs, CniResult, ConfDir, ConfigError, DelError, FileError,
    NameError, NetworkConfig, RuntimeConf,
};
use kubewright_cri::message::{PortMapping, Protocol};
use serde_json::{Map, Value, json};

use super::record::{Attached, Record};

/// What every runtime calls the interface of a pod.
const INTERFACE: &str = "eth0";

/// Why a sandbox has no network, or still has it.
#[derive(Debug, thiserror::Error)]
pub(super) enum NetworkError {
    #[error("the folder of CNI configurations is no use")]
    Folder(#[from] FileError),
    #[error("no CNI configuration in {}", folder.display())]
    None { folder: PathBuf },
    #[error("the CNI configuration of the record is no use")]
    Config(#[from] ConfigError),
    #[error("a name is no use for CNI")]
    Name(#[from] NameError),
    #[error("the pod's names are no use as CNI_ARGS")]
    Args(#[from] ArgsError),
    #[error(transparent)]
    Add(#[from] AddError),
    #[error(transparent)]
    Del(#[from] DelError),
}

/// How pods get their network.
pub(super) struct Networks {
    conf_dir: PathBuf,
    cni: Cni,
    /// Without a cache: nothing of loopback has to be remembered.
    plain: Cni,
    pub(super) cache: Cache,
}

impl Networks {
    pub(super) fn new(conf_dir: PathBuf, bin_dirs: &[PathBuf], cache: Cache) -> Self {
        let plain = Cni::new(bin_dirs);
        Self { conf_dir, cni: plain.clone().with_cache(cache.clone()), plain, cache }
    }

    /// The configuration for new sandboxes.
    pub(super) fn current(&self) -> Result<NetworkConfig, NetworkError> {
        let first = ConfDir::read(&self.conf_dir)?.networks.into_iter().next();
        let none = || NetworkError::None { folder: self.conf_dir.clone() };
        first.map(|loaded| loaded.network).ok_or_else(none)
    }

    /// Attaches a sandbox whose namespace is at `netns`.
    pub(super) fn add(
        &self,
        record: &Record,
        attached: &Attached,
        netns: PathBuf,
    ) -> Result<CniResult, NetworkError> {
        let loopback = json!({ "cniVersion": "0.3.1", "name": "loopback",
            "plugins": [{ "type": "loopback" }] });
        let lo = RuntimeConf::new(record.id.as_str(), Some(netns.clone()), "lo")?;
        self.plain.add(&NetworkConfig::from_value(loopback)?, &lo)?;
        let network = NetworkConfig::from_value(attached.config.clone())?;
        Ok(self.cni.add(&network, &call(record, attached, Some(netns))?)?)
    }

    /// Detaches a sandbox, whose namespace may be gone.
    pub(super) fn del(
        &self,
        record: &Record,
        attached: &Attached,
        netns: Option<PathBuf>,
    ) -> Result<(), NetworkError> {
        let network = NetworkConfig::from_value(attached.config.clone())?;
        // Plugins detach without the result of ADD too, so one that is no use is in nobody's way.
        let result = attached.result.clone();
        let result =
            result.and_then(|result| CniResult::from_value(result, network.version()).ok());
        Ok(self.cni.del(&network, &call(record, attached, netns)?, result.as_ref())?)
    }

    /// Detaches by what the cache tells, for want of a record.
    pub(super) fn del_cached(&self, id: &str, netns: Option<PathBuf>) -> Result<(), NetworkError> {
        let entries = match self.cache.entries() {
            Ok((entries, _)) => entries,
            Err(error) => {
                tracing::warn!(%error, "the cache of CNI results is no use");
                return Ok(());
            }
        };
        for entry in entries.into_iter().filter(|entry| entry.container_id == id) {
            let network = NetworkConfig::parse(&entry.config)?;
            let mut call = entry.runtime()?;
            call.netns.clone_from(&netns);
            self.cni.del(&network, &call, entry.result.as_ref())?;
        }
        Ok(())
    }
}

/// As every runtime calls plugins for Kubernetes.
fn call(
    record: &Record,
    attached: &Attached,
    netns: Option<PathBuf>,
) -> Result<RuntimeConf, NetworkError> {
    let args = CniArgs::new()
        .with("IgnoreUnknown", "1")?
        .with("K8S_POD_NAMESPACE", &record.pod.namespace)?
        .with("K8S_POD_NAME", &record.pod.name)?
        .with("K8S_POD_INFRA_CONTAINER_ID", &record.id)?
        .with("K8S_POD_UID", &record.pod.uid)?;
    let call = RuntimeConf::new(record.id.as_str(), netns, INTERFACE)?;
    Ok(call.with_args(args).with_capability_args(attached.capabilities.clone()))
}

/// `portMappings` of CNI, for the ports that ask for one of the node.
pub(super) fn capabilities(ports: &[PortMapping]) -> Map<String, Value> {
    let mapped = ports.iter().filter(|port| port.host_port > 0).map(|port| {
        json!({ "hostPort": port.host_port, "containerPort": port.container_port,
            "protocol": protocol(port.protocol()), "hostIP": port.host_ip })
    });
    let mapped: Vec<Value> = mapped.collect();
    let some = (!mapped.is_empty()).then(|| ("portMappings".to_owned(), Value::Array(mapped)));
    some.into_iter().collect()
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}
