//! A cluster of plain values: enough of server-side apply to carry a plan out
//! and look at the result.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    api::{CalicoGroup, FIELD_MANAGER},
    observed::{Kind, Limits, Observed},
    plan::{Action, plan},
    preflight::Preflight,
};

pub(super) struct Cluster {
    pub(super) observed: Observed,
    pub(super) endpoints: BTreeMap<String, Value>,
    pub(super) nodes: BTreeSet<String>,
    pub(super) now: Timestamp,
    version: u64,
}

impl Cluster {
    /// Everything is listed and empty, no policy is there.
    pub(super) fn new() -> Self {
        let mut cluster = Self::unlisted();
        for kind in [Kind::Nodes, Kind::Templates, Kind::Endpoints, Kind::Policies] {
            cluster.observed.list_ends(kind);
        }
        cluster
    }

    /// Nothing is listed.
    pub(super) fn unlisted() -> Self {
        Self {
            observed: Observed::new(CalicoGroup::CrdV1, Limits::default(), Preflight::new(6443)),
            endpoints: BTreeMap::new(),
            nodes: BTreeSet::new(),
            now: Timestamp::UNIX_EPOCH,
            version: 0,
        }
    }

    pub(super) fn node(&mut self, name: &str, labels: &[(&str, &str)]) -> &mut Self {
        let labels: Map<String, Value> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        self.node_object(json!({"metadata": {"name": name, "labels": labels}}))
    }

    pub(super) fn node_object(&mut self, node: Value) -> &mut Self {
        self.nodes.insert(node["metadata"]["name"].as_str().unwrap().to_owned());
        self.observed.apply_node(&serde_json::from_value(node).unwrap());
        self
    }

    /// A node as the defaults select it.
    pub(super) fn worker(&mut self, name: &str) -> &mut Self {
        self.node(name, &[("node.kubernetes.io/node", "")])
    }

    pub(super) fn remove_node(&mut self, name: &str) -> &mut Self {
        self.nodes.remove(name);
        self.observed.remove(Kind::Nodes, name);
        self
    }

    pub(super) fn template(&mut self, name: &str, spec: Value) -> &mut Self {
        self.template_object(json!({"metadata": {"name": name}, "spec": spec}))
    }

    pub(super) fn template_object(&mut self, mut template: Value) -> &mut Self {
        template["apiVersion"] = json!("kubewright.io/v1alpha1");
        template["kind"] = json!("HostEndpointTemplate");
        self.observed.apply_template(&serde_json::from_value(template).unwrap());
        self
    }

    pub(super) fn defaults(&mut self) -> &mut Self {
        for template in crate::defaults::Defaults::default().templates() {
            self.observed.apply_template(&template);
        }
        self
    }

    /// An endpoint that somebody wrote.
    pub(super) fn endpoint(&mut self, object: Value) -> &mut Self {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        self.store(name, object);
        self
    }

    pub(super) fn change_endpoint(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> &mut Self {
        let mut object = self.endpoints[name].clone();
        change(&mut object);
        self.store(name.to_owned(), object);
        self
    }

    fn store(&mut self, name: String, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        }
        self.observed.apply_endpoint(&serde_json::from_value(object.clone()).unwrap());
        self.endpoints.insert(name, object);
    }

    pub(super) fn wait(&mut self, seconds: i64) -> &mut Self {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        self
    }

    pub(super) fn plan(&mut self) -> Vec<Action> {
        self.observed.settle(self.now);
        plan(&self.observed, self.now)
    }

    /// Plans and carries out until nothing is left to do.
    pub(super) fn run(&mut self) -> &mut Self {
        for _ in 0..4 {
            let actions = self.plan();
            if actions.iter().all(|action| matches!(action, Action::HoldDeletions { .. })) {
                return self;
            }
            for action in actions {
                self.execute(action);
            }
        }
        panic!("still something to do: {:?}", self.plan());
    }

    fn execute(&mut self, action: Action) {
        match action {
            Action::Apply { wanted, .. } => {
                let existing = self.observed.endpoint(&wanted.name);
                let manifest = wanted.manifest(CalicoGroup::CrdV1, existing).to_value();
                let merged = apply(self.endpoints.get(&wanted.name), manifest);
                self.store(wanted.name.clone(), merged);
            }
            Action::ConfirmAbsence { node } => {
                if self.nodes.contains(&*node) {
                    self.observed.deny_absence(&node, self.now);
                } else {
                    self.observed.confirm_absence(&node);
                }
            }
            Action::Delete { name, uid, .. } => {
                let object = self.endpoints.remove(&*name).unwrap();
                assert_eq!(object["metadata"]["uid"], json!(uid));
                self.observed.remove(Kind::Endpoints, &name);
            }
            Action::HoldDeletions { .. } => {}
        }
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.endpoints.keys().map(String::as_str).collect()
    }

    /// What a restart of the controller does: everything is seen anew.
    pub(super) fn restart(
        &mut self,
        templates: impl FnOnce(&mut Self),
        nodes: impl FnOnce(&mut Self),
    ) {
        let limits = self.observed.limits;
        self.observed = Observed::new(CalicoGroup::CrdV1, limits, Preflight::new(6443));
        self.nodes.clear();
        templates(self);
        nodes(self);
        for object in self.endpoints.clone().into_values() {
            self.observed.apply_endpoint(&serde_json::from_value(object).unwrap());
        }
        for kind in [Kind::Nodes, Kind::Templates, Kind::Endpoints, Kind::Policies] {
            self.observed.list_ends(kind);
        }
    }
}

/// Forced server-side apply by our manager: what it owned and no longer names
/// goes, what it names is set.
fn apply(existing: Option<&Value>, manifest: Value) -> Value {
    let mut object = existing.cloned().unwrap_or_else(|| json!({"metadata": {}}));
    let old = object["metadata"]["managedFields"][0]["fieldsV1"].clone();
    for (owner, path) in [("f:labels", "labels"), ("f:annotations", "annotations")] {
        for key in old["f:metadata"][owner].as_object().into_iter().flat_map(Map::keys) {
            if let Some(map) = object["metadata"][path].as_object_mut() {
                map.remove(key.trim_start_matches("f:"));
            }
        }
    }
    for key in old["f:spec"].as_object().into_iter().flat_map(Map::keys) {
        object["spec"].as_object_mut().unwrap().remove(key.trim_start_matches("f:"));
    }
    let mut fields = json!({});
    let metadata = &manifest["metadata"];
    for path in ["labels", "annotations"] {
        for (key, value) in metadata[path].as_object().into_iter().flatten() {
            object["metadata"][path][key] = value.clone();
            fields["f:metadata"][format!("f:{path}")][format!("f:{key}")] = json!({});
        }
    }
    for (key, value) in manifest["spec"].as_object().unwrap() {
        object["spec"][key] = value.clone();
        fields["f:spec"][format!("f:{key}")] = json!({});
    }
    object["metadata"]["name"] = metadata["name"].clone();
    object["metadata"]["managedFields"] = json!([
        {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields}
    ]);
    object
}
