//! Carrying out what was decided. What the API server answers is taken into the world at once:
//! the next decision does not wait for the watches to catch up.

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{ApiResource, DynamicObject};
use kube::{Client, Resource};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::FIELD_MANAGER;
use super::decide::{Action, FINALIZER};
use super::difference::escaped;
use super::sighting::record::{CertificateRecord, NodeRecord, PrunedNode, SettingsRecord};
use super::sighting::{Kind, Object, Sighting};
use super::world::World;
use crate::api::PeerPodConfig;
use crate::metrics::PeerPodMetrics;
use crate::objects::webhook::{AUTHORITIES, SECRET, secret};
use crate::options::Options;
use crate::webhook::rotation::{Step, take};

/// The longest answer that is passed on; admission may say anything.
const ANSWER: usize = 1000;

/// A request that failed, in words.
struct Failure {
    /// `set the capacity of node a`.
    what: String,
    /// What the API server said.
    why: String,
}

/// Talks to the API server.
#[derive(Clone)]
pub(super) struct Executor<'o> {
    pub(super) client: Client,
    pub(super) options: &'o Options,
    /// Names of the serving certificate.
    pub(super) names: Vec<String>,
    pub(super) metrics: PeerPodMetrics,
}

/// What an action writes, for the metrics.
/// Kinds of writes, for metrics.
pub(crate) const KINDS: [&str; 8] = [
    "finalizer",
    "node",
    "daemonset",
    "deployment",
    "service",
    "certificate",
    "registration",
    "status",
];

fn kind(action: &Action) -> &'static str {
    match action {
        Action::AddFinalizer { .. } | Action::RemoveFinalizer { .. } => "finalizer",
        Action::SetCapacity { .. } | Action::RemoveCapacity { .. } => "node",
        Action::Apply { kind, .. } | Action::Delete { kind, .. } => match kind {
            Kind::DaemonSets => "daemonset",
            Kind::Deployments => "deployment",
            Kind::Services => "service",
            Kind::Secrets => "certificate",
            _ => "registration",
        },
        Action::Certificates(_) => "certificate",
        Action::Status { .. } => "status",
    }
}

