//! The selector of nodes, in its three spellings.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{ParseExpressionError, Selector, SelectorExt};
use serde_json::{Map, Value};

/// Which nodes a config is for.
#[derive(Clone, Debug)]
pub struct NodeSelector {
    written: LabelSelector,
    compiled: Selector,
}

/// Why a selector selects nothing.
#[derive(Debug, thiserror::Error)]
pub enum SelectorError {
    /// Both are given.
    #[error("labelSelector and nodeSelector exclude each other; nodeSelector is the older name")]
    Both,
    /// `nodeSelector` is neither a label selector nor a map of labels.
    #[error(
        "nodeSelector is neither a label selector (matchLabels, matchExpressions) nor a map of labels: {problem}"
    )]
    Shape {
        /// What is wrong with it.
        problem: String,
    },
    /// An expression with values where there are none, or without them.
    #[error(
        "the node selector says {operator} of label {key:?}, which {}",
        if *given { "takes no values" } else { "needs values" }
    )]
    Values {
        /// The label.
        key: String,
        /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
        operator: String,
        /// Whether there are values.
        given: bool,
    },
    /// An expression that Kubernetes does not know.
    #[error("the node selector has an expression that cannot be read")]
    Expression(#[source] ParseExpressionError),
}

impl NodeSelector {
    /// Reads `labelSelector` and `nodeSelector`; without both, all nodes are selected.
    pub(super) fn of(
        current: Option<&LabelSelector>,
        older: Option<&Map<String, Value>>,
    ) -> Result<Self, SelectorError> {
        let selector = match (current, older) {
            (Some(_), Some(_)) => return Err(SelectorError::Both),
            (Some(selector), None) => selector.clone(),
            (None, Some(older)) => from_older(older)?,
            (None, None) => LabelSelector::default(),
        };
        Self::compile(selector)
    }

    /// # Errors
    /// [`SelectorError::Expression`] and [`SelectorError::Values`].
    pub fn compile(selector: LabelSelector) -> Result<Self, SelectorError> {
        for expression in selector.match_expressions.iter().flatten() {
            let given = expression.values.as_ref().is_some_and(|values| !values.is_empty());
            let (key, operator) = (expression.key.clone(), expression.operator.clone());
            // Without values NotIn would be for all nodes.
            match operator.as_str() {
                "In" | "NotIn" if given => {}
                "Exists" | "DoesNotExist" if !given => {}
                "In" | "NotIn" | "Exists" | "DoesNotExist" => {
                    return Err(SelectorError::Values { key, operator, given });
                }
                _ => {}
            }
        }
        let compiled = selector.clone().try_into().map_err(SelectorError::Expression)?;
        Ok(Self { written: selector, compiled })
    }

    /// Whether a node with these labels is selected.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.compiled.matches(labels)
    }

    /// As a label selector, whatever its spelling was.
    pub fn as_label_selector(&self) -> &LabelSelector {
        &self.written
    }
}

fn from_older(older: &Map<String, Value>) -> Result<LabelSelector, SelectorError> {
    let value = Value::Object(older.clone());
    let shape = |error: serde_json::Error| SelectorError::Shape { problem: error.to_string() };
    // A label named matchLabels would have a text as its value.
    if older.values().all(Value::is_string) {
        let match_labels = serde_json::from_value(value).map_err(shape)?;
        return Ok(LabelSelector { match_labels: Some(match_labels), match_expressions: None });
    }
    if let Some(field) =
        older.keys().find(|key| *key != "matchLabels" && *key != "matchExpressions")
    {
        return Err(SelectorError::Shape { problem: format!("it has a field {field:?}") });
    }
    serde_json::from_value(value).map_err(shape)
}
