//! What the plugin is answered: a pod is made with all its networks or not at all, and goes with
//! all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use kubewright_attachment::annotation::Dialect;
use kubewright_attachment::default_network;
use kubewright_attachment::engine::{CreateError, Created, DefaultNetwork};
use kubewright_attachment::name::InterfaceName;
use kubewright_attachment::pod::{Sandbox, SandboxId};
use kubewright_attachment::problem::Reason;
use kubewright_attachment::protocol::{
    Call, Container, PluginOptions, Pod as Asked, Reply, Request, Valid,
};
use kubewright_attachment::record::Whose;
use kubewright_attachment::status::Failure;
use kubewright_cni::{CniError, CniResult, ErrorCode, NetworkConfig, Version};
use kubewright_cri::message::PodSandboxFilter;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::adding::Adding;
use super::core::Message;
use super::lookup;
use super::node::Node;
use super::places::PlaceError;
use super::publish::Notice;
use super::seized::Seized;
use super::socket::Answers;
use super::work::{self, chain};
use crate::definition;
use crate::pod::{Pod, PodKey, WirePod};

/// How long the watch may take to tell of a pod that the kubelet knows already.
const NEWS: Duration = Duration::from_millis(300);

/// How long the API server may take to be asked.
const ASKED: Duration = Duration::from_secs(5);

/// How long a call waits for its turn: for whoever works on the pod, and for a place. The plugin
/// waits 220 seconds for its answer, of which this leaves two minutes to the plugins.
const WAITING: Duration = Duration::from_secs(100);

/// How long a DEL waits for whoever works on the pod; after that the lock of the sandbox decides.
const TURN: Duration = Duration::from_secs(10);

/// Answers the plugin.
pub(crate) struct Server {
    node: Arc<Node>,
    adding: Adding,
}

impl Server {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node, adding: Adding::default() }
    }
}

type Answer = Result<Option<CniResult>, CniError>;

impl Answers for Server {
    async fn answer(&self, request: Request) -> Reply {
        let (command, answer) = match &request.call {
            Call::Add(container) => ("ADD", self.add(&request, container).await),
            Call::Del(container) => ("DEL", self.del(&request, container).await),
            Call::Check(container) => ("CHECK", self.check(container).await),
            Call::Status => ("STATUS", self.status(&request).await),
            Call::Gc(valid) => ("GC", self.gc(&request, valid).await),
        };
        self.node.metrics.answered(command, answer.is_ok());
        match answer {
            Ok(result) => Reply::Result(result),
            Err(error) => {
                tracing::warn!(command, %error, "a call of the plugin failed");
                Reply::Error(error)
            }
        }
    }
}

fn error(code: ErrorCode) -> impl Fn(&dyn std::error::Error) -> CniError {
    move |error| CniError::from_error(code, error)
}

fn again(message: impl Into<String>) -> CniError {
    CniError::new(ErrorCode::TryAgainLater, message)
}

/// The network that every pod gets.
fn default_network(request: &Request) -> Result<Option<NetworkConfig>, CniError> {
    let options = PluginOptions::of(&request.config);
    let options = options.map_err(|e| error(ErrorCode::InvalidConfig)(&e))?;
    let found = default_network::select(&options.conf_dir, options.default_network.as_deref());
    let found = found.map_err(|e| error(ErrorCode::TryAgainLater)(&e))?;
    Ok(found.map(|loaded| loaded.network))
}

fn default(
    request: &Request,
    container: &Container,
    config: NetworkConfig,
) -> Result<DefaultNetwork, CniError> {
    let runtime = request.runtime(container);
    let runtime = runtime.map_err(|e| error(ErrorCode::InvalidEnvironment)(&e))?;
    let interface = InterfaceName::new(container.ifname.as_str());
    let interface = interface.map_err(|e| error(ErrorCode::InvalidEnvironment)(&e))?;
    let (args, capability_args) = (runtime.args, runtime.capability_args);
    Ok(DefaultNetwork { config, interface, args, capability_args })
}

fn sandbox(container: &Container) -> Result<Sandbox, CniError> {
    let netns = container.netns.clone().unwrap_or_default();
    Sandbox::new(container.container_id.as_str(), netns)
        .map_err(|e| error(ErrorCode::InvalidEnvironment)(&e))
}