impl Executor<'_> {
    /// Carries actions out, those on nodes side by side. Returns how many failed; the world keeps
    /// which and why.
    pub(super) async fn carry_out(&self, actions: Vec<Action>, world: &mut World) -> usize {
        let (nodes, others): (Vec<_>, Vec<_>) = actions.into_iter().partition(|action| {
            matches!(action, Action::SetCapacity { .. } | Action::RemoveCapacity { .. })
        });
        let mut failures = 0;
        for action in others {
            let written = self.write(action.clone(), world).await;
            failures += self.note(action, written, world);
        }
        let node = |action: Action| async move {
            let written = self.node(action.clone()).await;
            (action, written.map(|sighting| vec![sighting]))
        };
        let mut writes = futures::stream::iter(nodes.into_iter().map(node))
            .buffer_unordered(self.options.concurrency.max(1));
        while let Some((action, written)) = writes.next().await {
            failures += self.note(action, written, world);
        }
        failures
    }

    /// Takes in what became of an action; how many failed.
    fn note(
        &self,
        action: Action,
        written: Result<Vec<Sighting>, Failure>,
        world: &mut World,
    ) -> usize {
        self.metrics.wrote(kind(&action), written.is_ok());
        match written {
            Ok(sightings) => {
                world.backoff.succeeded(&action.target());
                for sighting in sightings {
                    world.take(sighting);
                }
                0
            }
            Err(failure) => {
                tracing::warn!(what = failure.what, error = failure.why, "a write failed");
                world.backoff.failed(action, failure.why, Instant::now());
                1
            }
        }
    }

    async fn node(&self, action: Action) -> Result<Sighting, Failure> {
        let nodes = Api::<PrunedNode>::all(self.client.clone());
        let resource = &self.options.resource;
        let mut wanted = None;
        let (node, written) = match action {
            Action::SetCapacity { node, manager, seats, allocatable } => {
                wanted = Some(seats);
                let amount = json!({resource: seats.to_string()});
                let mut status = json!({"capacity": amount});
                if allocatable {
                    status["allocatable"] = amount;
                }
                let manifest = json!({
                    "apiVersion": "v1", "kind": "Node", "metadata": {"name": node}, "status": status,
                });
                let parameters = PatchParams::apply(&manager).force();
                let written = nodes.patch_status(&node, &parameters, &Patch::Apply(manifest)).await;
                (node, written)
            }
            Action::RemoveCapacity { node, value, allocatable } => {
                // Never by applying less: on a Node whose kubelet owns nothing of its capacity the
                // API server would take cpu and memory away with it.
                let patch = removal(resource, &value, allocatable.as_deref());
                let patch = serde_json::from_value(patch)
                    .map_err(|error| fail("write a patch for", &node, &error))?;
                let parameters = PatchParams::default();
                let patch = Patch::Json::<()>(patch);
                let written = nodes.patch_status(&node, &parameters, &patch).await;
                (node, written)
            }
            _ => return Err(fail("write", "a node", &"it is no write of a node")),
        };
        match written {
            Ok(object) => {
                let record = NodeRecord::of(object, resource);
                if let Some(wanted) = wanted.filter(|wanted| record.seats() != Some(*wanted)) {
                    // Admission has changed it: to write it again at once would change nothing.
                    let there = record.capacity.as_deref().unwrap_or("nothing");
                    let why = format!("the API server answers with {there} instead of {wanted}");
                    return Err(fail("write the capacity of node", &node, &why));
                }
                Ok(Sighting::There(node, Box::new(Object::Node(record))))
            }
            Err(error) if is_gone(&error) => Ok(Sighting::Gone(Kind::Nodes, node)),
            Err(error) => Err(refused("write the capacity of node", &node, &error)),
        }
    }

    async fn write(&self, action: Action, world: &World) -> Result<Vec<Sighting>, Failure> {
        match action {
            Action::AddFinalizer { config } => {
                let mut finalizers = finalizers(world, &config);
                finalizers.push(FINALIZER.to_owned());
                self.finalizers(&config, finalizers, world).await
            }
            Action::RemoveFinalizer { config } => {
                let mut finalizers = finalizers(world, &config);
                finalizers.retain(|finalizer| finalizer != FINALIZER);
                self.finalizers(&config, finalizers, world).await
            }
            Action::Apply { kind, manifest } => self.apply(kind, manifest).await,
            Action::Delete { kind, name, uid } => self.delete(kind, &name, uid).await,
            Action::Certificates(step) => self.certificates(step, world).await,
            Action::Status { config, status } => {
                let manifest = json!({
                    "apiVersion": PeerPodConfig::api_version(&()),
                    "kind": PeerPodConfig::kind(&()),
                    "metadata": {"name": split(&config).1},
                    "status": status,
                });
                let parameters = PatchParams::apply(FIELD_MANAGER).force();
                let written = self
                    .configs(&config)
                    .patch_status(split(&config).1, &parameters, &Patch::Apply(manifest))
                    .await;
                self.config(&config, "write the status of PeerPodConfig", written)
            }
            Action::SetCapacity { .. } | Action::RemoveCapacity { .. } => {
                self.node(action).await.map(|sighting| vec![sighting])
            }
        }
    }

    fn configs(&self, config: &str) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<PeerPodConfig>(&());
        Api::namespaced_with(self.client.clone(), split(config).0, &resource)
    }

    fn config(
        &self,
        config: &str,
        what: &str,
        written: kube::Result<DynamicObject>,
    ) -> Result<Vec<Sighting>, Failure> {
        match written {
            Ok(object) => {
                // The last finalizer of a deleted object takes the object along.
                let ended = object.metadata.deletion_timestamp.is_some()
                    && object.metadata.finalizers.as_ref().is_none_or(Vec::is_empty);
                Ok(vec![if ended {
                    Sighting::Gone(Kind::Configs, config.to_owned())
                } else {
                    Sighting::There(config.to_owned(), Box::new(Object::Config(object)))
                }])
            }
            Err(error) if is_gone(&error) => {
                Ok(vec![Sighting::Gone(Kind::Configs, config.to_owned())])
            }
            Err(error) => Err(refused(what, config, &error)),
        }
    }

    async fn finalizers(
        &self,
        config: &str,
        finalizers: Vec<String>,
        world: &World,
    ) -> Result<Vec<Sighting>, Failure> {
        // Others may write finalizers at the same time: only onto what was seen.
        let version =
            world.configs.get(config).and_then(|object| object.metadata.resource_version.clone());
        let patch = json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}});
        let written = self
            .configs(config)
            .patch(split(config).1, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        self.config(config, "write the finalizers of PeerPodConfig", written)
    }

    fn owned(&self, kind: Kind) -> Option<Api<DynamicObject>> {
        let resource = match kind {
            Kind::DaemonSets => ApiResource::erase::<DaemonSet>(&()),
            Kind::Deployments => ApiResource::erase::<Deployment>(&()),
            Kind::Services => ApiResource::erase::<Service>(&()),
            Kind::Secrets => ApiResource::erase::<Secret>(&()),
            Kind::Registrations => {
                let resource = ApiResource::erase::<MutatingWebhookConfiguration>(&());
                return Some(Api::all_with(self.client.clone(), &resource));
            }
            _ => return None,
        };
        Some(Api::namespaced_with(self.client.clone(), &self.options.namespace, &resource))
    }

    async fn apply(&self, kind: Kind, manifest: Value) -> Result<Vec<Sighting>, Failure> {
        let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
        let what = format!("apply {}", manifest["kind"].as_str().unwrap_or_default());
        let Some(api) = self.owned(kind) else { return Ok(Vec::new()) };
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        match api.patch(name, &parameters, &Patch::Apply(&manifest)).await {
            Ok(object) => Ok(vec![Sighting::Applied(kind, manifest, Box::new(object))]),
            Err(error) => Err(refused(&what, name, &error)),
        }
    }

    async fn delete(&self, kind: Kind, name: &str, uid: String) -> Result<Vec<Sighting>, Failure> {
        let Some(api) = self.owned(kind) else { return Ok(Vec::new()) };
        let key = match kind {
            Kind::Registrations => name.to_owned(),
            _ => format!("{}/{name}", self.options.namespace),
        };
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { uid: Some(uid), resource_version: None }),
            ..DeleteParams::background()
        };
        match api.delete(name, &parameters).await {
            Ok(answer) => Ok(
                match answer.left().filter(|left| {
                    left.metadata.finalizers.as_ref().is_some_and(|list| !list.is_empty())
                }) {
                    // Its watch tells when it goes.
                    Some(_) if kind == Kind::Secrets => Vec::new(),
                    Some(left) => {
                        vec![Sighting::There(key, Box::new(Object::Owned(kind, left)))]
                    }
                    None => vec![Sighting::Gone(kind, key)],
                },
            ),
            Err(error) if is_gone(&error) => Ok(vec![Sighting::Gone(kind, key)]),
            Err(error) => Err(refused("delete", name, &error)),
        }
    }

    async fn certificates(&self, step: Step, world: &World) -> Result<Vec<Sighting>, Failure> {
        let (stored, _) = world.stored_certificates();
        let before = stored.clone();
        let lifetimes = self.options.lifetimes;
        let stored = take(step, stored, &self.names, Timestamp::now(), lifetimes)
            .map_err(|error| fail("make", "a certificate of the webhook", &error))?;
        let mut seen = Vec::new();
        if stored.authorities() != before.authorities() {
            seen.extend(self.store(AUTHORITIES, "Opaque", stored.authorities()).await?);
        }
        if stored.serving != before.serving {
            seen.extend(self.store(SECRET, "kubernetes.io/tls", stored.serving()).await?);
        }
        Ok(seen)
    }

    async fn store(
        &self,
        name: &str,
        kind: &str,
        data: std::collections::BTreeMap<String, Vec<u8>>,
    ) -> Result<Vec<Sighting>, Failure> {
        let namespace = &self.options.namespace;
        let manifest = secret(name, namespace, kind, &data);
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        match secrets.patch(name, &parameters, &Patch::Apply(manifest)).await {
            Ok(object) => {
                let settings = SettingsRecord::of_secret(&object);
                let object = Object::Secret(settings, Some(CertificateRecord::of(object)));
                Ok(vec![Sighting::There(format!("{namespace}/{name}"), Box::new(object))])
            }
            Err(error) => Err(refused("write Secret", name, &error)),
        }
    }
}

