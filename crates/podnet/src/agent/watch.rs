//! The watches: the pods of this node, and the definitions of both kinds, which may not be served.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicResourceScope};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use kubewright_attachment::annotation::Dialect;
use kubewright_attachment::definition::Definition as Spec;
use kubewright_attachment::name::NameError;
use kubewright_attachment::network::NetworkKey;
use kubewright_operator::Pause;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use crate::api::{Network, NetworkAttachmentDefinition, RESOURCE_NAME};
use crate::definition::{self, Definition};
use crate::pod::{Pod, PodKey, WirePod};

/// Objects of one page of a list: a whole list at once would set the memory of this process.
const PAGE: u32 = 50;

/// The most that lies between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a watch has seen.
#[derive(Debug)]
pub(crate) enum Sighting {
    /// A list begins: what it does not name by its end is gone.
    PodsBegin,
    Pod(Box<Pod>),
    PodGone(PodKey, String),
    PodsEnd,
    DefinitionsBegin(Dialect),
    Definition(NetworkKey, Box<Definition>),
    DefinitionGone(NetworkKey),
    DefinitionsEnd(Dialect),
    /// The kind is not served: it has no objects.
    NotServed(Dialect),
    /// The API server does not answer, or refuses.
    Away(&'static str, String),
}

/// Starts all watches; they end when the set is dropped or nobody listens.
pub(crate) fn start(client: &Client, node: &str, out: &UnboundedSender<Sighting>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(pods(Api::all(client.clone()), node.to_owned(), out.clone()));
    for kind in definition::KINDS {
        tasks.spawn(definitions(client.clone(), kind, out.clone()));
    }
    tasks
}

async fn pods(api: Api<WirePod>, node: String, out: UnboundedSender<Sighting>) {
    let config =
        watcher::Config::default().fields(&format!("spec.nodeName={node}")).page_size(PAGE);
    let mut pause = Pause::up_to(LONGEST_PAUSE);
    loop {
        let ended = watch(&api, &config, |event| {
            let sighting = match event {
                Ok(watcher::Event::Init) => Sighting::PodsBegin,
                Ok(watcher::Event::InitDone) => Sighting::PodsEnd,
                Ok(watcher::Event::InitApply(pod) | watcher::Event::Apply(pod)) => {
                    Sighting::Pod(Box::new(pod.into()))
                }
                Ok(watcher::Event::Delete(pod)) => {
                    let pod = Pod::from(pod);
                    Sighting::PodGone(pod.key, pod.uid)
                }
                Err(error) => Sighting::Away("pods", error.to_string()),
            };
            out.send(sighting).is_ok()
        });
        if !ended.await {
            return;
        }
        tokio::time::sleep(pause.next_pause()).await;
    }
}

async fn definitions(client: Client, kind: Dialect, out: UnboundedSender<Sighting>) {
    let resource = match kind {
        Dialect::Standard => ApiResource::erase::<NetworkAttachmentDefinition>(&()),
        Dialect::Kaloom => ApiResource::erase::<Network>(&()),
    };
    let api: Api<WireDefinition> = Api::all_with(client, &resource);
    let config = watcher::Config::default().page_size(PAGE);
    let mut pause = Pause::up_to(LONGEST_PAUSE);
    loop {
        let ended = watch(&api, &config, |event| {
            let named = |found: WireDefinition,
                         sighting: fn(NetworkKey, Definition) -> Sighting| {
                found.split(kind).map(|(key, definition)| sighting(key, definition))
            };
            let there = |key, definition| Sighting::Definition(key, Box::new(definition));
            let sighting = match event {
                Ok(watcher::Event::Init) => Ok(Sighting::DefinitionsBegin(kind)),
                Ok(watcher::Event::InitDone) => Ok(Sighting::DefinitionsEnd(kind)),
                Ok(watcher::Event::InitApply(found) | watcher::Event::Apply(found)) => {
                    named(found, there)
                }
                Ok(watcher::Event::Delete(gone)) => {
                    named(gone, |key, _| Sighting::DefinitionGone(key))
                }
                Err(error) if is_not_served(&error) => Ok(Sighting::NotServed(kind)),
                Err(error) => Ok(Sighting::Away(definition::resource(kind), error.to_string())),
            };
            let sighting = match sighting {
                Ok(sighting) => sighting,
                Err(error) => {
                    tracing::warn!(%error, "definition left aside: no annotation can name it");
                    return true;
                }
            };
            out.send(sighting).is_ok()
        });
        if !ended.await {
            return;
        }
        tokio::time::sleep(pause.next_pause()).await;
    }
}

/// Watches until the kind is not served (true) or nobody listens (false). After any other error it
/// goes on where it was.
async fn watch<K>(
    api: &Api<K>,
    config: &watcher::Config,
    mut tell: impl FnMut(Result<watcher::Event<K>, watcher::Error>) -> bool,
) -> bool
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut stream =
        watcher(api.clone(), config.clone()).backoff(Pause::up_to(LONGEST_PAUSE)).boxed();
    while let Some(event) = stream.next().await {
        let ended = matches!(&event, Err(error) if is_not_served(error));
        // A watch that breaks is taken up again where it was, and nothing would tell that all is
        // well again; so that is no trouble, unless the kind itself has gone.
        if let Err(error) = &event
            && !ended
            && !matches!(error, watcher::Error::InitialListFailed(_))
        {
            // One that is refused does not mend itself: a token has expired, say.
            match is_refused(error) {
                true => tracing::warn!(%error, "the API server refuses a watch"),
                false => tracing::debug!(%error, "watch interrupted"),
            }
            continue;
        }
        if !tell(event) {
            return false;
        }
        if ended {
            return true;
        }
    }
    true
}

fn is_refused(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status))
        if matches!(status.code, 401 | 403))
}

fn is_not_served(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(source) | watcher::Error::WatchStartFailed(source)) =
        error
    else {
        return false;
    };
    matches!(source, kube::Error::Api(status) if status.code == 404)
}

/// A definition of either kind.
#[derive(Clone, Debug, Default, Deserialize)]
struct WireDefinition {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Option<WireDefinitionSpec>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireDefinitionSpec {
    plugin: Option<String>,
    config: Option<String>,
}

impl WireDefinition {
    fn split(mut self, kind: Dialect) -> Result<(NetworkKey, Definition), NameError> {
        let namespace = self.metadata.namespace.take().unwrap_or_default();
        let key = NetworkKey::new(kind, namespace, self.metadata.name.take().unwrap_or_default())?;
        let spec = self.spec.take().unwrap_or_default();
        let config = spec.config.unwrap_or_default();
        let spec = match kind {
            Dialect::Standard => Spec::Standard { config },
            Dialect::Kaloom => Spec::Kaloom { plugin: spec.plugin.unwrap_or_default(), config },
        };
        let resource = self.annotations_mut().remove(RESOURCE_NAME);
        Ok((key, Definition { spec, resource: resource.filter(|name| !name.is_empty()) }))
    }
}

impl Resource for WireDefinition {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> std::borrow::Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> std::borrow::Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> std::borrow::Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> std::borrow::Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> std::borrow::Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
