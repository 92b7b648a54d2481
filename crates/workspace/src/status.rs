//! How each tree stands to the lock and to its upstream.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::git::State;
use crate::name::ComponentName;
use crate::parallel;
use crate::workspace::Workspace;

/// One component.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The component.
    pub component: ComponentName,
    /// What its tree is; nothing where there is none, or none that git can tell of.
    pub state: Option<State>,
    /// Why there is no state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How its commit stands to that of the lock.
    pub drift: Drift,
}

/// How a commit stands to that of the lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Drift {
    /// The lock says nothing of it: it is not fetched from anywhere, or was not synced since the
    /// manifest changed.
    Unlocked,
    /// It is the same.
    None,
    /// It is another.
    Apart {
        /// Commits that only the tree has.
        ahead: u32,
        /// Commits that only the lock has.
        behind: u32,
    },
    /// The commit of the lock is not here, or there is no tree.
    Unknown,
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlocked => f.pad("not locked"),
            Self::None => f.pad("as locked"),
            Self::Apart { ahead, behind } => f.pad(&format!("+{ahead} -{behind}")),
            Self::Unknown => f.pad("unknown"),
        }
    }
}

/// All components, looked at side by side.
#[must_use]
pub fn status(workspace: &Workspace) -> Vec<Status> {
    let names: Vec<&ComponentName> = workspace.manifest.component.keys().collect();
    parallel::map(&names, parallel::PROCESSES, |name| one(workspace, name))
}

fn one(workspace: &Workspace, name: &ComponentName) -> Status {
    let repository = workspace.repository(name);
    let component = workspace.manifest.component.get(name);
    let fetched = component.is_some_and(|component| component.git.is_some());
    let (state, problem) = match fetched && !repository.exists() {
        true => (None, Some("not there: sync it".to_owned())),
        false => match State::of(&repository) {
            Ok(state) => (Some(state), None),
            Err(error) => (None, Some(with_causes(&error))),
        },
    };
    let pinned = component.and_then(|component| workspace.lock.pinned(name, component));
    let drift = match (&state, pinned) {
        (_, None) => Drift::Unlocked,
        (None, Some(_)) => Drift::Unknown,
        (Some(state), Some(pinned)) if state.commit == pinned => Drift::None,
        (Some(state), Some(pinned)) => match repository.distance(&state.commit, pinned) {
            Ok((ahead, behind)) => Drift::Apart { ahead, behind },
            Err(_) => Drift::Unknown,
        },
    };
    Status { component: name.clone(), state, problem, drift }
}

/// An error with what led to it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Components whose trees have work in them.
#[must_use]
pub fn dirty(states: &BTreeMap<ComponentName, State>) -> Vec<&ComponentName> {
    states.iter().filter(|(_, state)| state.dirty()).map(|(name, _)| name).collect()
}
