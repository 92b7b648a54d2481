//! Label selectors of controllers and budgets: whom they match and how they are written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{entries, list, text};

/// A selector that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// `None`: no selector at all, which matches nothing.
    requirements: Option<Vec<Requirement>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads a `metav1.LabelSelector`. `None` when an operator is unknown or lacks values.
    pub fn of(selector: &Value) -> Option<Self> {
        if !selector.is_object() {
            return Some(Self { requirements: None });
        }
        let mut requirements = equalities(entries(selector, "matchLabels"));
        for expression in list(selector, "matchExpressions") {
            let mut values: Vec<_> = list(expression, "values")
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            values.sort();
            let (operator, wants_values) = match text(expression, "operator") {
                "In" => (Operator::In, true),
                "NotIn" => (Operator::NotIn, true),
                "Exists" => (Operator::Exists, false),
                "DoesNotExist" => (Operator::DoesNotExist, false),
                _ => return None,
            };
            if values.is_empty() == wants_values {
                return None;
            }
            requirements.push(Requirement {
                key: text(expression, "key").to_owned(),
                operator,
                values,
            });
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Some(Self { requirements: Some(requirements) })
    }

    /// Reads a plain map of labels, as a ReplicationController has it.
    pub fn of_map(labels: &Value) -> Self {
        let labels = labels.as_object().into_iter().flatten();
        let mut requirements = equalities(labels);
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements: Some(requirements) }
    }

    /// Matches everything: it is there and demands nothing.
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether these labels (a JSON map, or null) fulfil every requirement.
    pub fn matches(&self, labels: &Value) -> bool {
        let Some(requirements) = &self.requirements else {
            return false;
        };
        requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key).and_then(Value::as_str);
            let listed =
                || value.is_some_and(|value| requirement.values.iter().any(|one| one == value));
            match requirement.operator {
                Operator::Equals | Operator::In => listed(),
                Operator::NotIn => !listed(),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

fn equalities<'a>(labels: impl Iterator<Item = (&'a String, &'a Value)>) -> Vec<Requirement> {
    let sorted: BTreeMap<_, _> = labels.collect();
    sorted
        .into_iter()
        .map(|(key, value)| Requirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: vec![value.as_str().unwrap_or_default().to_owned()],
        })
        .collect()
}

/// The text form of the API: `app=d,tier in (a,b),!old`.
impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, requirement) in self.requirements.iter().flatten().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            let Requirement { key, values, .. } = requirement;
            let values = values.join(",");
            match requirement.operator {
                Operator::Equals => write!(f, "{key}={values}")?,
                Operator::In => write!(f, "{key} in ({values})")?,
                Operator::NotIn => write!(f, "{key} notin ({values})")?,
                Operator::Exists => f.write_str(key)?,
                Operator::DoesNotExist => write!(f, "!{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::Selector;

    #[test]
    fn no_selector_matches_nothing_and_an_empty_one_everything() {
        assert!(!Selector::of(&Value::Null).unwrap().matches(&json!({"a": "b"})));
        let all = Selector::of(&json!({})).unwrap();
        assert!(all.is_everything() && all.matches(&Value::Null));
    }

    #[test]
    fn expressions_are_matched_and_written_in_order_of_keys() {
        let selector = Selector::of(&json!({
            "matchLabels": {"z": "1", "b": "2"},
            "matchExpressions": [
                {"key": "t", "operator": "In", "values": ["y", "x"]},
                {"key": "a", "operator": "DoesNotExist"},
                {"key": "n", "operator": "NotIn", "values": ["q"]},
                {"key": "e", "operator": "Exists"},
            ],
        }))
        .unwrap();
        assert_eq!(selector.to_string(), "!a,b=2,e,n notin (q),t in (x,y),z=1");
        let mut labels = json!({"z": "1", "b": "2", "t": "x", "e": ""});
        assert!(selector.matches(&labels));
        labels["n"] = json!("q");
        assert!(!selector.matches(&labels));
    }

    #[test]
    fn an_expression_without_sense_is_no_selector() {
        for operator in ["In", "Near"] {
            let selector = json!({"matchExpressions": [{"key": "a", "operator": operator}]});
            assert!(Selector::of(&selector).is_none(), "{operator}");
        }
    }
}
