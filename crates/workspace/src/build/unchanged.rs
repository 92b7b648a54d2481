//! Whether trees are still what their keys were made of.

use super::BuildError;
use crate::git::{Change, State};
use crate::name::ComponentName;
use crate::parallel;
use crate::sources::Sources;
use crate::workspace::Workspace;

/// Trees that are not as they were before commands ran, besides those that are told of already.
pub(super) fn others_changed(
    workspace: &Workspace,
    sources: &Sources,
    told: &[BuildError],
    commands: Vec<ComponentName>,
) -> Vec<BuildError> {
    if commands.is_empty() {
        return Vec::new();
    }
    let is_told = |name: &ComponentName| {
        let mut told = told.iter();
        told.any(
            |error| matches!(error, BuildError::TreeChanged { component, .. } if component == name),
        )
    };
    let names: Vec<&ComponentName> = sources.states.keys().filter(|name| !is_told(name)).collect();
    let looked = parallel::map(&names, parallel::PROCESSES, |name| {
        unchanged(workspace, sources, name).err()
    });
    let changed = looked.into_iter().flatten().map(|error| match error {
        BuildError::TreeChanged { component, files } => {
            BuildError::OtherTreeChanged { component, files, commands: commands.clone() }
        }
        other => other,
    });
    changed.collect()
}

/// The key tells of a tree as it was when the build began.
pub(super) fn unchanged(
    workspace: &Workspace,
    sources: &Sources,
    name: &ComponentName,
) -> Result<(), BuildError> {
    let Some(before) = sources.states.get(name) else { return Ok(()) };
    let now = State::of(&workspace.repository(name))
        .map_err(|source| BuildError::State { component: name.clone(), source })?;
    let changed = |change: &&Change| !before.changes.contains(change);
    let gone = |change: &&Change| !now.changes.contains(change);
    let new = now.changes.iter().filter(changed);
    let files = new.chain(before.changes.iter().filter(gone));
    let mut files: Vec<String> = files.map(|change| change.path.display().to_string()).collect();
    files.sort();
    files.dedup();
    if before.commit != now.commit {
        files.insert(0, format!("it is at commit {}", now.commit));
    } else if before.absent != now.absent {
        files.insert(0, "files that were left out by git".to_owned());
    }
    match files.is_empty() {
        true => Ok(()),
        false => Err(BuildError::TreeChanged { component: name.clone(), files }),
    }
}
