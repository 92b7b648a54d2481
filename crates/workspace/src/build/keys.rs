//! The keys of all components of a workspace.

use std::collections::BTreeMap;

use crate::cache::{Ingredients, Key, key};
use crate::git::{Repository, State};
use crate::graph::{Graph, Reason};
use crate::manifest::{Build, Component, ImageSource, Manifest, Recipe};
use crate::name::{ComponentName, Reference};
use crate::process::{self, ProcessError};
use crate::sources::Sources;
use crate::workspace::Workspace;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The version of Go is not known.
    #[error("cannot ask go for its version")]
    Go(#[source] ProcessError),
    /// The version of a C compiler is not known.
    #[error(
        "component {component}: cannot ask {compiler} for its version, and the build has `cgo`"
    )]
    Compiler {
        /// The component.
        component: ComponentName,
        /// The compiler.
        compiler: String,
        /// What it said.
        #[source]
        source: ProcessError,
    },
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
    /// The version that all components are about to get.
    release: Option<Reference>,
    /// Whether dependencies are those of the workspace.
    pub local: bool,
}

/// What flags of a linker and commands may name.
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
    /// Version of the C compiler, for components in which C takes part.
    pub compilers: &'a BTreeMap<ComponentName, String>,
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
        Self { local, ..Self::default() }.again(workspace, sources)
    }

    /// The keys of what is about to be released: as if each component had the tag already.
    ///
    /// # Errors
    /// When Go or git cannot tell a version.
    pub fn of_release(
        workspace: &Workspace,
        sources: &Sources,
        local: bool,
        version: &Reference,
    ) -> Result<Self, KeysError> {
        let release = Some(version.clone());
        Self { local, release, ..Self::default() }.again(workspace, sources)
    }

    /// Keys that are made in the same way.
    ///
    /// # Errors
    /// When Go or git cannot tell a version.
    pub fn again(&self, workspace: &Workspace, sources: &Sources) -> Result<Self, KeysError> {
        let toolchain = match workspace.manifest.component.values().any(is_go) {
            true => go_version(workspace).map_err(KeysError::Go)?,
            false => String::new(),
        };
        let compilers = compilers(workspace)?;
        let mut versions = BTreeMap::new();
        for (name, _) in workspace.manifest.component.iter().filter(|(_, c)| names_version(c)) {
            let describe = self.describe(&workspace.repository(name));
            let describe = describe
                .map_err(|source| KeysError::Describe { component: name.clone(), source })?;
            let commit = sources.states.get(name).map(|state| state.commit.clone());
            let version = Version { describe, commit: commit.unwrap_or_default() };
            versions.insert(name.clone(), version);
        }
        let common = Common {
            toolchain: &toolchain,
            compilers: &compilers,
            environment: &workspace.environment.choices(),
            local: self.local,
            bases: &workspace.lock.base,
        };
        let (manifest, graph) = (&workspace.manifest, &sources.graph);
        let keys = Self::plan(manifest, graph, &sources.states, versions, common);
        Ok(Self { release: self.release.clone(), ..keys })
    }

    /// The version of a component's commit: what `git describe` says, or will say once it is
    /// released.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn describe(&self, repository: &Repository) -> Result<String, ProcessError> {
        match &self.release {
            Some(version) => Ok(version.to_string()),
            None => repository.describe(),
        }
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
                absent: state.absent.as_deref(),
                needs: needs.collect(),
                toolchain: is_go(component).then_some(common.toolchain),
                compiler: common.compilers.get(name).map(String::as_str),
                environment: common.environment,
                local: common.local,
                version: version.as_deref(),
                bases: bases.collect(),
            };
            let key = key(component, &ingredients);
            keys.insert(name.clone(), key);
        }
        Self { keys, versions, release: None, local: common.local }
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
        Recipe::Command(words) => {
            words.iter().any(|word| word.contains("{describe}") || word.contains("{commit}"))
        }
    })
}

fn go_version(workspace: &Workspace) -> Result<String, ProcessError> {
    let mut command = std::process::Command::new("go");
    workspace.environment.set(&mut command, None);
    command.arg("version").current_dir(&workspace.root);
    let said = process::output(&mut command)?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// The version of the C compiler of each component in which C takes part.
fn compilers(workspace: &Workspace) -> Result<BTreeMap<ComponentName, String>, KeysError> {
    let mut compilers = BTreeMap::new();
    for (name, component) in &workspace.manifest.component {
        let cgo = |build: &Build| matches!(build.recipe, Recipe::Go { cgo: true, .. });
        if !component.build.iter().any(cgo) {
            continue;
        }
        // It may come with flags.
        let compiler = workspace.environment.compiler(component);
        let mut words = compiler.split_whitespace();
        let mut command = std::process::Command::new(words.next().unwrap_or(compiler));
        workspace.environment.set(&mut command, Some(component));
        let said = process::output(command.args(words).arg("--version")).map_err(|source| {
            let (component, compiler) = (name.clone(), compiler.to_owned());
            KeysError::Compiler { component, compiler, source }
        })?;
        let said = String::from_utf8_lossy(&said);
        compilers.insert(name.clone(), said.lines().next().unwrap_or_default().to_owned());
    }
    Ok(compilers)
}

#[cfg(test)]
mod tests;
