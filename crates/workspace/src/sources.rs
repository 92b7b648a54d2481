//! What the sources of a workspace are right now: the state of each tree, and what it says about
//! edges.
//!
//! Looking takes three short git commands for each component, side by side. What a commit's tree says
//! is kept by the tree's digest, so it is read once; a changed tree is read each time.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::file;
use crate::git::{Repository, State, StateError};
use crate::go_module::{self, ModFile, ModFileError};
use crate::graph::{self, Facts, Graph, GraphErrors};
use crate::name::ComponentName;
use crate::parallel;
use crate::workspace::Workspace;

/// Folder of what was read of trees; another one when other things are read.
pub(crate) const FACTS: &str = "facts/2";

/// Why the sources are not known.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// A component is not there.
    #[error("component {component} is missing: there is no repository in {}; `kubewright workspace sync` gets it", folder.display())]
    Missing {
        /// The component.
        component: ComponentName,
        /// Where it should be.
        folder: PathBuf,
    },
    /// Its tree cannot be looked at.
    #[error("component {component} cannot be looked at")]
    State {
        /// The component.
        component: ComponentName,
        /// Why.
        #[source]
        source: StateError,
    },
    /// Its `go.mod` cannot be read.
    #[error("component {component}: {source}")]
    Module {
        /// The component.
        component: ComponentName,
        /// Why.
        source: ModFileError,
    },
    /// A file of it cannot be read.
    #[error("component {component}: cannot read {}", path.display())]
    Read {
        /// The component.
        component: ComponentName,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// They contradict each other or the manifest.
    #[error(transparent)]
    Graph(#[from] GraphErrors),
}

/// The sources of a workspace.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The state of each tree.
    pub states: BTreeMap<ComponentName, State>,
    /// What each says about edges.
    pub facts: BTreeMap<ComponentName, Facts>,
    /// The edges.
    pub graph: Graph,
}

impl Sources {
    /// Looks at all components.
    ///
    /// # Errors
    /// The first component that is missing or cannot be looked at; all that is wrong with edges.
    pub fn of(workspace: &Workspace) -> Result<Self, SourcesError> {
        let names: Vec<&ComponentName> = workspace.manifest.component.keys().collect();
        let looked = parallel::map(&names, parallel::PROCESSES, |name| look(workspace, name));
        let mut states = BTreeMap::new();
        let mut facts = BTreeMap::new();
        for (name, looked) in names.into_iter().zip(looked) {
            let (state, said) = looked?;
            states.insert(name.clone(), state);
            facts.insert(name.clone(), said);
        }
        let graph = graph::infer(&workspace.manifest, &facts)?;
        Ok(Self { states, facts, graph })
    }

    /// The module of a component.
    #[must_use]
    pub fn module(&self, name: &ComponentName) -> Option<&ModFile> {
        self.facts.get(name)?.module.as_ref()
    }

    /// Paths of all modules of a component with their folders: its own, and of those inside of it the
    /// ones that any component requires.
    pub fn modules(&self, name: &ComponentName) -> impl Iterator<Item = (&str, &Path)> {
        let facts = self.facts.get(name);
        let own = facts.and_then(|facts| facts.module.as_ref());
        let own = own.map(|module| (&module.module[..], Path::new("")));
        let inner = facts.into_iter().flat_map(|facts| &facts.inner);
        let inner = inner.filter(|(path, _)| self.is_required(path));
        own.into_iter().chain(inner.map(|(path, folder)| (path.as_str(), folder.as_path())))
    }

    fn is_required(&self, path: &str) -> bool {
        let modules = self.facts.values().filter_map(|facts| facts.module.as_ref());
        modules.flat_map(|module| &module.require).any(|require| require.path == path)
    }
}

fn look(workspace: &Workspace, name: &ComponentName) -> Result<(State, Facts), SourcesError> {
    let repository = workspace.repository(name);
    let folder = repository.folder().to_owned();
    // A folder without a repository of its own may be part of one, but only if it is meant to be.
    let has_git = workspace.manifest.component.get(name).is_some_and(|c| c.git.is_some());
    if !folder.is_dir() || (has_git && !repository.exists()) {
        return Err(SourcesError::Missing { component: name.clone(), folder });
    }
    let state = State::of(&repository)
        .map_err(|source| SourcesError::State { component: name.clone(), source })?;
    // What is absent is not read either.
    let absent = state.absent.as_deref().map(|digest| format!("-{digest}")).unwrap_or_default();
    let cached = workspace.state(FACTS).join(format!("{}{absent}.json", state.tree));
    if !state.dirty()
        && let Ok(text) = std::fs::read(&cached)
        && let Ok(facts) = serde_json::from_slice(&text)
    {
        return Ok((state, facts));
    }
    let facts = facts(name, &repository)?;
    if !state.dirty() {
        keep(workspace, &cached, &facts);
    }
    Ok((state, facts))
}

/// What cannot be kept is read again next time.
fn keep(workspace: &Workspace, cached: &Path, facts: &Facts) {
    let text = serde_json::to_vec(facts).unwrap_or_default();
    let kept = workspace.state_folder(FACTS).is_ok() && file::replace(cached, &text).is_ok();
    if !kept {
        tracing::debug!(file = %cached.display(), "facts are not kept");
    }
}

fn facts(name: &ComponentName, repository: &Repository) -> Result<Facts, SourcesError> {
    let folder = repository.folder();
    let files = repository.files(Path::new(".")).map_err(|source| SourcesError::State {
        component: name.clone(),
        source: StateError::Git { folder: folder.to_owned(), source },
    })?;
    if !files.iter().any(|file| file == Path::new("go.mod")) {
        return Ok(Facts::default());
    }
    let read = |path: &Path| {
        let (component, path) = (name.clone(), path.to_owned());
        move |source| SourcesError::Read { component, path, source }
    };
    let path = folder.join("go.mod");
    let text = std::fs::read_to_string(&path).map_err(read(&path))?;
    let module = ModFile::parse(&text)
        .map_err(|source| SourcesError::Module { component: name.clone(), source })?;
    let imports = go_module::scan(folder, &files).map_err(read(folder))?;
    let inner = go_module::inner(folder, &files).map_err(read(folder))?;
    Ok(Facts { module: Some(module), imports, inner })
}
