//! Calico selectors as Kubernetes label selectors, where that is possible.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::parser::{Expression, Selector};

/// A part of a selector that Kubernetes' label selectors cannot say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} cannot be said in a Kubernetes label selector")]
pub struct Inexpressible {
    /// Which part.
    pub part: &'static str,
}

impl Selector {
    /// The same selection as a Kubernetes label selector.
    pub fn to_label_selector(&self) -> Result<LabelSelector, Inexpressible> {
        let mut labels = BTreeMap::new();
        let mut expressions = Vec::new();
        let mut stack = vec![&self.0];
        while let Some(expression) = stack.pop() {
            match expression {
                Expression::All => {}
                Expression::And(terms) => stack.extend(terms.iter().rev()),
                Expression::Equal(key, value) if !labels.contains_key(key) => {
                    labels.insert(key.clone(), value.clone());
                }
                expression => expressions.push(requirement(expression)?),
            }
        }
        Ok(LabelSelector {
            match_labels: (!labels.is_empty()).then_some(labels),
            match_expressions: (!expressions.is_empty()).then_some(expressions),
        })
    }
}

fn requirement(expression: &Expression) -> Result<LabelSelectorRequirement, Inexpressible> {
    let new = |key: &str, operator: &str, values: &[String]| LabelSelectorRequirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: (!values.is_empty()).then(|| values.to_vec()),
    };
    let impossible = |part| Err(Inexpressible { part });
    Ok(match expression {
        Expression::Has(key) => new(key, "Exists", &[]),
        Expression::Equal(key, value) => new(key, "In", std::slice::from_ref(value)),
        Expression::NotEqual(key, value) => new(key, "NotIn", std::slice::from_ref(value)),
        Expression::In(key, set) if !set.is_empty() => new(key, "In", set),
        Expression::NotIn(key, set) if !set.is_empty() => new(key, "NotIn", set),
        Expression::Not(inner) => match &**inner {
            Expression::Has(key) => new(key, "DoesNotExist", &[]),
            Expression::Equal(key, value) => new(key, "NotIn", std::slice::from_ref(value)),
            Expression::In(key, set) if !set.is_empty() => new(key, "NotIn", set),
            _ => return impossible("a negated condition other than has, == and in"),
        },
        Expression::In(..) | Expression::NotIn(..) => return impossible("an empty set"),
        Expression::Or(_) => return impossible("||"),
        Expression::Contains(..) => return impossible("contains"),
        Expression::StartsWith(..) => return impossible("starts with"),
        Expression::EndsWith(..) => return impossible("ends with"),
        Expression::Global => return impossible("global()"),
        Expression::All | Expression::And(_) => return impossible("a nested conjunction"),
    })
}
