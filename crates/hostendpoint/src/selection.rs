//! Kubernetes label selectors, checked once and then asked often.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::labels::LabelSource;

/// A label selector that can be evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    DoesNotExist(String),
}

/// What is wrong with a label selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// The operator is none of the four.
    #[error("label selector has unknown operator {operator:?} for key {key:?}")]
    UnknownOperator {
        /// Label key of the expression.
        key: String,
        /// What stands there.
        operator: String,
    },
    /// `In` and `NotIn` need values.
    #[error("label selector has no values for operator {operator} on key {key:?}")]
    NoValues {
        /// Label key of the expression.
        key: String,
        /// `In` or `NotIn`.
        operator: &'static str,
    },
    /// `Exists` and `DoesNotExist` take none.
    #[error("label selector has values for operator {operator} on key {key:?}, which takes none")]
    Values {
        /// Label key of the expression.
        key: String,
        /// `Exists` or `DoesNotExist`.
        operator: &'static str,
    },
}

impl Selection {
    /// Checks a selector. An empty one selects everything.
    pub fn compile(selector: &LabelSelector) -> Result<Self, SelectionError> {
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(Requirement::In(key.clone(), vec![value.clone()]));
        }
        for expression in selector.match_expressions.iter().flatten() {
            let key = expression.key.clone();
            let values = expression.values.clone().unwrap_or_default();
            let (takes_values, operator, requirement) = match expression.operator.as_str() {
                "In" => (true, "In", Requirement::In(key.clone(), values.clone())),
                "NotIn" => (true, "NotIn", Requirement::NotIn(key.clone(), values.clone())),
                "Exists" => (false, "Exists", Requirement::Exists(key.clone())),
                "DoesNotExist" => (false, "DoesNotExist", Requirement::DoesNotExist(key.clone())),
                operator => {
                    return Err(SelectionError::UnknownOperator {
                        key,
                        operator: operator.to_owned(),
                    });
                }
            };
            match (takes_values, values.is_empty()) {
                (true, true) => return Err(SelectionError::NoValues { key, operator }),
                (false, false) => return Err(SelectionError::Values { key, operator }),
                _ => requirements.push(requirement),
            }
        }
        Ok(Self { requirements })
    }

    /// Whether the labels satisfy every requirement. As in Kubernetes,
    /// `NotIn` holds where the label is absent.
    pub fn matches(&self, labels: &impl LabelSource) -> bool {
        self.requirements.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => {
                labels.label(key).is_some_and(|value| values.iter().any(|wanted| wanted == value))
            }
            Requirement::NotIn(key, values) => labels
                .label(key)
                .is_none_or(|value| values.iter().all(|unwanted| unwanted != value)),
            Requirement::Exists(key) => labels.label(key).is_some(),
            Requirement::DoesNotExist(key) => labels.label(key).is_none(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn requirements_follow_kubernetes() {
        let cases = [
            (json!({}), vec![], true),
            (json!({"matchLabels": {"a": "1"}}), vec![("a", "1")], true),
            (json!({"matchLabels": {"a": "1"}}), vec![("a", "2")], false),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}),
                vec![("a", "2")],
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}),
                vec![],
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}),
                vec![("a", "1")],
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]}),
                vec![("a", "")],
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}),
                vec![("a", "")],
                false,
            ),
        ];
        for (selector, pairs, wanted) in cases {
            let selection =
                Selection::compile(&serde_json::from_value(selector.clone()).unwrap()).unwrap();
            assert_eq!(selection.matches(&labels(&pairs)), wanted, "{selector} {pairs:?}");
        }
    }

    #[test]
    fn bad_expressions_name_their_key() {
        for (selector, message) in [
            (
                json!({"matchExpressions": [{"key": "a", "operator": "Like"}]}),
                "unknown operator \"Like\" for key \"a\"",
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
                "no values for operator In on key \"a\"",
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}),
                "has values for operator Exists",
            ),
        ] {
            let error = Selection::compile(&serde_json::from_value(selector).unwrap()).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
