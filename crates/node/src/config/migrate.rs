//! Files of kubic-init, every key of them: it has an effect here or is rejected with the reason.
//!
//! | key of kubic-init | here |
//! |---|---|
//! | `network.*`, `paths.kubeadm`, `certificates.*`, `etcd.local.*`, `clusterFormation.*`, `runtime.engine`, `auth.OIDC.*`, `manager.image`, `bootstrap.registries` | the same key |
//! | `network.multipleCni: true` | `network.multipleCni: multus` |
//! | `network.bind.address: 0.0.0.0` | left out: it means "find one" in both |
//! | `runtime.engine`, where it is not given | `crio`, which it was |
//! | `features.PSP: true` | rejected: Kubernetes 1.25 removed PodSecurityPolicy |
//! | `features.PSP: false` | left out, with a word about it |
//! | `services.*` | rejected: kubic-init never had such a key |
//!
//! kubic-init read its file with a library that knows `autoApprove` only as `autoapprove`, so what
//! was written as documented was ignored. Both are taken here, in any case.

use serde_json::{Map, Value, json};

use super::check::Finding;
use super::schema;
use super::{API_VERSION, KIND};

/// Kinds of the file over time.
const KINDS: [&str; 2] = ["KubicInitConfiguration", "CaaSInitConfiguration"];

/// Whether a tree is a file of kubic-init: by its kind, or by its group of versions.
pub(super) fn is_kubic(tree: &Value) -> bool {
    let text = |key: &str| tree.get(key).and_then(Value::as_str).unwrap_or_default();
    let group = text("apiVersion").split('/').next().unwrap_or_default();
    KINDS.contains(&text("kind")) || matches!(group, "kubic.suse.com" | "caas.suse.com")
}

/// Turns a file of kubic-init into ours, and says what changes.
pub(super) fn migrate(tree: &mut Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(document) = tree.as_object_mut() else { return findings };
    document.retain(|key, _| !matches!(key.to_ascii_lowercase().as_str(), "apiversion" | "kind"));
    if let Some(services) = take(document, "services") {
        let keys = services.as_object().into_iter().flat_map(Map::keys);
        findings.extend(keys.map(|key| {
            let message =
                "kubic-init never had such a key, and nothing was ever done with it: remove it";
            Finding::error(format!("services.{key}"), message)
        }));
    }
    spell(document, schema::root());
    findings.extend(features(document));
    findings.extend(network(document));
    findings.extend(runtime(document));
    document.insert("apiVersion".to_owned(), json!(API_VERSION));
    document.insert("kind".to_owned(), json!(KIND));
    findings
}

/// Spells keys as the schema does, and drops what has no value: kubic-init's sample has such.
fn spell(members: &mut Map<String, Value>, schema: &Value) {
    let known = schema::keys(schema);
    let before = std::mem::take(members);
    for (key, mut value) in before {
        let spelled = known.iter().find(|known| known.eq_ignore_ascii_case(&key));
        let key = spelled.map_or(key, |known| (*known).to_owned());
        let schema = &schema["properties"][&key];
        match &mut value {
            Value::Null => continue,
            Value::Object(members) => spell(members, schema),
            Value::Array(items) => {
                for item in items.iter_mut().filter_map(Value::as_object_mut) {
                    spell(item, &schema["items"]);
                }
            }
            _ => {}
        }
        members.insert(key, value);
    }
}

fn features(document: &mut Map<String, Value>) -> Option<Finding> {
    let features = document.get_mut("features")?.as_object_mut()?;
    match take(features, "psp")? {
        Value::Bool(false) => Some(Finding::warning(
            "features.PSP",
            "is dropped: Kubernetes has no PodSecurityPolicy since 1.25",
        )),
        _ => Some(Finding::error(
            "features.PSP",
            "Kubernetes has no PodSecurityPolicy since 1.25: remove it, and label namespaces for Pod Security Admission",
        )),
    }
}

fn network(document: &mut Map<String, Value>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(network) = document.get_mut("network").and_then(Value::as_object_mut) else {
        return findings;
    };
    if let Some(Value::Bool(on)) = network.get("multipleCni").cloned() {
        network.insert("multipleCni".to_owned(), json!(if on { "multus" } else { "none" }));
    }
    if let Some(bind) = network.get_mut("bind").and_then(Value::as_object_mut)
        && bind.get("address").is_some_and(|address| address == "0.0.0.0" || address == "::")
    {
        bind.remove("address");
        let message = "is dropped: it is found out, from interface where that is given";
        findings.push(Finding::warning("network.bind.address", message));
    }
    findings
}

/// Its default has changed, and with another runtime the machine would be another one.
fn runtime(document: &mut Map<String, Value>) -> Option<Finding> {
    let runtime = document.entry("runtime").or_insert_with(|| json!({})).as_object_mut()?;
    if runtime.contains_key("engine") {
        return None;
    }
    runtime.insert("engine".to_owned(), json!("crio"));
    let message =
        "is crio, as kubic-init took it where nothing was said: say which one it is to be";
    Some(Finding::warning("runtime.engine", message))
}

/// Takes a member out, whatever the case of its key.
fn take(members: &mut Map<String, Value>, key: &str) -> Option<Value> {
    let found = members.keys().find(|member| member.eq_ignore_ascii_case(key))?.clone();
    members.remove(&found)
}
