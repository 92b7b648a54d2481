//! How fast an autoscaler goes up and down.

use serde_json::{Value, json};

use crate::builtin::workloads::fields::{self, list, number, present};
use crate::builtin::workloads::validation::enumeration;
use crate::field;

const LONGEST_WINDOW: i64 = 3600;
const LONGEST_PERIOD: i64 = 1800;

pub(super) fn default(behavior: &mut Value) {
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    if let Some(up) = fields::object(behavior, "scaleUp") {
        fields::default(up, "stabilizationWindowSeconds", 0);
        fields::default(up, "selectPolicy", "Max");
        fields::default(up, "policies", json!([pods, percent]));
    }
    if let Some(down) = fields::object(behavior, "scaleDown") {
        fields::default(down, "selectPolicy", "Max");
        fields::default(down, "policies", json!([percent]));
    }
}

pub(super) fn validate(behavior: &Value, path: &str, errors: &mut field::Errors) {
    for direction in ["scaleUp", "scaleDown"] {
        if present(behavior, direction) {
            rules(&behavior[direction], &field::child(path, direction), errors);
        }
    }
}

fn rules(of: &Value, path: &str, errors: &mut field::Errors) {
    let name = "stabilizationWindowSeconds";
    let words = match number(of, name) {
        Some(seconds) if seconds < 0 => "must be greater than or equal to zero".to_owned(),
        Some(seconds) if seconds > LONGEST_WINDOW => {
            format!("must be less than or equal to {LONGEST_WINDOW}")
        }
        _ => String::new(),
    };
    if !words.is_empty() {
        errors.push(field::Error::invalid(field::child(path, name), &of[name], words));
    }
    let choices = ["Disabled", "Max", "Min"];
    enumeration::optional(of, "selectPolicy", &choices, path, errors);
    let policies = list(of, "policies");
    let path = field::child(path, "policies");
    if policies.is_empty() {
        errors.push(field::Error::required(&path, "must specify at least one Policy"));
    }
    for (at, policy) in policies.iter().enumerate() {
        let path = field::index(&path, at);
        enumeration::required(policy, "type", &["Percent", "Pods"], &path, errors);
        for name in ["value", "periodSeconds"] {
            let value = number(policy, name).unwrap_or_default();
            let words = if value <= 0 {
                "must be greater than zero".to_owned()
            } else if name == "periodSeconds" && value > LONGEST_PERIOD {
                format!("must be less than or equal to {LONGEST_PERIOD}")
            } else {
                continue;
            };
            let path = field::child(&path, name);
            errors.push(field::Error::invalid(path, &Value::from(value), words));
        }
    }
}
