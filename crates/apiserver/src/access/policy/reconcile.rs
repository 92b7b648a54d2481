//! What a restart does to default roles and bindings that somebody has changed: what is
//! missing comes back, what was added stays.

use serde_json::{Map, Value, json};

use crate::access::rbac::Rule;
use crate::access::rbac::cover::missing;

/// `false` on an object keeps it as it is.
pub(super) const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// What to do with an object that is there.
#[derive(Debug, PartialEq)]
pub(crate) enum Reconciled {
    /// Nothing.
    Keep,
    /// It becomes this.
    Update(Value),
    /// A binding to another role: it has to be made anew, since that cannot be changed.
    Replace,
}

/// Compares a stored role or binding with what it should have at least.
pub(crate) fn reconcile(stored: &Value, wanted: &Value) -> Reconciled {
    if stored["metadata"]["annotations"][AUTOUPDATE] == "false" {
        return Reconciled::Keep;
    }
    if stored["roleRef"] != wanted["roleRef"] {
        return Reconciled::Replace;
    }
    let mut object = stored.clone();
    for map in ["labels", "annotations"] {
        merge(&mut object["metadata"], map, &wanted["metadata"][map]);
    }
    if wanted["roleRef"].is_null() {
        rules(&mut object, wanted);
    } else {
        add(&mut object, "/subjects", &wanted["subjects"]);
    }
    if object == *stored { Reconciled::Keep } else { Reconciled::Update(object) }
}

/// Adds the keys that are missing.
fn merge(metadata: &mut Value, field: &str, wanted: &Value) {
    let mut merged = wanted.as_object().cloned().unwrap_or_default();
    merged.extend(metadata[field].as_object().cloned().unwrap_or_else(Map::new));
    metadata[field] = Value::Object(merged);
}

fn rules(object: &mut Value, wanted: &Value) {
    let aggregated = |object: &Value| !object["aggregationRule"].is_null();
    if aggregated(object) && aggregated(wanted) {
        let selectors = &wanted["aggregationRule"]["clusterRoleSelectors"];
        add(object, "/aggregationRule/clusterRoleSelectors", selectors);
        return;
    }
    if aggregated(wanted) {
        object["aggregationRule"] = wanted["aggregationRule"].clone();
    }
    let read = |object: &Value| -> Vec<Rule> {
        serde_json::from_value(object["rules"].clone()).unwrap_or_default()
    };
    let mut all = read(object);
    // The default rules are few: they can always be compared.
    let missing = missing(&all, &read(wanted)).unwrap_or_default();
    if !missing.is_empty() {
        all.extend(missing);
        object["rules"] = json!(all);
    }
}

/// Appends the entries of a list that are missing.
fn add(object: &mut Value, pointer: &str, wanted: &Value) {
    let list = object.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let wanted = wanted.as_array().cloned().unwrap_or_default();
    let missing: Vec<Value> = wanted.into_iter().filter(|one| !list.contains(one)).collect();
    if missing.is_empty() {
        return;
    }
    let field = pointer.trim_start_matches('/').split('/');
    let place = field.fold(&mut *object, |at, key| &mut at[key]);
    *place = json!([list, missing].concat());
}