/// Takes a key out of capacity, and out of allocatable, if they still are what was seen.
fn removal(resource: &str, value: &str, allocatable: Option<&str>) -> Value {
    let pointer = escaped(resource);
    let mut patch = Vec::new();
    let lists = [("capacity", Some(value)), ("allocatable", allocatable)];
    for (list, value) in lists.into_iter().filter_map(|(list, value)| Some((list, value?))) {
        let path = format!("/status/{list}/{pointer}");
        patch.push(json!({"op": "test", "path": path, "value": value}));
        patch.push(json!({"op": "remove", "path": path}));
    }
    json!(patch)
}

fn finalizers(world: &World, config: &str) -> Vec<String> {
    let object = world.configs.get(config);
    object.and_then(|object| object.metadata.finalizers.clone()).unwrap_or_default()
}

fn split(key: &str) -> (&str, &str) {
    key.split_once('/').unwrap_or(("", key))
}

fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

fn fail(what: &str, object: &str, error: &dyn std::fmt::Display) -> Failure {
    let why = error.to_string().chars().take(ANSWER).collect();
    Failure { what: format!("{what} {object}"), why }
}

/// What the API server said, without the form in which it said it.
fn refused(what: &str, object: &str, error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => {
            fail(what, object, &status.message)
        }
        other => fail(what, object, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_tests_before_it_removes_and_escapes_what_it_names() {
        let patch = removal("a~b/c", "4", Some("3"));
        assert_eq!(
            patch,
            json!([
                {"op": "test", "path": "/status/capacity/a~0b~1c", "value": "4"},
                {"op": "remove", "path": "/status/capacity/a~0b~1c"},
                {"op": "test", "path": "/status/allocatable/a~0b~1c", "value": "3"},
                {"op": "remove", "path": "/status/allocatable/a~0b~1c"},
            ])
        );
        assert_eq!(removal("x", "1", None).as_array().map(Vec::len), Some(2));
    }
}