/// The result in the version of the configuration that the runtime has given.
fn answered(request: &Request, result: &CniResult) -> Answer {
    let version = request.config.get("cniVersion").and_then(|version| version.as_str());
    let version: Option<Version> = version.and_then(|version| version.parse().ok());
    let result = result.to_version(version.unwrap_or(Version::V0_3_1));
    result.map(Some).map_err(|e| error(ErrorCode::IncompatibleVersion)(&e))
}

impl Server {
    async fn add(&self, request: &Request, container: &Container) -> Answer {
        let Some(_adding) = self.adding.begin(&container.container_id) else {
            let msg = "ADD was called for this container while it is at work for it: a plugin of \
                       the default network calls kubewright-cni again and must name another \
                       network (Multus: another --multus-master-cni-file-name)";
            return Err(CniError::new(ErrorCode::InvalidConfig, msg));
        };
        let Some(config) = default_network(request)? else {
            return Err(again("there is no other network configuration on this node yet"));
        };
        let default = default(request, container, config)?;
        let Some(asked) = container.pod() else {
            return self.add_container(request, container, default).await;
        };
        let until = Instant::now() + WAITING;
        let pod = self.find(&asked).await?;
        let seized = tokio::time::timeout_at(until, self.seize(&pod.uid)).await;
        let seized = seized.map_err(|_| again("the pod is still being worked on"))??;
        let sandbox = sandbox(container)?;
        self.node.sandboxes().making(&pod.uid, &container.container_id, Instant::now());
        let made = self.create(pod.clone(), sandbox, default, seized, until).await;
        match made {
            Ok(created) => answered(request, &created.result),
            Err(error) => {
                self.node.sandboxes().not_making(&pod.uid, &container.container_id);
                Err(error)
            }
        }
    }

    /// A container that is no pod: it gets what it would have got without us.
    async fn add_container(
        &self,
        request: &Request,
        container: &Container,
        default: DefaultNetwork,
    ) -> Answer {
        let runtime = request.runtime(container);
        let runtime = runtime.map_err(|e| error(ErrorCode::InvalidEnvironment)(&e))?;
        let cni = self.node.engine.cni().clone();
        let until = Instant::now() + WAITING;
        let added = self.work(until, move || cni.add(&default.config, &runtime)).await?;
        answered(request, &added.map_err(|e| error(ErrorCode::Internal)(&e))?)
    }

    async fn create(
        &self,
        pod: Pod,
        sandbox: Sandbox,
        default: DefaultNetwork,
        mut seized: Seized,
        until: Instant,
    ) -> Result<Created, CniError> {
        let names = work::names(&pod).map_err(|e| error(ErrorCode::InvalidEnvironment)(&e))?;
        let first = default.config.plugins().first();
        let follows = first.and_then(|plugin| default_network::follows(plugin.plugin_type()));
        let requests = match follows {
            // A meta-plugin attaches these itself; when the pod runs they are adopted.
            Some(dialect) => work::requests(&pod).without(dialect),
            None => work::requests(&pod),
        };
        self.wait_until(NEWS, |node| work::definitions_known(node, &requests)).await;
        if !work::definitions_known(&self.node, &requests) {
            return Err(again("the definitions of the pod's networks are not known yet"));
        }
        let devices = work::devices(&self.node, Some(&pod), &requests).await;
        let node = self.node.clone();
        let resolve = {
            let (requests, names) = (requests.clone(), names.clone());
            move |node: &Node| {
                let (resolution, definitions) = (&node.resolution, &node.definitions);
                lookup::resolve(resolution, definitions, &requests, &names, &devices, &[])
            }
        };
        let missing = |desired: &kubewright_attachment::desired::Desired| {
            desired.wanted.iter().any(|wanted| {
                matches!(&wanted.attachment, Err(it) if it.reason == Reason::NetworkNotFound)
            })
        };
        let mut desired = resolve(&node);
        if missing(&desired) {
            // The definition may be younger than what the watch has told.
            self.wait_until(NEWS, |node| !missing(&resolve(node))).await;
            desired = resolve(&node);
        }
        let creation = move || {
            let created = node.engine.create(&names, &sandbox, &default, &desired);
            let notice = match &created {
                // What the pod has now is the meta-plugin's to tell.
                Ok(_) if follows == Some(Dialect::Standard) => None,
                Ok(created) => {
                    Some(Notice { status: created.outcome.status.clone(), failures: Vec::new() })
                }
                Err(CreateError::Failed { failures, .. }) => {
                    Some(Notice { status: None, failures: failures.clone() })
                }
                Err(CreateError::Engine(_)) => None,
            };
            seized.notice = notice;
            seized.look = follows.is_some() && created.is_ok();
            (created, seized)
        };
        let (created, seized) = self.work(until, creation).await?;
        let (changes, failures): (&[_], &[Failure]) = match &created {
            Ok(created) => (&created.outcome.changes, &[]),
            Err(CreateError::Failed { failures, .. }) => (&[], failures),
            Err(CreateError::Engine(_)) => (&[], &[]),
        };
        let (changes, failures) = (changes.to_vec(), failures.to_vec());
        self.node.tell(Message::Announce(seized.uid.clone(), changes, failures));
        drop(seized);
        created.map_err(|e| error(ErrorCode::TryAgainLater)(&e))
    }

