//! Beginnings of a `workspace.toml`: from checkouts that lie in a folder, or from the list of
//! another tool.

mod checkouts;
mod gitmodules;
mod repo;
mod west;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Manifest, ManifestError};
use crate::graph::GraphErrors;
use crate::name::{ComponentName, GitUrl, NameError, Reference};
use crate::process::ProcessError;

/// Why nothing can be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is nothing that can be imported.
    #[error(
        "{} is no folder of checkouts, no .gitmodules, no west.yml and no repo manifest (.xml)", .0.display()
    )]
    Kind(PathBuf),
    /// There is nothing in it.
    #[error("there is no repository in {}", .0.display())]
    Nothing(PathBuf),
    /// Its form is wrong.
    #[error("{}: {problem}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A repository in it has a name, an address or a path that cannot be taken.
    #[error("{}: {project}: {source}", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// The repository.
        project: String,
        /// What is wrong.
        source: NameError,
    },
    /// Git fails.
    #[error("cannot ask git about {}", path.display())]
    Git {
        /// The file or repository.
        path: PathBuf,
        /// What git said.
        #[source]
        source: ProcessError,
    },
    /// The sources contradict each other.
    #[error(transparent)]
    Graph(#[from] GraphErrors),
    /// What came of it is no manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// What came of it cannot be written.
    #[error("cannot write what was found as TOML")]
    Write(#[from] toml::ser::Error),
}

/// One repository, as other tools list them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Project {
    name: String,
    url: String,
    revision: Option<String>,
    path: String,
}

/// All repositories of another tool's list.
#[derive(Debug, Default)]
struct List {
    projects: Vec<Project>,
    /// What of it is not taken, and why.
    left: Vec<String>,
}

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Text of a `workspace.toml`.
    pub text: String,
    /// What it does not say although it was there, for people to look at.
    pub left: Vec<String>,
}

/// A `workspace.toml` for what is at `from`; `root` is the folder that it is for.
///
/// # Errors
/// When nothing is there, or it cannot be read, or it leads to lists that are not there.
pub fn import(from: &Path, root: &Path) -> Result<Imported, ImportError> {
    let (manifest, left) = match () {
        () if from.is_dir() => checkouts::import(from, root)?,
        () => {
            let name = from.file_name().unwrap_or_default().to_string_lossy();
            let read = || {
                std::fs::read_to_string(from)
                    .map_err(|source| ImportError::Read { path: from.to_owned(), source })
            };
            let list = match &*name {
                ".gitmodules" => gitmodules::list(from)?,
                name if name.ends_with(".xml") => repo::list(&read()?, from)?,
                name if name.ends_with(".yml") || name.ends_with(".yaml") => {
                    west::list(&read()?, from)?
                }
                _ => return Err(ImportError::Kind(from.to_owned())),
            };
            (of_projects(list.projects, from)?, list.left)
        }
    };
    let text = toml::to_string(&manifest)?;
    let file = root.join(super::FILE);
    Manifest::parse(&text, &file)?;
    Ok(Imported { text: format!("# Made by `kubewright workspace init`.\n{text}"), left })
}

fn of_projects(projects: Vec<Project>, from: &Path) -> Result<Manifest, ImportError> {
    if projects.is_empty() {
        return Err(ImportError::Nothing(from.to_owned()));
    }
    let mut manifest = Manifest::default();
    for project in projects {
        let wrong = |source| ImportError::Name {
            path: from.to_owned(),
            project: project.name.clone(),
            source,
        };
        let name = free_name(&project.name, &manifest.component).map_err(wrong)?;
        let component = super::Component {
            git: Some(GitUrl::new(project.url.clone()).map_err(wrong)?),
            reference: project.revision.clone().map(Reference::new).transpose().map_err(wrong)?,
            path: (project.path != name.as_str()).then(|| PathBuf::from(&project.path)),
            ..super::Component::default()
        };
        manifest.component.insert(name, component);
    }
    Ok(manifest)
}

/// The last part of a path as a name; with the part before it where that is taken.
fn free_name(
    path: &str,
    taken: &BTreeMap<ComponentName, super::Component>,
) -> Result<ComponentName, NameError> {
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    let mut name = String::new();
    for part in path.rsplit('/') {
        name = if name.is_empty() { part.to_owned() } else { format!("{part}-{name}") };
        let found = ComponentName::new(name.clone())?;
        if !taken.contains_key(&found) {
            return Ok(found);
        }
    }
    Err(NameError::Component(path.to_owned()))
}

#[cfg(test)]
mod tests;
