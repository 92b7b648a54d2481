//! What keeps a component from being built.

use std::io;
use std::path::PathBuf;

use crate::git::StateError;
use crate::manifest::Platform;
use crate::name::{ComponentName, InnerPath};
use crate::process::ProcessError;
use crate::workspace::WorkspaceError;

/// Why a component cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A program failed.
    #[error("component {component}: cannot build {what} for {platform}")]
    Program {
        /// The component.
        component: ComponentName,
        /// The package or command.
        what: String,
        /// The platform.
        platform: Platform,
        /// What it said.
        #[source]
        source: ProcessError,
    },
    /// A command did not make what it promised.
    #[error("component {component}: {what} succeeded, but made no {output}")]
    NoOutput {
        /// The component.
        component: ComponentName,
        /// The command.
        what: String,
        /// The file.
        output: InnerPath,
    },
    /// The program that was built holds another module than that of the workspace.
    #[error(
        "component {component}: the replace of {module} by {expected} has no effect: the program holds {found}"
    )]
    ReplaceWithoutEffect {
        /// The component.
        component: ComponentName,
        /// The module.
        module: String,
        /// Its folder in the workspace.
        expected: String,
        /// What was built in.
        found: String,
    },
    /// The program holds a module that nothing pins.
    #[error(
        "component {component}: {module} {version} is in no go.sum: run `go mod tidy` in {}", need.display()
    )]
    Unpinned {
        /// The component.
        component: ComponentName,
        /// The module.
        module: String,
        /// What Go has found today.
        version: String,
        /// The folder of the module that imports it, or of the component where that is not told.
        need: PathBuf,
    },
    /// An input is not there.
    #[error("component {component}: input {path} is neither an output of {from} nor in its tree")]
    Input {
        /// The component.
        component: ComponentName,
        /// Where it should come from.
        from: ComponentName,
        /// The path there.
        path: InnerPath,
    },
    /// A tree is not what the key was made of any more.
    #[error("component {component}: its tree changed while it was built: {}", files.join(", "))]
    TreeChanged {
        /// The component.
        component: ComponentName,
        /// The files.
        files: Vec<String>,
    },
    /// A command wrote into the tree of a component that was not built then.
    #[error(
        "component {component}: its tree changed while commands of others ran ({}): {}",
        commands.iter().map(ComponentName::as_str).collect::<Vec<_>>().join(", "),
        files.join(", ")
    )]
    OtherTreeChanged {
        /// The component.
        component: ComponentName,
        /// The files.
        files: Vec<String>,
        /// Components whose commands ran.
        commands: Vec<ComponentName>,
    },
    /// Git does not list the files of a tree.
    #[error("component {component}: cannot list its files")]
    List {
        /// The component.
        component: ComponentName,
        /// What git said.
        #[source]
        source: ProcessError,
    },
    /// Go has nothing to build.
    #[error(
        "component {component}: it has no go.mod (that git does not ignore), so Go cannot build it"
    )]
    NoModule {
        /// The component.
        component: ComponentName,
    },
    /// A module is replaced by a folder that is no part of the key.
    #[error(
        "component {component}: go.mod:{line} replaces {module} by {folder}, outside of its tree and no component that is built with it: make it one"
    )]
    ReplaceOutside {
        /// The component.
        component: ComponentName,
        /// Line of its `go.mod`.
        line: usize,
        /// The module.
        module: String,
        /// The folder.
        folder: String,
    },
    /// `GOFLAGS` names files that are no part of the key.
    #[error(
        "component {component}: GOFLAGS has {flag}, which brings in what no key knows of: leave it out"
    )]
    Flag {
        /// The component.
        component: ComponentName,
        /// The flag.
        flag: String,
    },
    /// A file cannot be used.
    #[error("component {component}: cannot {what} {}", path.display())]
    File {
        /// The component.
        component: ComponentName,
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The state of its tree is not known.
    #[error("component {component} cannot be looked at")]
    State {
        /// The component.
        component: ComponentName,
        /// Why.
        #[source]
        source: StateError,
    },
    /// The workspace cannot be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// Someone asked to stop.
    #[error("component {0}: interrupted")]
    Stopped(ComponentName),
}

impl BuildError {
    /// The component that it is about, if it is about one.
    #[must_use]
    pub fn component(&self) -> Option<&ComponentName> {
        match self {
            Self::Program { component, .. }
            | Self::NoOutput { component, .. }
            | Self::ReplaceWithoutEffect { component, .. }
            | Self::Unpinned { component, .. }
            | Self::Input { component, .. }
            | Self::TreeChanged { component, .. }
            | Self::OtherTreeChanged { component, .. }
            | Self::List { component, .. }
            | Self::NoModule { component }
            | Self::ReplaceOutside { component, .. }
            | Self::Flag { component, .. }
            | Self::File { component, .. }
            | Self::State { component, .. }
            | Self::Stopped(component) => Some(component),
            Self::Workspace(_) => None,
        }
    }
}
