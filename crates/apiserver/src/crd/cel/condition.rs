//! Conditions on requests, as `matchConditions` of webhooks have them: expressions over
//! variables whose types nobody knows, and over what the caller may do.

use kube_cel::cel::Value as Cel;
use kube_cel::cel::parser::Expression;
use serde_json::Value;

use super::authorizer::{self, Asker};
use super::{check, depth, evaluate, value, with_functions};

/// An expression that is true or false.
#[derive(Debug)]
pub(crate) struct Condition {
    expression: Expression,
}

impl Condition {
    /// Reads an expression over these variables and `authorizer`.
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
    pub(crate) fn holds(
        &self,
        variables: &[(&str, &Value)],
        asker: &Asker,
    ) -> Result<bool, String> {
        with_functions(|context| {
            depth::with_stack(|| {
                let mut scope = context.new_inner_scope();
                for (name, value) in variables {
                    scope.add_variable_from_value(*name, value::of(value, None, false));
                }
                scope.add_variable_from_value(authorizer::VARIABLE, asker.value());
                match evaluate(&self.expression, &scope)? {
                    Cel::Bool(holds) => Ok(holds),
                    _ => Err("must evaluate to bool".to_owned()),
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use serde_json::json;

    use super::super::Requested;
    use super::*;
    use crate::access::{Authorizer, Identity};
    use crate::store::Store;

    fn asker(identity: Identity) -> Asker {
        Asker {
            authorizer: Arc::new(Authorizer::new(&Store::in_memory(16))),
            identity: Arc::new(identity),
            requested: Requested { resource: "pods".to_owned(), ..Requested::default() },
        }
    }

    #[test]
    fn conditions_see_what_is_there() {
        let object = json!({ "metadata": { "name": "a", "labels": { "x.y/z": "1" } } });
        let holds = |source: &str| {
            let condition = Condition::compile(source, &["object", "oldObject"]).unwrap();
            let variables = [("object", &object), ("oldObject", &Value::Null)];
            condition.holds(&variables, &asker(Identity::default()))
        };
        assert_eq!(holds("object.metadata.name.startsWith('a')"), Ok(true));
        assert_eq!(holds("object.metadata.labels['x.y/z'] == '2'"), Ok(false));
        assert_eq!(holds("oldObject == null && has(object.metadata)"), Ok(true));
        assert_eq!(holds("!(oldObject != null || 'b' in object.metadata.labels)"), Ok(true));
        assert!(holds("object.spec.replicas > 1").is_err());
    }

    #[test]
    fn conditions_ask_what_the_caller_may() {
        let holds = |source: &str, identity: Identity| {
            Condition::compile(source, &[]).unwrap().holds(&[], &asker(identity))
        };
        let nobody = || Identity::new("jane", []);
        for source in [
            "authorizer.group('apps').resource('deployments').check('create').allowed()",
            "authorizer.group('').resource('pods').subresource('status').namespace('a').name('b').check('get').allowed()",
            "authorizer.requestResource.check('get').allowed()",
            "authorizer.path('/metrics').check('get').allowed()",
        ] {
            assert_eq!(holds(source, Identity::admin()), Ok(true), "{source}");
            assert_eq!(holds(source, nobody()), Ok(false), "{source}");
        }
        let other = "!authorizer.serviceAccount('a', 'b').requestResource.check('get').allowed()";
        assert_eq!(holds(other, Identity::admin()), Ok(true), "another is asked about");
        let reason = "authorizer.requestResource.check('get').reason() == '' && !authorizer.requestResource.check('get').errored()";
        assert_eq!(holds(reason, nobody()), Ok(true));
    }

    #[test]
    fn questions_that_lead_nowhere_are_refused() {
        for source in [
            "authorizer.allowed()",
            "authorizer.group('').check('get').allowed()",
            "authorizer.resource('pods').check('get').allowed()",
            "authorizer.other",
            "authorizer.path(1).check('get').allowed()",
            "authorizer.requestResource.check('get')",
            "authorizer == 1",
        ] {
            assert!(Condition::compile(source, &[]).is_err(), "{source:?}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for source in ["object.(", "other.name == 'a'", "'text'", "1 + 1", "object.flag", ""] {
            assert!(Condition::compile(source, &["object"]).is_err(), "{source:?}");
        }
    }
}
