//! Quality-of-service class of a pod.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{entries, list};
use crate::quantity::Quantity;

/// `Guaranteed`, `Burstable` or `BestEffort`, by the cpu and memory that all containers
/// request and are limited to (`qos.GetPodQOS`).
pub fn class(pod: &Value) -> &'static str {
    let mut requests = BTreeMap::new();
    let mut limits = BTreeMap::new();
    let mut guaranteed = true;
    for sort in ["containers", "initContainers"] {
        for container in list(&pod["spec"], sort) {
            let resources = &container["resources"];
            add(resources, "requests", &mut requests);
            let limited = add(resources, "limits", &mut limits);
            guaranteed &= limited == 2;
        }
    }
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if guaranteed && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds up what counts, and tells how many of the two resources were named.
fn add<'a>(resources: &'a Value, list: &str, sums: &mut BTreeMap<&'a str, Quantity>) -> usize {
    let mut found = 0;
    for (name, amount) in entries(resources, list) {
        let Ok(amount) = Quantity::of(amount) else {
            continue;
        };
        let counts = matches!(name.as_str(), "cpu" | "memory");
        if !counts || amount.is_zero() || amount.is_negative() {
            continue;
        }
        found += 1;
        sums.entry(name).and_modify(|sum| *sum = sum.plus(amount)).or_insert(amount);
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::class;

    fn pod(resources: &[Value]) -> Value {
        let containers: Vec<_> = resources.iter().map(|r| json!({"resources": r})).collect();
        json!({"spec": {"containers": containers}})
    }

    #[test]
    fn classes() {
        let full = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}});
        let same = json!({"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}});
        let cpu = json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1"}});
        let device = json!({"requests": {"a.io/d": "1"}, "limits": {"a.io/d": "1"}});
        let zero = json!({"requests": {"cpu": "0"}});
        for (resources, expected) in [
            (vec![json!({})], "BestEffort"),
            (vec![device], "BestEffort"),
            (vec![zero], "BestEffort"),
            (vec![full.clone(), same], "Guaranteed"),
            (vec![full.clone(), json!({})], "Burstable"),
            (vec![cpu], "Burstable"),
        ] {
            assert_eq!(class(&pod(&resources)), expected, "{resources:?}");
        }
    }
}