    /// The pod that the runtime speaks of: from the cache, else asked for once.
    async fn find(&self, asked: &Asked<'_>) -> Result<Pod, CniError> {
        let key = PodKey::new(asked.namespace, asked.name);
        let is_it = |pod: &Pod| asked.uid.is_none_or(|uid| uid == pod.uid);
        let cached = |node: &Node| node.pods().get(&key).filter(|pod| is_it(pod)).cloned();
        self.wait_until(NEWS, |node| cached(node).is_some()).await;
        if let Some(pod) = cached(&self.node) {
            return Ok(pod);
        }
        let api: Api<WirePod> = Api::namespaced(self.node.context.client.clone(), &key.namespace);
        let found = tokio::time::timeout(ASKED, api.get_opt(&key.name)).await;
        let found = match found {
            Ok(Ok(found)) => found.map(Pod::from),
            Ok(Err(error)) => {
                return Err(again(format!("pod {key} cannot be asked for: {}", chain(&error))));
            }
            Err(_) => return Err(again(format!("pod {key} cannot be asked for: no answer"))),
        };
        match found {
            Some(pod) if is_it(&pod) => Ok(pod),
            // A static pod is made before its mirror is there: it has no annotations to follow
            // but those of its file, which the mirror will have.
            None if asked.uid.is_some_and(|uid| !uid.contains('-')) => {
                Ok(Pod::unmirrored(key, asked.uid.unwrap_or_default()))
            }
            Some(_) => Err(again(format!("pod {key} was made anew meanwhile"))),
            None => Err(again(format!("there is no pod {key}"))),
        }
    }

