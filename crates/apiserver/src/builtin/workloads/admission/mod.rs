//! What the default admission plugins of Kubernetes 1.28 do to a pod.
//!
//! They run after defaulting and before mutating webhooks, which see what they did: on
//! create [`limits::default`], [`service_account`], [`priority`] and [`tolerations`] in
//! this order, on update [`priority`] and [`tolerations`]. [`limits::check`] belongs
//! after the webhooks. Each takes what was observed in the store, and changes the pod
//! or refuses it.

pub mod limits;

use serde_json::{Value, json};

use super::defaults;
use super::fields::{self, list, list_mut, number, present, text};
use crate::error::{Error, GroupName, Result};

/// Where the token of the service account is mounted.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How names of token volumes begin.
const TOKEN_VOLUME: &str = "kube-api-access-";

/// Life time of a projected token; the odd seconds tell that nobody chose it.
const TOKEN_SECONDS: i64 = 3607;

/// How long pods stay on a node that does not answer.
const TOLERATION_SECONDS: i64 = 300;

fn forbidden(pod: &Value, why: impl std::fmt::Display) -> Error {
    let metadata = &pod["metadata"];
    let name = match text(metadata, "name") {
        "" => text(metadata, "generateName"),
        name => name,
    };
    Error::forbidden(&GroupName::new("", "pods"), name, why)
}

/// The name of the service account that a pod asks for; `default` when it does not.
pub fn service_account_name(pod: &Value) -> &str {
    match text(&pod["spec"], "serviceAccountName") {
        "" => "default",
        name => name,
    }
}

/// Gives a new pod its service account: name, pull secrets, and the volume with its token.
///
/// `account` is the ServiceAccount called [`service_account_name`] in `namespace`;
/// `suffix` is made of five random letters and ends the name of the volume.
///
/// # Errors
/// 403 when there is no such account.
pub fn service_account(
    pod: &mut Value,
    account: Option<&Value>,
    namespace: &str,
    suffix: &str,
) -> Result<()> {
    // Mirrors of static pods have no account.
    if present(&pod["metadata"]["annotations"], "kubernetes.io/config.mirror") {
        return Ok(());
    }
    let name = service_account_name(pod).to_owned();
    let Some(account) = account else {
        let why = format!(
            "error looking up service account {namespace}/{name}: serviceaccount {name:?} not found"
        );
        return Err(forbidden(pod, why));
    };
    let Some(spec) = fields::object(pod, "spec") else {
        return Ok(());
    };
    fields::set(spec, "serviceAccountName", name.into());
    defaults::service_account(spec);
    let wanted = |of: &Value| of.get("automountServiceAccountToken").and_then(Value::as_bool);
    if wanted(spec).or(wanted(account)).unwrap_or(true) {
        mount_token(spec, suffix);
    }
    if list(spec, "imagePullSecrets").is_empty() && !list(account, "imagePullSecrets").is_empty() {
        fields::carry(spec, account, "imagePullSecrets");
    }
    Ok(())
}

/// Mounts the token into every container that has nothing mounted there.
fn mount_token(spec: &mut Value, suffix: &str) {
    let existing = list(spec, "volumes")
        .iter()
        .map(|volume| text(volume, "name"))
        .find(|name| name.starts_with(TOKEN_VOLUME))
        .map(str::to_owned);
    let name = existing.clone().unwrap_or_else(|| format!("{TOKEN_VOLUME}{suffix}"));
    let mut mounted = false;
    for sort in ["initContainers", "containers"] {
        for container in list_mut(spec, sort) {
            let mounts = list(container, "volumeMounts");
            if mounts.iter().any(|mount| text(mount, "mountPath") == TOKEN_PATH) {
                continue;
            }
            let mut mounts = mounts.to_vec();
            mounts.push(json!({"name": name, "readOnly": true, "mountPath": TOKEN_PATH}));
            fields::set(container, "volumeMounts", mounts.into());
            mounted = true;
        }
    }
    if mounted && existing.is_none() {
        let mut volumes = list(spec, "volumes").to_vec();
        volumes.push(token_volume(&name));
        fields::set(spec, "volumes", volumes.into());
    }
}

/// The token, the cluster's certificate authority and the namespace.
fn token_volume(name: &str) -> Value {
    json!({"name": name, "projected": {"defaultMode": 0o644, "sources": [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {
            "name": "kube-root-ca.crt",
            "items": [{"key": "ca.crt", "path": "ca.crt"}],
        }},
        {"downwardAPI": {"items": [{
            "path": "namespace",
            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
        }]}},
    ]}})
}

/// Lets a pod stay for five minutes on a node that is not ready or cannot be reached,
/// unless it says itself how long. On create and update.
pub fn tolerations(pod: &mut Value) {
    let Some(spec) = fields::object(pod, "spec") else {
        return;
    };
    let mut tolerations = list(spec, "tolerations").to_vec();
    let before = tolerations.len();
    let tolerated = |key: &str| {
        list(spec, "tolerations").iter().any(|toleration| {
            let keys = ["", key].contains(&text(toleration, "key"));
            keys && ["", "NoExecute"].contains(&text(toleration, "effect"))
        })
    };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        if !tolerated(key) {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": TOLERATION_SECONDS,
            }));
        }
    }
    if tolerations.len() > before {
        fields::set(spec, "tolerations", tolerations.into());
    }
}

/// Gives a pod its priority from the PriorityClasses of the cluster; on update, from
/// the `stored` pod.
///
/// # Errors
/// 403 when the class does not exist, or the pod names another value than the class.
pub fn priority(pod: &mut Value, stored: Option<&Value>, classes: &[Value]) -> Result<()> {
    if let Some(stored) = stored {
        if let Some(spec) = fields::object(pod, "spec") {
            for name in ["priority", "preemptionPolicy"] {
                if !present(spec, name) {
                    fields::carry(spec, &stored["spec"], name);
                }
            }
        }
        return Ok(());
    }
    let wanted = text(&pod["spec"], "priorityClassName");
    let class = if wanted.is_empty() {
        global_default(classes)
    } else {
        let class = classes.iter().find(|class| text(&class["metadata"], "name") == wanted);
        if class.is_none() {
            let why = format!("no PriorityClass with name {wanted} was found");
            return Err(forbidden(pod, why));
        }
        class
    };
    let name = class.map_or("", |class| text(&class["metadata"], "name")).to_owned();
    let value = class.and_then(|class| number(class, "value")).unwrap_or_default();
    let policy = match class.map_or("", |class| text(class, "preemptionPolicy")) {
        "" => "PreemptLowerPriority",
        policy => policy,
    }
    .to_owned();
    let spec = &pod["spec"];
    if let Some(given) = number(spec, "priority").filter(|given| *given != value) {
        let why = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name"
        );
        return Err(forbidden(pod, why));
    }
    let given = text(spec, "preemptionPolicy");
    if !given.is_empty() && given != policy {
        let why = format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        );
        return Err(forbidden(pod, why));
    }
    if let Some(spec) = fields::object(pod, "spec") {
        if !name.is_empty() {
            fields::set(spec, "priorityClassName", name.into());
        }
        fields::set(spec, "priority", value.into());
        fields::set(spec, "preemptionPolicy", policy.into());
    }
    Ok(())
}

/// The class of pods that name none: of several, the one with the lowest value.
fn global_default(classes: &[Value]) -> Option<&Value> {
    classes
        .iter()
        .filter(|class| fields::flag(class, "globalDefault"))
        .min_by_key(|class| number(class, "value").unwrap_or_default())
}

#[cfg(test)]
mod tests;
