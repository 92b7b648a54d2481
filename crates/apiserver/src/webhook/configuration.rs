//! Webhook configurations, read for use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::client::{Client, Key};
use crate::builtin::workloads::selector::Selector;
use crate::crd::cel::Condition;
use crate::store::{ResourceKey, Store};

/// Variables of `matchConditions`.
pub(crate) const VARIABLES: [&str; 3] = ["object", "oldObject", "request"];

/// One webhook of a configuration.
#[derive(Debug)]
pub(super) struct Hook {
    pub(super) name: String,
    pub(super) rules: Vec<Rule>,
    /// Also requests for the same objects in another version.
    pub(super) equivalent: bool,
    /// `None` cannot be read, which only an object can be that passed no validation.
    pub(super) namespaces: Option<Selector>,
    pub(super) objects: Option<Selector>,
    pub(super) conditions: Vec<Result<Condition, String>>,
    /// Requests fail where the webhook cannot be called (`failurePolicy: Fail`).
    pub(super) required: bool,
    /// Called again when others changed the object after it.
    pub(super) reinvoked: bool,
    /// May be called for dry runs.
    pub(super) dry_runs: bool,
    pub(super) timeout: Duration,
    /// The first of its `admissionReviewVersions` that is known here.
    pub(super) review_version: Option<&'static str>,
    pub(super) client: Result<Arc<Client>, String>,
}

/// Which requests a webhook wants to see.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) operations: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) versions: Vec<String>,
    /// `pods`, `pods/status`, `*`, `*/scale`.
    pub(super) resources: Vec<String>,
    /// `Namespaced`, `Cluster` or `*`.
    pub(super) scope: String,
}

/// The webhooks of all configurations of one kind, always those of the latest write.
pub(super) struct Configurations {
    resource: ResourceKey,
    changes: watch::Receiver<u64>,
    read: Mutex<Read>,
}

struct Read {
    version: Option<u64>,
    hooks: Arc<[Hook]>,
    clients: HashMap<Key, Arc<Client>>,
}

impl Configurations {
    /// `plural` is that of the configurations' kind.
    pub(super) fn new(store: &Store, plural: &str) -> Self {
        let resource = ResourceKey::new("admissionregistration.k8s.io", plural);
        let changes = store.subscribe(&resource);
        let read = Read { version: None, hooks: Arc::new([]), clients: HashMap::new() };
        Self { resource, changes, read: Mutex::new(read) }
    }

    /// The webhooks, by name of their configuration and then in its order.
    pub(super) fn hooks(&self, store: &Store) -> Arc<[Hook]> {
        let version = *self.changes.borrow();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.version != Some(version) {
            let old = std::mem::take(&mut read.clients);
            let mut clients = HashMap::new();
            let stored = store.list(&self.resource, None).objects;
            let configurations = stored.iter().map(|object| object.value());
            let hooks = configurations.flat_map(|configuration| {
                let hooks = items(&configuration, "webhooks").iter();
                hooks.map(|hook| Hook::read(hook, &old, &mut clients)).collect::<Vec<_>>()
            });
            read.hooks = hooks.collect();
            read.clients = clients;
            read.version = Some(version);
        }
        read.hooks.clone()
    }
}

impl Hook {
    /// Connections of clients that are still asked for are kept.
    fn read(
        hook: &Value,
        old: &HashMap<Key, Arc<Client>>,
        clients: &mut HashMap<Key, Arc<Client>>,
    ) -> Self {
        let config = &hook["clientConfig"];
        let key = Client::key(config);
        let known = clients.get(&key).or_else(|| old.get(&key)).cloned();
        let client = known.map_or_else(|| Client::new(config).map(Arc::new), Ok);
        if let Ok(client) = &client {
            clients.insert(key, client.clone());
        }
        let conditions = items(hook, "matchConditions")
            .iter()
            .map(|condition| Condition::compile(text(condition, "expression"), &VARIABLES));
        let versions = items(hook, "admissionReviewVersions").iter();
        let selector = |name: &str| match &hook[name] {
            Value::Null => Some(Selector::of_map(&Value::Null)),
            selector => Selector::of(selector),
        };
        Self {
            name: text(hook, "name").to_owned(),
            rules: items(hook, "rules").iter().map(Rule::read).collect(),
            equivalent: text(hook, "matchPolicy") != "Exact",
            namespaces: selector("namespaceSelector"),
            objects: selector("objectSelector"),
            conditions: conditions.collect(),
            required: text(hook, "failurePolicy") != "Ignore",
            reinvoked: text(hook, "reinvocationPolicy") == "IfNeeded",
            dry_runs: matches!(text(hook, "sideEffects"), "None" | "NoneOnDryRun"),
            timeout: Duration::from_secs(hook["timeoutSeconds"].as_u64().unwrap_or(10)),
            review_version: versions.filter_map(Value::as_str).find_map(|version| match version {
                "v1" => Some("v1"),
                "v1beta1" => Some("v1beta1"),
                _ => None,
            }),
            client,
        }
    }
}

impl Rule {
    fn read(rule: &Value) -> Self {
        let texts = |name: &str| {
            items(rule, name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let scope = match text(rule, "scope") {
            "" => "*",
            scope => scope,
        };
        Self {
            operations: texts("operations"),
            groups: texts("apiGroups"),
            versions: texts("apiVersions"),
            resources: texts("resources"),
            scope: scope.to_owned(),
        }
    }
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
