//! How long a pod stays on a node with taints.

use serde_json::Value;

use crate::builtin::part::{list, text};

/// What the `NoExecute` taints of a node mean for a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// It does not mind any of them.
    Forever,
    /// It may stay so many seconds after they came; zero for not at all.
    Seconds(i64),
}

/// How long a pod tolerates the `NoExecute` taints among these, as `processPodOnNode` of the
/// taint manager has it.
pub fn stay(pod: &Value, taints: &[Value]) -> Stay {
    let tolerations = list(pod, "/spec/tolerations");
    let mut shortest = None;
    for taint in taints.iter().filter(|taint| text(taint, "/effect") == "NoExecute") {
        let Some(toleration) = tolerations.iter().find(|it| tolerates(it, taint)) else {
            return Stay::Seconds(0);
        };
        if let Some(seconds) = toleration["tolerationSeconds"].as_i64() {
            shortest = Some(shortest.map_or(seconds, |other: i64| other.min(seconds)));
        }
    }
    shortest.map_or(Stay::Forever, |seconds| Stay::Seconds(seconds.max(0)))
}

fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let fits = |field: &str| {
        let wanted = text(toleration, field);
        wanted.is_empty() || wanted == text(taint, field)
    };
    fits("/effect")
        && fits("/key")
        && match text(toleration, "/operator") {
            "" | "Equal" => text(toleration, "/value") == text(taint, "/value"),
            "Exists" => true,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stay_with(tolerations: Value) -> Stay {
        let taints = [
            json!({ "key": "gone", "effect": "NoExecute" }),
            json!({ "key": "kind", "value": "odd", "effect": "NoExecute" }),
            json!({ "key": "full", "effect": "NoSchedule" }),
        ];
        stay(&json!({ "spec": { "tolerations": tolerations } }), &taints)
    }

    #[test]
    fn every_taint_must_be_tolerated_and_the_shortest_time_counts() {
        let gone = json!({ "key": "gone", "operator": "Exists", "tolerationSeconds": 300 });
        let kind = json!({ "key": "kind", "value": "odd", "effect": "NoExecute" });
        let short = json!({ "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5 });
        assert_eq!(stay_with(Value::Null), Stay::Seconds(0));
        assert_eq!(stay_with(json!([gone])), Stay::Seconds(0));
        assert_eq!(stay_with(json!([gone, kind])), Stay::Seconds(300));
        assert_eq!(stay_with(json!([gone, short])), Stay::Seconds(5));
        assert_eq!(stay_with(json!([{ "operator": "Exists" }])), Stay::Forever);
        assert_eq!(
            stay_with(json!([{ "operator": "Exists", "tolerationSeconds": -1 }])),
            Stay::Seconds(0)
        );
        let other = json!({ "key": "kind", "value": "even" });
        assert_eq!(stay_with(json!([gone, other])), Stay::Seconds(0));
    }

    #[test]
    fn what_only_keeps_others_away_evicts_nobody() {
        let taints = [json!({ "key": "full", "effect": "NoSchedule" })];
        assert_eq!(stay(&json!({ "spec": {} }), &taints), Stay::Forever);
    }
}