    /// Waits for something that the watches are about to tell.
    async fn wait_until(&self, patience: Duration, holds: impl Fn(&Node) -> bool) {
        let mut news = self.node.news.subscribe();
        let told = async {
            while !holds(&self.node) {
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        // Whoever waits looks again.
        let _ = tokio::time::timeout(patience, told).await;
    }

    async fn seize(&self, uid: &str) -> Result<Seized, CniError> {
        let (grant, granted) = oneshot::channel();
        self.node.tell(Message::Seize(uid.to_owned(), grant));
        granted.await.map_err(|_| again("the agent is ending"))
    }

    /// Does what waits for plugins when there is a place.
    async fn work<T: Send + 'static>(
        &self,
        until: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CniError> {
        self.node.places.work(until, work).await.map_err(|e| match e {
            PlaceError::Full => error(ErrorCode::TryAgainLater)(&e),
            PlaceError::Panicked(_) => error(ErrorCode::Internal)(&e),
        })
    }

    async fn del(&self, request: &Request, container: &Container) -> Answer {
        if self.adding.is_nested(&container.container_id) {
            // The ADD that came first fails, and takes back all that it did.
            return Ok(None);
        }
        self.node.tell(Message::Going(container.container_id.clone()));
        let id = SandboxId::new(container.container_id.as_str());
        let id = id.map_err(|e| error(ErrorCode::InvalidEnvironment)(&e))?;
        let interface = InterfaceName::new(container.ifname.as_str());
        let interface = interface.map_err(|e| error(ErrorCode::InvalidEnvironment)(&e))?;
        let options = PluginOptions::of(&request.config);
        let options = options.map_err(|e| error(ErrorCode::InvalidConfig)(&e))?;
        let runtime = request.runtime(container);
        let runtime = runtime.map_err(|e| error(ErrorCode::InvalidEnvironment)(&e))?;
        // Whoever works on the pod might attach again what is detached here.
        let uid = container.pod().and_then(|pod| pod.uid.map(str::to_owned));
        let uid = uid.or_else(|| {
            let ids = self.node.engine.store().ids(Whose::Sandbox(&id)).ok()?;
            ids.into_iter().next().map(|it| it.pod_uid)
        });
        let _seized = match &uid {
            Some(uid) => {
                tokio::time::timeout(TURN, self.seize(uid)).await.ok().and_then(Result::ok)
            }
            None => None,
        };
        let (engine, netns) = (self.node.engine.clone(), container.netns.clone());
        let deletion = move || {
            let of = interface.clone();
            let default = || {
                let name = options.default_network.as_deref();
                let found = default_network::select(&options.conf_dir, name)?;
                Ok(found.map(|loaded| DefaultNetwork {
                    config: loaded.network,
                    interface: of,
                    args: runtime.args,
                    capability_args: runtime.capability_args,
                }))
            };
            engine.delete(&id, netns.as_deref(), &interface, default)
        };
        let deleted = self.work(Instant::now() + WAITING, deletion).await?;
        deleted.map(|_| None).map_err(|e| error(ErrorCode::TryAgainLater)(&e))
    }

    async fn check(&self, container: &Container) -> Answer {
        let (engine, sandbox) = (self.node.engine.clone(), sandbox(container)?);
        let until = Instant::now() + WAITING;
        let checked = self.work(until, move || engine.check(&sandbox)).await?;
        checked.map(|()| None).map_err(|e| error(ErrorCode::Internal)(&e))
    }

    async fn status(&self, request: &Request) -> Answer {
        let unavailable = |why: &str| CniError::new(ErrorCode::NotAvailable, why);
        if !self.node.pods().synced() {
            return Err(unavailable("the pods of this node are not known yet"));
        }
        let known =
            definition::KINDS.iter().any(|kind: &Dialect| self.node.definitions().complete(*kind));
        if !known {
            return Err(unavailable("the definitions of networks are not known yet"));
        }
        let Some(config) = default_network(request)? else {
            return Err(unavailable("there is no other network configuration on this node yet"));
        };
        if !config.version().has_gc_and_status() {
            return Ok(None);
        }
        let cni = self.node.engine.cni().clone();
        let status = blocking(move || cni.status(&config)).await?;
        status.map(|()| None).map_err(|e| error(ErrorCode::NotAvailable)(&e))
    }

    async fn gc(&self, request: &Request, valid: &Valid) -> Answer {
        let listed = self.node.runtime.list_sandboxes(PodSandboxFilter::default()).await;
        // Without it, what is alive might be taken for gone.
        let listed = listed.map_err(|e| error(ErrorCode::TryAgainLater)(&e))?;
        let ids = listed.into_iter().map(|sandbox| sandbox.id);
        let ids = ids.chain(valid.valid_attachments.iter().map(|it| it.container_id.clone()));
        let mut living: BTreeSet<SandboxId> = BTreeSet::new();
        for id in ids {
            let id = SandboxId::new(id);
            living.insert(id.map_err(|e| error(ErrorCode::InvalidConfig)(&e))?);
        }
        let records = self.node.engine.store().ids(Whose::All);
        for record in records.map_err(|e| error(ErrorCode::IoFailure)(&e))? {
            if self.node.sandboxes().is_making(&record.pod_uid, Instant::now()) {
                living.insert(record.sandbox);
            }
        }
        let networks: Vec<NetworkConfig> = default_network(request)?.into_iter().collect();
        let engine = self.node.engine.clone();
        let collected = blocking(move || engine.gc(&living, &networks)).await?;
        let collected = collected.map_err(|e| error(ErrorCode::TryAgainLater)(&e))?;
        match collected.failures.as_slice() {
            [] => Ok(None),
            failures => {
                let all: Vec<String> = failures.iter().map(|failure| chain(failure)).collect();
                Err(again(all.join("; ")))
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CniError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| error(ErrorCode::Internal)(&e))
}
