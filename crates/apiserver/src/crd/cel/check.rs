//! Types and cost of a rule, judged from the schema alone.
//!
//! The interpreter has no type checker, but Kubernetes refuses definitions whose rules
//! name unknown fields, mix types or may cost too much. Costs follow the estimator of
//! `cel-go`: the most that a rule can cost on the largest object that the schema and
//! the limit of a request allow.

mod call;
#[cfg(test)]
mod tests;
mod types;

use kube_cel::cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, LiteralValue};
use kube_cel::cel::parser::Expression;

use crate::crd::schema::Schema;

pub(crate) use types::{Type, most_items, most_keys};

/// What a place in a rule evaluates to, and what that may cost.
#[derive(Debug, Clone)]
pub(crate) struct Judged<'s> {
    pub(crate) result: Type<'s>,
    pub(crate) cost: u64,
}

/// Judges a rule or a message on a place with this schema.
///
/// # Errors
/// The first complaint.
pub(crate) fn judge<'s>(
    expression: &Expression,
    schema: &'s Schema,
    root: bool,
    optional_old: bool,
) -> Result<Judged<'s>, String> {
    let own = Type::of(schema, root);
    let old = if optional_old { Type::Any } else { own.clone() };
    let mut scope = Scope(vec![("self".to_owned(), own), ("oldSelf".to_owned(), old)]);
    super::depth::with_stack(|| scope.judge(expression))
}

/// Judges an expression over variables of which nothing is known but the names, and over
/// `authorizer`.
///
/// # Errors
/// The first complaint.
pub(crate) fn judge_over(
    expression: &Expression,
    variables: &[&str],
) -> Result<Judged<'static>, String> {
    let variables = variables.iter().map(|name| ((*name).to_owned(), Type::Any));
    let authorizer = (super::authorizer::VARIABLE.to_owned(), Type::AUTHORIZER);
    let mut scope = Scope(variables.chain([authorizer]).collect());
    super::depth::with_stack(|| scope.judge(expression))
}

/// Variables, innermost last.
struct Scope<'s>(Vec<(String, Type<'s>)>);

impl<'s> Scope<'s> {
    fn variable(&self, name: &str) -> Option<&Type<'s>> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, it)| it)
    }

    fn judge(&mut self, expression: &Expression) -> Result<Judged<'s>, String> {
        let (result, cost) = match &expression.expr {
            Expr::Unspecified => (Type::Any, 0),
            Expr::Literal(literal) => (literal_type(literal), 0),
            Expr::Ident(name) => match self.variable(name) {
                Some(known) => (known.clone(), 1),
                None if super::function::TYPES.contains(&name.as_str()) => (Type::Kind, 1),
                None => {
                    return Err(format!("undeclared reference to '{name}' (in container '')"));
                }
            },
            Expr::Select(select) => {
                let of = self.judge(&select.operand)?;
                let field = of.result.field(&select.field)?;
                let result = if select.test { Type::Bool } else { field };
                (result, of.cost.saturating_add(1))
            }
            Expr::List(list) => {
                let mut cost = 10_u64;
                let mut items = None;
                for item in &list.elements {
                    let item = self.judge(item)?;
                    cost = cost.saturating_add(item.cost);
                    items = Some(match items {
                        None => item.result,
                        Some(known) => Type::join(known, item.result),
                    });
                }
                let items = Box::new(items.unwrap_or(Type::Any));
                (Type::List(items, list.elements.len() as u64), cost)
            }
            Expr::Map(map) => (Type::Any, self.entries(&map.entries, 30)?),
            Expr::Struct(object) => (Type::Any, self.entries(&object.entries, 40)?),
            Expr::Call(call) => return self.call(call),
            Expr::Comprehension(all) => return self.comprehension(all),
        };
        Ok(Judged { result, cost })
    }

    fn entries(
        &mut self,
        entries: &[kube_cel::cel::common::ast::IdedEntryExpr],
        base: u64,
    ) -> Result<u64, String> {
        let mut cost = base;
        for entry in entries {
            match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    cost = cost.saturating_add(self.judge(&entry.key)?.cost);
                    cost = cost.saturating_add(self.judge(&entry.value)?.cost);
                }
                EntryExpr::StructField(field) => {
                    cost = cost.saturating_add(self.judge(&field.value)?.cost);
                }
            }
        }
        Ok(cost)
    }

    fn comprehension(&mut self, all: &ComprehensionExpr) -> Result<Judged<'s>, String> {
        let range = self.judge(&all.iter_range)?;
        let (item, times) = match range.result.clone() {
            Type::List(items, most) => (*items, most),
            // Keys have no limits of their own and count as empty.
            Type::Map(_, most) => (Type::Text(0), most),
            Type::Object(..) | Type::Any => (Type::Any, types::REQUEST),
            other => {
                let name = other.name();
                return Err(format!(
                    "expression of type '{name}' cannot be range of a comprehension (must be list, map, or dynamic)"
                ));
            }
        };
        let start = self.judge(&all.accu_init)?;
        let depth = self.0.len();
        self.0.push((all.iter_var.clone(), item));
        if let Some(second) = &all.iter_var2 {
            self.0.push((second.clone(), Type::Any));
        }
        // What a list collects is known only after its step was judged.
        let collected = match start.result.clone() {
            Type::List(..) => Type::List(Box::new(Type::Any), times),
            other => other,
        };
        self.0.push((all.accu_var.clone(), collected.clone()));
        let condition = self.judge(&all.loop_cond);
        let step = self.judge(&all.loop_step);
        self.0.truncate(depth);
        self.0.push((all.accu_var.clone(), collected));
        let result = self.judge(&all.result);
        self.0.truncate(depth);
        let (condition, step, result) = (condition?, step?, result?);
        let result_type = match (&result.result, step.result) {
            (Type::List(..), Type::List(items, _)) => Type::List(items, times),
            (other, _) => other.clone(),
        };
        let turn = condition.cost.saturating_add(step.cost);
        let cost = range
            .cost
            .saturating_add(start.cost)
            .saturating_add(turn.saturating_mul(times))
            .saturating_add(result.cost);
        Ok(Judged { result: result_type, cost })
    }
}

fn literal_type<'s>(literal: &LiteralValue) -> Type<'s> {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(bytes) => Type::Bytes(bytes.inner().len() as u64),
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(text) => Type::Text(text.inner().chars().count() as u64),
        LiteralValue::UInt(_) => Type::Uint,
    }
}
