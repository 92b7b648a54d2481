//! The keys of all components of a workspace.

use std::collections::BTreeMap;

use crate::cache::{Ingredients, Key, key};
use crate::git::State;
use crate::graph::{Graph, Reason};
use crate::manifest::{Component, ImageSource, Manifest, Recipe};
use crate::name::ComponentName;
use crate::process::{self, ProcessError};
use crate::sources::Sources;
use crate::workspace::Workspace;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The version of Go is not known.
    #[error("cannot ask go for its version")]
    Go(#[source] ProcessError),
    /// The version of a component is not known.
    #[error("component {component}: cannot describe its commit")]
    Describe {
        /// The component.
        component: ComponentName,
        /// What git said.
        #[source]
        source: ProcessError,
    },
}

/// The key of each component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    keys: BTreeMap<ComponentName, Key>,
    versions: BTreeMap<ComponentName, Version>,
    /// Whether dependencies are those of the workspace.
    pub local: bool,
}

/// What the flags of a linker may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `git describe`.
    pub describe: String,
    /// The commit.
    pub commit: String,
}

/// What is the same for all components.
#[derive(Clone, Copy, Debug)]
pub struct Common<'a> {
    /// Version of Go.
    pub toolchain: &'a str,
    /// Variables that change results.
    pub environment: &'a BTreeMap<String, String>,
    /// Whether dependencies are those of the workspace.
    pub local: bool,
    /// Digests of bases.
    pub bases: &'a BTreeMap<String, String>,
}

impl Keys {
    /// The keys of what the sources are now. `local`: whether Go modules of the workspace are built
    /// with each other, or with what they pin.
    ///
    /// # Errors
    /// When Go or git cannot tell a version.
    pub fn of_sources(
        workspace: &Workspace,
        sources: &Sources,
        local: bool,
    ) -> Result<Self, KeysError> {
        let toolchain = match workspace.manifest.component.values().any(is_go) {
            true => go_version(workspace).map_err(KeysError::Go)?,
            false => String::new(),
        };
        let mut versions = BTreeMap::new();
        for (name, _) in workspace.manifest.component.iter().filter(|(_, c)| names_version(c)) {
            let repository = workspace.repository(name);
            let describe = repository.describe();
            let describe = describe
                .map_err(|source| KeysError::Describe { component: name.clone(), source })?;
            let commit = sources.states.get(name).map(|state| state.commit.clone());
            let version = Version { describe, commit: commit.unwrap_or_default() };
            versions.insert(name.clone(), version);
        }
        let common = Common {
            toolchain: &toolchain,
            environment: &workspace.environment.choices(),
            local,
            bases: &workspace.lock.base,
        };
        Ok(Self::plan(&workspace.manifest, &sources.graph, &sources.states, versions, common))
    }

    /// The pure part: from states to keys. Components without a state have no key.
    #[must_use]
    pub fn plan(
        manifest: &Manifest,
        graph: &Graph,
        states: &BTreeMap<ComponentName, State>,
        versions: BTreeMap<ComponentName, Version>,
        common: Common<'_>,
    ) -> Self {
        let mut keys: BTreeMap<ComponentName, Key> = BTreeMap::new();
        for name in graph.order() {
            let (Some(component), Some(state)) = (manifest.component.get(name), states.get(name))
            else {
                continue;
            };
            let counts = |reasons: &[Reason]| {
                let by_files = |reason: &Reason| matches!(reason, Reason::Input { .. });
                common.local || reasons.iter().any(by_files)
            };
            let needs = graph.needs(name).filter(|(_, reasons)| counts(reasons));
            let needs = needs.filter_map(|(need, _)| Some((need.as_str(), keys.get(need)?)));
            let bases = component.image.iter().filter_map(|image| match &image.source {
                ImageSource::Native(native) => {
                    let base = native.base.as_deref()?;
                    Some((base, &common.bases.get(base)?[..]))
                }
                ImageSource::Dockerfile(_) => None,
            });
            let version = versions.get(name);
            let version = version.map(|version| format!("{} {}", version.describe, version.commit));
            let ingredients = Ingredients {
                tree: &state.tree,
                changes: &state.changes,
                needs: needs.collect(),
                toolchain: is_go(component).then_some(common.toolchain),
                environment: common.environment,
                local: common.local,
                version: version.as_deref(),
                bases: bases.collect(),
            };
            let key = key(component, &ingredients);
            keys.insert(name.clone(), key);
        }
        Self { keys, versions, local: common.local }
    }

    /// The key of a component of the workspace.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn of(&self, name: &ComponentName) -> &Key {
        &self.keys[name]
    }

    pub(super) fn version(&self, name: &ComponentName) -> Option<&Version> {
        self.versions.get(name)
    }
}

fn is_go(component: &Component) -> bool {
    component.build.iter().any(|build| matches!(build.recipe, Recipe::Go { .. }))
}

fn names_version(component: &Component) -> bool {
    component.build.iter().any(|build| match &build.recipe {
        Recipe::Go { ldflags, .. } => ldflags.contains('{'),
        Recipe::Command(_) => false,
    })
}

fn go_version(workspace: &Workspace) -> Result<String, ProcessError> {
    let mut command = std::process::Command::new("go");
    workspace.environment.set(&mut command, None);
    command.arg("version").current_dir(&workspace.root);
    let said = process::output(&mut command)?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

#[cfg(test)]
mod tests;
