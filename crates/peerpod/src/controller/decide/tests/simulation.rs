//! A cluster that does what is decided, at once and without a server.

use jiff::Timestamp;
use kube::core::DynamicObject;
use kubewright_quantity::Quantity;
use serde_json::{Value, json};

use super::super::{Action, Decision, FINALIZER, decide};
use crate::controller::FIELD_MANAGER;
use crate::controller::sighting::record::{
    CertificateRecord, NodeRecord, PeerPodRecord, PodRecord, SettingsRecord,
};
use crate::controller::sighting::{Kind, Object, Sighting, key};
use crate::controller::world::World;
use crate::objects::webhook::{AUTHORITIES, Address, SECRET};
use crate::options::{Options, WebhookMode};
use crate::webhook::rotation::take;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) struct Cluster {
    pub(super) world: World,
    pub(super) options: Options,
    /// What admission makes of owned objects: another value at a path.
    pub(super) tamper: Option<(&'static str, Value)>,
    address: Option<Address>,
    configs: u32,
}

impl Cluster {
    /// One of which nothing has been seen yet.
    pub(super) fn unseen() -> Self {
        let options = Options { namespace: "ns".to_owned(), ..Options::default() };
        Self { world: World::default(), options, tamper: None, address: None, configs: 0 }
    }

    /// One that has been seen, with these nodes.
    pub(super) fn new(nodes: &[&str]) -> Self {
        let mut cluster = Self::unseen();
        cluster.see_all_but(None);
        for node in nodes {
            cluster.node(node);
        }
        cluster
    }

    /// With a webhook in a Deployment.
    pub(super) fn deployed(&mut self) {
        self.options.webhook = WebhookMode::Deployed { image: "kubewright".to_owned() };
        self.address = Some(Address::Service { namespace: "ns".to_owned() });
    }

    pub(super) fn see_all_but(&mut self, missing: Option<Kind>) {
        for kind in Kind::NEEDED.into_iter().filter(|kind| Some(*kind) != missing) {
            self.world.take(Sighting::ListEnds(kind));
        }
    }

    fn see(&mut self, key: &str, object: Object) {
        self.world.take(Sighting::There(key.to_owned(), Box::new(object)));
    }

    pub(super) fn node(&mut self, name: &str) {
        self.put_node(name, |_| {});
    }

    pub(super) fn labelled(&mut self, name: &str, label: &str, value: &str) {
        self.put_node(name, |node| drop(node.labels.insert(label.to_owned(), value.to_owned())));
    }

    /// Makes a node if there is none, and changes it.
    pub(super) fn put_node(&mut self, name: &str, change: impl FnOnce(&mut NodeRecord)) {
        let fresh = || NodeRecord { ready: true, ..NodeRecord::default() };
        let mut node = self.world.nodes.get(name).cloned().unwrap_or_else(fresh);
        change(&mut node);
        self.see(name, Object::Node(node));
    }

    /// What the API server would send after a change of spec and status.
    pub(super) fn patch_node(&mut self, name: &str, change: &Value) {
        let pruned = serde_json::from_value(change.clone()).unwrap();
        let seen = NodeRecord::of(pruned, &self.options.resource);
        let ready = change["status"]["conditions"].is_null();
        self.put_node(name, |node| {
            node.unschedulable = seen.unschedulable;
            node.taints = seen.taints;
            node.ready = ready || seen.ready;
            node.ready_since = seen.ready_since;
        });
    }

    /// Configs are made a second after each other, and deploy nothing unless they say so.
    pub(super) fn config(&mut self, name: &str, mut spec: Value) {
        for part in ["adaptor", "webhook"] {
            if spec.get(part).is_none() {
                spec[part] = json!({"enabled": false});
            }
        }
        self.configs += 1;
        let object = json!({
            "apiVersion": "confidentialcontainers.org/v1alpha1", "kind": "PeerPodConfig",
            "metadata": {
                "name": name, "namespace": "ns", "uid": format!("uid-{name}"), "generation": 1,
                "creationTimestamp": at(i64::from(self.configs)).to_string(),
            },
            "spec": spec,
        });
        let object = serde_json::from_value(object).unwrap();
        self.see(&format!("ns/{name}"), Object::Config(object));
    }

    fn edit(&mut self, key: &str, edit: impl FnOnce(&mut DynamicObject)) {
        let mut object = self.world.configs[key].clone();
        edit(&mut object);
        self.see(key, Object::Config(object));
    }

    pub(super) fn change(&mut self, name: &str, mut spec: Value) {
        self.edit(&format!("ns/{name}"), |object| {
            for part in ["adaptor", "webhook"] {
                if spec.get(part).is_none() {
                    spec[part] = object.data["spec"][part].clone();
                }
            }
            object.data["spec"] = spec;
        });
    }

    pub(super) fn delete(&mut self, name: &str, now: Timestamp) {
        let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now);
        let key = format!("ns/{name}");
        if self.world.configs[&key].metadata.finalizers.is_none() {
            return self.forget(name);
        }
        self.edit(&key, |object| object.metadata.deletion_timestamp = Some(time));
    }

    /// As if its finalizer had been removed by hand.
    pub(super) fn forget(&mut self, name: &str) {
        self.world.take(Sighting::Gone(Kind::Configs, format!("ns/{name}")));
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.world.configs.contains_key(&format!("ns/{name}"))
    }

    pub(super) fn peer_pod(&mut self, name: &str, node: &str, seats: u64) {
        let record = PodRecord { node: Some(node.to_owned()), seats, admitted: true };
        self.see(&format!("ns/{name}"), Object::Pod(record));
    }

    pub(super) fn gone(&mut self, pod: &str) {
        self.world.take(Sighting::Gone(Kind::Pods, format!("ns/{pod}")));
    }

    pub(super) fn upstream(&mut self, name: &str, metadata: &Value) {
        let mut object = json!({"metadata": metadata});
        object["metadata"]["name"] = json!(name);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        self.see(&format!("ns/{name}"), Object::PeerPod(PeerPodRecord::of(&object)));
    }

    pub(super) fn seats(&self, node: &str) -> Option<u64> {
        self.world.nodes[node].seats()
    }

    fn the(&self, kind: Kind) -> DynamicObject {
        let mut all = self.world.owned.iter().filter(|((of, _), _)| *of == kind);
        all.next().unwrap().1.clone()
    }

    pub(super) fn owned(&self, kind: Kind) -> Value {
        serde_json::to_value(self.the(kind)).unwrap()
    }

    /// The config that owns it.
    pub(super) fn owner(&self, kind: Kind) -> String {
        self.the(kind).metadata.owner_references.unwrap()[0].name.clone()
    }

    /// Somebody changes an owned object.
    pub(super) fn drift(&mut self, kind: Kind, path: &str, value: Value) {
        let mut object = self.the(kind);
        *object.data.pointer_mut(path).unwrap() = value;
        let key = key(&object);
        self.see(&key, Object::Owned(kind, object));
    }

    /// Status and reason of a condition.
    pub(super) fn condition(&self, name: &str, kind: &str) -> String {
        let conditions = &self.world.configs[&format!("ns/{name}")].data["status"]["conditions"];
        let all = conditions.as_array().unwrap();
        let found = all.iter().find(|one| one["type"] == kind).unwrap();
        let text = |field: &str| found[field].as_str().unwrap().to_owned();
        format!("{} {}", text("status"), text("reason"))
    }

    pub(super) fn decide(&self, now: Timestamp) -> Decision {
        decide(&self.world, &self.options, self.address.as_ref(), now)
    }

    /// Does what is decided until nothing is; what it was. As the engine does, it says what came
    /// of the writes after them.
    pub(super) fn settle(&mut self, now: Timestamp) -> Vec<String> {
        let mut log = Vec::new();
        for _ in 0..40 {
            let decision = self.decide(now);
            self.world.obstacles = decision.obstacles;
            let (says, writes): (Vec<_>, Vec<_>) = decision
                .actions
                .into_iter()
                .partition(|action| matches!(action, Action::Status { .. }));
            let all = if writes.is_empty() { says } else { writes };
            if all.is_empty() {
                return log;
            }
            for action in all {
                log.push(self.carry_out(action, now));
            }
        }
        panic!("it does not come to rest: {log:#?}");
    }

    fn carry_out(&mut self, action: Action, now: Timestamp) -> String {
        match action {
            Action::AddFinalizer { config } => {
                let held = Some(vec![FINALIZER.to_owned()]);
                self.edit(&config, |object| object.metadata.finalizers = held);
                format!("hold {config}")
            }
            Action::RemoveFinalizer { config } => {
                assert!(self.world.configs[&config].metadata.deletion_timestamp.is_some());
                self.world.take(Sighting::Gone(Kind::Configs, config.clone()));
                format!("release {config}")
            }
            Action::SetCapacity { node, manager, seats, allocatable } => {
                let text = Quantity::whole(i64::try_from(seats).unwrap()).to_string();
                let line = format!("{node} = {seats}");
                self.put_node(&node, |node| {
                    if node.capacity.as_ref() != Some(&text) {
                        node.managers.clear();
                    }
                    if !node.managers.contains(&manager) {
                        node.managers.push(manager);
                    }
                    node.owns_allocatable = allocatable;
                    if allocatable {
                        node.allocatable = Some(text.clone());
                    }
                    node.capacity = Some(text);
                });
                line
            }
            Action::RemoveCapacity { node, value, allocatable } => {
                assert_eq!(self.world.nodes[&node].capacity.as_ref(), Some(&value));
                let line = format!("{node} removed");
                self.put_node(&node, |node| {
                    node.capacity = None;
                    node.managers.clear();
                    node.owns_allocatable = false;
                    if allocatable.is_some() {
                        node.allocatable = None;
                    }
                });
                line
            }
            Action::Apply { kind, manifest } => {
                let mut stored = manifest.clone();
                stored["metadata"]["uid"] = json!(format!("uid-{kind:?}"));
                stored["metadata"]["managedFields"] = json!([{"manager": FIELD_MANAGER}]);
                if let Some((path, value)) = &self.tamper
                    && let Some(there) = stored.pointer_mut(path)
                {
                    *there = value.clone();
                }
                let object: Box<DynamicObject> = serde_json::from_value(stored).unwrap();
                self.world.take(Sighting::Applied(kind, manifest, object));
                format!("apply {kind:?}")
            }
            Action::Delete { kind: Kind::Secrets, name, uid } => {
                assert_eq!(self.world.certificate(&name).unwrap().uid, uid);
                self.world.take(Sighting::Gone(Kind::Secrets, format!("ns/{name}")));
                format!("delete Secrets {name}")
            }
            Action::Delete { kind, uid, .. } => {
                let object = self.the(kind);
                assert_eq!(object.metadata.uid.as_ref(), Some(&uid));
                self.world.take(Sighting::Gone(kind, key(&object)));
                format!("delete {kind:?}")
            }
            Action::Certificates(step) => {
                let names = self.address.as_ref().unwrap().names();
                let stored = self.world.stored_certificates().0;
                let stored = take(step, stored, &names, now, self.options.lifetimes).unwrap();
                for (name, data) in
                    [(AUTHORITIES, stored.authorities()), (SECRET, stored.serving())]
                {
                    let record = SettingsRecord::default();
                    let uid = format!("uid-{name}");
                    let stored = CertificateRecord { uid, ours: true, going: false, data };
                    self.see(&format!("ns/{name}"), Object::Secret(record, Some(stored)));
                }
                format!("certificates {step:?}")
            }
            Action::Status { config, status } => {
                let status = serde_json::to_value(status).unwrap();
                self.edit(&config, |object| object.data["status"] = status);
                format!("say {config}")
            }
        }
    }
}
