//! Conditions on requests, as `matchConditions` of webhooks have them: expressions over
//! variables whose types nobody knows.

use kube_cel::cel::Value as Cel;
use kube_cel::cel::parser::Expression;
use serde_json::Value;

use super::{check, depth, value, with_functions};

/// An expression that is true or false.
#[derive(Debug)]
pub(crate) struct Condition {
    expression: Expression,
}

impl Condition {
    /// Reads an expression over these variables.
    ///
    /// # Errors
    /// Why it does not compile.
    pub(crate) fn compile(source: &str, variables: &[&str]) -> Result<Self, String> {
        let expression =
            super::parse(source).map_err(|why| format!("compilation failed: {why}"))?;
        let judged = check::judge_over(&expression, variables)
            .map_err(|why| format!("compilation failed: ERROR: {why}"))?;
        if !matches!(judged.result, check::Type::Bool) {
            return Err("must evaluate to bool".to_owned());
        }
        Ok(Self { expression })
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub(crate) fn holds(&self, variables: &[(&str, &Value)]) -> Result<bool, String> {
        with_functions(|context| {
            depth::with_stack(|| {
                let mut scope = context.new_inner_scope();
                for (name, value) in variables {
                    scope.add_variable_from_value(*name, value::of(value, None, false));
                }
                match Cel::resolve(&self.expression, &scope) {
                    Ok(Cel::Bool(holds)) => Ok(holds),
                    Ok(_) => Err("must evaluate to bool".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_see_what_is_there() {
        let object = json!({ "metadata": { "name": "a", "labels": { "x.y/z": "1" } } });
        let holds = |source: &str| {
            let condition = Condition::compile(source, &["object", "oldObject"]).unwrap();
            condition.holds(&[("object", &object), ("oldObject", &Value::Null)])
        };
        assert_eq!(holds("object.metadata.name.startsWith('a')"), Ok(true));
        assert_eq!(holds("object.metadata.labels['x.y/z'] == '2'"), Ok(false));
        assert_eq!(holds("oldObject == null && has(object.metadata)"), Ok(true));
        assert_eq!(holds("!(oldObject != null || 'b' in object.metadata.labels)"), Ok(true));
        assert!(holds("object.spec.replicas > 1").is_err());
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for source in ["object.(", "other.name == 'a'", "'text'", "1 + 1", "object.flag", ""] {
            assert!(Condition::compile(source, &["object"]).is_err(), "{source:?}");
        }
    }
}
