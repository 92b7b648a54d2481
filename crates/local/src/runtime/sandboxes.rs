//! The sandboxes, and what is done with them. Everything here blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kubewright_cni::{Cache, CniResult};
use kubewright_cri::message::{NamespaceMode, PodSandboxConfig};
use uuid::Uuid;

use super::namespace::Namespaces;
use super::network::{NetworkError, Networks, capabilities};
use super::record::{Attached, Found, Pod, Record, RecordError, Records, State};
use super::{Options, RuntimeError, stray};

/// Why a sandbox is not as it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    #[error("a sandbox needs the {0} of its pod")]
    Incomplete(&'static str),
    #[error("there is no runtime handler {0:?} here, only the default one")]
    Handler(String),
    #[error("pod {namespace}/{name} has sandbox {id} of this attempt already", namespace = pod.namespace, name = pod.name)]
    Exists { pod: Pod, id: String },
    #[error("no sandbox {0}")]
    NotFound(String),
    #[error("the network of sandbox {id} of pod {namespace}/{name}", namespace = pod.namespace, name = pod.name)]
    Network {
        id: String,
        pod: Pod,
        #[source]
        source: NetworkError,
    },
    #[error("the network namespace of sandbox {id}")]
    Namespace {
        id: String,
        #[source]
        source: io::Error,
    },
    #[error("the result of CNI cannot be kept")]
    Result(#[from] serde_json::Error),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A sandbox in memory.
struct Sandbox {
    /// Held by whoever changes it: one after the other, and for long.
    turn: Mutex<()>,
    record: Mutex<Record>,
}

/// All of them.
pub(super) struct Sandboxes {
    records: Records,
    namespaces: Namespaces,
    pub(super) networks: Networks,
    /// By id; those that are being made are not among them yet.
    all: Mutex<BTreeMap<String, Arc<Sandbox>>>,
    /// Id by pod and attempt, also of those that are being made.
    taken: Mutex<BTreeMap<Pod, String>>,
    boot: String,
}

impl Sandboxes {
    /// Everything that an earlier run has left in the run directory; what has no record is taken
    /// down.
    pub(super) fn open(options: &Options) -> Result<Self, RuntimeError> {
        let path = |name: &str| options.run_dir.join(name);
        let file = |path: std::path::PathBuf| move |source| RuntimeError::File { path, source };
        let records = Records::open(path("sandboxes"))?;
        let namespaces = Namespaces::open(path("netns")).map_err(file(path("netns")))?;
        let cache = Cache::new(path("cni"));
        let networks = Networks::new(options.conf_dir.clone(), &options.bin_dirs, cache);
        let Found { records: found, corrupt } = records.load()?;
        let known: BTreeSet<&str> = found.iter().map(|record| record.id.as_str()).collect();
        stray::take_down(&known, &corrupt, &namespaces, &networks);
        let taken = found.iter().map(|record| (record.pod.clone(), record.id.clone())).collect();
        let all = found.into_iter().map(|record| (record.id.clone(), Sandbox::new(record)));
        let boot = boot_id().map_err(file("/proc/sys/kernel/random/boot_id".into()))?;
        let all = Mutex::new(all.collect());
        Ok(Self { records, namespaces, networks, all, taken: Mutex::new(taken), boot })
    }

    /// Makes a sandbox; when that fails, nothing of it is left, or what is left is listed.
    pub(super) fn run(
        &self,
        config: PodSandboxConfig,
        handler: &str,
    ) -> Result<String, SandboxError> {
        let pod = pod_of(&config)?;
        if !handler.is_empty() {
            return Err(SandboxError::Handler(handler.to_owned()));
        }
        let id = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.take(&pod, &id)?;
        let mut record = Record {
            id: id.clone(),
            pod: pod.clone(),
            state: State::Adding,
            created_at: nanoseconds_now(),
            boot: self.boot.clone(),
            labels: config.labels.clone(),
            annotations: config.annotations.clone(),
            runtime_handler: handler.to_owned(),
            network: None,
        };
        if let Err(error) = self.make(&config, &mut record) {
            match self.take_down(&mut record).and_then(|()| Ok(self.records.remove(&id)?)) {
                Ok(()) => drop(lock(&self.taken).remove(&pod)),
                Err(left) => {
                    tracing::warn!(sandbox = id, error = %left, "a sandbox that failed is left over");
                    lock(&self.all).insert(id, Sandbox::new(record));
                }
            }
            return Err(error);
        }
        lock(&self.all).insert(id.clone(), Sandbox::new(record));
        Ok(id)
    }

    fn take(&self, pod: &Pod, id: &str) -> Result<(), SandboxError> {
        let mut taken = lock(&self.taken);
        if let Some(id) = taken.get(pod) {
            return Err(SandboxError::Exists { pod: pod.clone(), id: id.clone() });
        }
        taken.insert(pod.clone(), id.to_owned());
        Ok(())
    }

    fn make(&self, config: &PodSandboxConfig, record: &mut Record) -> Result<(), SandboxError> {
        let (id, pod) = (record.id.clone(), record.pod.clone());
        let network = |source| SandboxError::Network { id: id.clone(), pod: pod.clone(), source };
        if !has_network_of_node(config) {
            let current = self.networks.current().map_err(network)?;
            record.network = Some(Attached {
                config: current.to_json(),
                capabilities: capabilities(&config.port_mappings),
                result: None,
                addresses: Vec::new(),
            });
        }
        self.records.store(record)?;
        if let Some(attached) = &record.network {
            let wrong = |source| SandboxError::Namespace { id: id.clone(), source };
            let netns = self.namespaces.make(&id).map_err(wrong)?;
            let result = self.networks.add(record, attached, netns).map_err(network)?;
            if let Some(attached) = &mut record.network {
                attached.addresses = addresses(&result);
                attached.result = Some(serde_json::to_value(&result)?);
            }
        }
        record.state = State::Ready;
        Ok(self.records.store(record)?)
    }

    /// Stops a sandbox; nothing to do when it is stopped or gone.
    pub(super) fn stop(&self, id: &str) -> Result<(), SandboxError> {
        let Some(sandbox) = self.find(id) else { return Ok(()) };
        let _turn = lock(&sandbox.turn);
        self.stop_in_turn(&sandbox)
    }

    fn stop_in_turn(&self, sandbox: &Sandbox) -> Result<(), SandboxError> {
        let mut record = lock(&sandbox.record).clone();
        if record.state == State::Stopped {
            return Ok(());
        }
        // From here on it is not ready, whatever becomes of this.
        record.state = State::Stopping;
        self.keep(sandbox, &record)?;
        self.take_down(&mut record)?;
        self.keep(sandbox, &record)
    }

    fn keep(&self, sandbox: &Sandbox, record: &Record) -> Result<(), SandboxError> {
        self.records.store(record)?;
        lock(&sandbox.record).clone_from(record);
        Ok(())
    }

    /// Stops and removes a sandbox; nothing to do when it is gone.
    pub(super) fn remove(&self, id: &str) -> Result<(), SandboxError> {
        let Some(sandbox) = self.find(id) else { return Ok(()) };
        let _turn = lock(&sandbox.turn);
        self.stop_in_turn(&sandbox)?;
        self.records.remove(id)?;
        // Whoever waited for a turn finds it stopped, and removes nothing that is not its own.
        if lock(&self.all).remove(id).is_some() {
            lock(&self.taken).remove(&lock(&sandbox.record).pod);
        }
        Ok(())
    }

    /// Detaches a sandbox and lets go of its namespace, whatever is left of them.
    fn take_down(&self, record: &mut Record) -> Result<(), SandboxError> {
        let id = &record.id;
        if let Some(attached) = &record.network {
            let netns = self.namespaces.is_open(id).then(|| self.namespaces.path(id));
            let detached = self.networks.del(record, attached, netns);
            detached.map_err(|source| SandboxError::Network {
                id: id.clone(),
                pod: record.pod.clone(),
                source,
            })?;
            let wrong = |source| SandboxError::Namespace { id: id.clone(), source };
            self.namespaces.close(id).map_err(wrong)?;
        }
        record.state = State::Stopped;
        Ok(())
    }

    /// One as it is.
    pub(super) fn get(&self, id: &str) -> Result<Seen, SandboxError> {
        let sandbox = self.find(id).ok_or_else(|| SandboxError::NotFound(id.to_owned()))?;
        Ok(self.see(&sandbox))
    }

    /// All as they are.
    pub(super) fn list(&self) -> Vec<Seen> {
        let all: Vec<_> = lock(&self.all).values().map(Arc::clone).collect();
        all.iter().map(|sandbox| self.see(sandbox)).collect()
    }

    fn see(&self, sandbox: &Sandbox) -> Seen {
        let record = lock(&sandbox.record).clone();
        let netns = record.network.is_some().then(|| self.namespaces.path(&record.id));
        let open = netns.is_some() && self.namespaces.is_open(&record.id);
        let of_this_boot = record.boot == self.boot;
        let ready =
            record.state == State::Ready && of_this_boot && (open || record.network.is_none());
        Seen { record, netns, open, ready }
    }

    fn find(&self, id: &str) -> Option<Arc<Sandbox>> {
        lock(&self.all).get(id).map(Arc::clone)
    }
}

/// A sandbox as it is.
pub(super) struct Seen {
    pub(super) record: Record,
    /// File of its network namespace; nothing when it has the node's.
    pub(super) netns: Option<std::path::PathBuf>,
    /// Whether there is a namespace at that file.
    pub(super) open: bool,
    pub(super) ready: bool,
}

impl Sandbox {
    fn new(record: Record) -> Arc<Self> {
        Arc::new(Self { turn: Mutex::new(()), record: Mutex::new(record) })
    }
}

fn pod_of(config: &PodSandboxConfig) -> Result<Pod, SandboxError> {
    let metadata = config.metadata.clone().ok_or(SandboxError::Incomplete("metadata"))?;
    for (value, what) in
        [(&metadata.namespace, "namespace"), (&metadata.name, "name"), (&metadata.uid, "UID")]
    {
        if value.is_empty() {
            return Err(SandboxError::Incomplete(what));
        }
    }
    let kubewright_cri::message::PodSandboxMetadata { name, uid, namespace, attempt } = metadata;
    Ok(Pod { namespace, name, uid, attempt })
}

fn has_network_of_node(config: &PodSandboxConfig) -> bool {
    let context = config.linux.as_ref().and_then(|linux| linux.security_context.as_ref());
    let options = context.and_then(|context| context.namespace_options.as_ref());
    options.is_some_and(|options| options.network() == NamespaceMode::Node)
}

/// Addresses of the interfaces in the sandbox.
fn addresses(result: &CniResult) -> Vec<std::net::IpAddr> {
    let inside = |position: i64| {
        let interface = usize::try_from(position).ok().and_then(|at| result.interfaces.get(at));
        interface.is_none_or(|interface| !interface.sandbox.is_empty())
    };
    let of_sandbox = result.ips.iter().filter(|ip| ip.interface.is_none_or(inside));
    of_sandbox.map(|ip| ip.address.address).collect()
}

fn nanoseconds_now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
