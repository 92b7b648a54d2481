//! A plan for people and for programs.

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use crate::{
    observed::Observed,
    plan::{Action, ApplyReason, NodePlan},
};

/// A plan with the manifests it would write, ready to be printed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What would be done, in the order of the plan.
    pub changes: Vec<Change>,
    /// What does not work.
    pub problems: Vec<ProblemLine>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// `create`, `adopt`, `repair`, `delete`, `confirmAbsence` or `hold`.
    pub verb: &'static str,
    /// The endpoint, or the node for `confirmAbsence`.
    pub name: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Fields that change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// What would be applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Value>,
}

/// A field before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Its path.
    pub field: String,
    /// What stands there; `null` if nothing does.
    pub from: Option<String>,
    /// What will stand there.
    pub to: Option<String>,
}

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProblemLine {
    /// The template.
    pub template: String,
    /// The node; empty if it is the template's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// A word for it.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

impl Report {
    /// Puts together a plan, as [`crate::plan::plan_with_problems`] made it.
    pub fn new(observed: &Observed, actions: &[Action], plans: &[NodePlan]) -> Self {
        let changes = actions.iter().map(|action| change(observed, action)).collect();
        let own = observed.templates().values().flat_map(|template| {
            template.compiled.as_ref().err().into_iter().flatten().map(|error| ProblemLine {
                template: template.name.to_string(),
                node: String::new(),
                reason: "InvalidTemplate",
                message: error.to_string(),
            })
        });
        let of_nodes = plans.iter().flat_map(|plan| &plan.problems).map(|problem| ProblemLine {
            template: problem.template.to_string(),
            node: problem.node.to_string(),
            reason: problem.kind.reason(),
            message: problem.kind.to_string(),
        });
        Self { changes, problems: own.chain(of_nodes).collect() }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// As a diff for people.
    pub fn render(&self, colored: bool) -> String {
        let mut text = String::new();
        let mut line = |mark: char, content: &str| {
            let (on, off) = match (colored, mark) {
                (false, _) | (_, ' ') => ("", ""),
                (_, '+') => ("\u{1b}[32m", "\u{1b}[0m"),
                (_, '-') => ("\u{1b}[31m", "\u{1b}[0m"),
                _ => ("\u{1b}[33m", "\u{1b}[0m"),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{on}{mark} {content}{off}");
        };
        for change in &self.changes {
            let because = if change.reason.is_empty() {
                String::new()
            } else {
                format!(" ({})", change.reason)
            };
            let head = match change.verb {
                "confirmAbsence" => format!("node {}{because}", change.name),
                "hold" => format!("deletions are held back{because}"),
                verb => format!("{verb} hostendpoint/{}{because}", change.name),
            };
            let mark = match change.verb {
                "create" => '+',
                "delete" => '-',
                "confirmAbsence" => '?',
                "hold" => '!',
                _ => '~',
            };
            line(mark, &head);
            for field in &change.fields {
                if let Some(from) = &field.from {
                    line('-', &format!("    {}: {from}", field.field));
                }
                if let Some(to) = &field.to {
                    line('+', &format!("    {}: {to}", field.field));
                }
            }
        }
        for problem in &self.problems {
            let node = if problem.node.is_empty() {
                String::new()
            } else {
                format!(" on node {}", problem.node)
            };
            line('!', &format!("template {}{node}: {}", problem.template, problem.message));
        }
        let count = |verb: &str| self.changes.iter().filter(|change| change.verb == verb).count();
        let _ = writeln!(
            text,
            "{} to create, {} to adopt, {} to repair, {} to delete, {} problems",
            count("create"),
            count("adopt"),
            count("repair"),
            count("delete"),
            self.problems.len(),
        );
        text
    }
}

fn change(observed: &Observed, action: &Action) -> Change {
    let plain = |verb, name: &str, reason: String| Change {
        verb,
        name: name.to_owned(),
        reason,
        fields: Vec::new(),
        manifest: None,
    };
    match action {
        Action::Apply { wanted, reason } => {
            let endpoint = observed.endpoint(&wanted.name);
            let manifest = wanted.manifest(observed.group, endpoint).to_value();
            let (verb, fields) = match reason {
                ApplyReason::Create => ("create", leaves(&manifest)),
                ApplyReason::Adopt(fields) => ("adopt", fields.clone()),
                ApplyReason::Repair(fields) => ("repair", fields.clone()),
            };
            let before = endpoint.map(|endpoint| endpoint.fields());
            let fields = fields
                .into_iter()
                .map(|field| FieldChange {
                    from: before.as_ref().and_then(|before| at(before, &field)),
                    to: at(&manifest, &field),
                    field,
                })
                .filter(|change| change.from != change.to)
                .collect();
            Change {
                fields,
                manifest: Some(manifest),
                ..plain(verb, &wanted.name, format!("template {}", wanted.template))
            }
        }
        Action::ConfirmAbsence { node } => plain(
            "confirmAbsence",
            node,
            "it is missing, the API server is asked before its endpoints go".to_owned(),
        ),
        Action::Delete { name, reason, .. } => plain("delete", name, reason.to_string()),
        Action::HoldDeletions { endpoints, nodes, total } => plain(
            "hold",
            "",
            format!(
                "{nodes} of {total} nodes would lose protection, {endpoints} endpoints stay; \
                 --confirm-mass-delete or the annotation {} on the template releases them",
                crate::api::CONFIRM_MASS_DELETE_ANNOTATION
            ),
        ),
    }
}

/// Paths of a manifest as in a drift, the name left out.
fn leaves(manifest: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    for map in ["labels", "annotations"] {
        for key in manifest["metadata"][map].as_object().into_iter().flat_map(|map| map.keys()) {
            paths.push(format!("metadata.{map}[{key}]"));
        }
    }
    for key in manifest["spec"].as_object().into_iter().flat_map(|map| map.keys()) {
        paths.push(format!("spec.{key}"));
    }
    paths
}

/// The value at a path of a drift, as one line.
fn at(object: &Value, path: &str) -> Option<String> {
    let (path, key) = match path.split_once('[') {
        Some((path, key)) => (path, Some(key.trim_end_matches(']'))),
        None => (path, None),
    };
    let value = path.split('.').chain(key).try_fold(object, |value, key| value.get(key))?;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) if list.is_empty() => None,
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
