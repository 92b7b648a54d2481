//! From sources to outputs.
//!
//! ```text
//!  Sources ──▶ keys ──▶ plan: what is there already, what is to build
//!                          │
//!                          ▼ ready queue, dependencies first
//!   go:       a copy that is kept, `-modfile` outside of it   ┐
//!   command:  a copy of its own, with its inputs              ├──▶ store: out/NAME/KEY/PLATFORM/…
//! ```
//!
//! Trees are never written, and never compiled either: what a build sees are the files that its key
//! was made of. An output is in the store whole or not at all, under the key of what it
//! was made from; so there is no path that could hold something older.

mod command;
mod environment;
mod error;
mod export;
mod go;
mod keys;
mod modfile;
mod queue;
mod store;
mod unchanged;
mod view;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cache::Key;
use crate::manifest::{Component, Platform, Recipe, file_name};
use crate::name::ComponentName;
use crate::process::{ProcessError, Stop};
use crate::progress::Progress;
use crate::sources::Sources;
use crate::workspace::{Workspace, WorkspaceError};

use export::Exports;
use unchanged::{others_changed, unchanged};

pub(crate) use command::WORK;
pub use environment::{CHOICES, Environment, LOCAL_BUILD, PLACES, Switch, SwitchError};
pub use error::BuildError;
pub use export::unseen;
pub use keys::{Common, Keys, KeysError, Version};
pub use queue::{Finished, run as run_queue};
pub(crate) use store::{FOLDER as OUT, is_unfinished, sha256};
pub use store::{Output, Record, Store};
pub use view::{Files, View};

/// What to build.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Components; empty is all.
    pub names: Vec<ComponentName>,
    /// Only what differs from the lock, and what needs that.
    pub affected: bool,
    /// Components at once; none is as many as there are processors.
    pub jobs: Option<usize>,
    /// Build nothing, only say what would be.
    pub dry_run: bool,
}

/// What became of one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    /// The component.
    pub component: ComponentName,
    /// Its key.
    pub key: Key,
    /// What was done.
    pub result: Outcome,
    /// Milliseconds that it took.
    pub milliseconds: u128,
}

/// What was done for a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was there already.
    Cached,
    /// It was built.
    Built,
    /// It would be built.
    Pending,
}

/// How a build ended.
#[derive(Debug)]
pub struct Report {
    /// What was done, in the order it was finished.
    pub built: Vec<Built>,
    /// What failed; nothing new was begun after the first.
    pub failed: Vec<BuildError>,
    /// What was not begun.
    pub left: Vec<ComponentName>,
}

/// Builds.
///
/// # Errors
/// When the workspace cannot be used; what fails in a component is in the report.
pub fn build(
    workspace: &Workspace,
    sources: &Sources,
    keys: &Keys,
    options: &Options,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Report, WorkspaceError> {
    let wanted = wanted(workspace, sources, options);
    let store = Store::of(workspace);
    let platforms = workspace.manifest.workspace.platforms();
    let built = |name: &ComponentName, result, milliseconds| {
        let key = keys.of(name).clone();
        Built { component: name.clone(), key, result, milliseconds }
    };
    let (mut done, mut pending) = (Vec::new(), BTreeSet::new());
    for name in sources.graph.order().iter().filter(|name| wanted.contains(name)) {
        let Some(component) = workspace.manifest.component.get(name) else { continue };
        if component.build.is_empty() {
            continue;
        }
        match store.has(name, keys.of(name), component, &platforms) {
            true => done.push(built(name, Outcome::Cached, 0)),
            false => {
                pending.insert(name.clone());
            }
        }
    }
    if pending.is_empty() || options.dry_run {
        done.extend(pending.iter().map(|name| built(name, Outcome::Pending, 0)));
        return Ok(Report { built: done, failed: Vec::new(), left: Vec::new() });
    }
    let _hold = workspace.hold()?;
    workspace.state_folder("log")?;
    progress.total(pending.len());
    let jobs = options.jobs.unwrap_or_else(processors).max(1);
    let bench = Bench {
        workspace,
        sources,
        keys,
        store: &store,
        exports: Exports::new(workspace, sources),
        processors: processors().div_ceil(jobs.min(pending.len())),
        limit: Duration::from_secs(u64::from(workspace.manifest.workspace.timeout_minutes) * 60),
        stop,
    };
    let finished = queue::run(&sources.graph, &pending, jobs, |name| {
        if stop.stopped() {
            return Err(BuildError::Stopped(name.clone()));
        }
        let begin = Instant::now();
        progress.begin(name, "build");
        let result = bench.build(name, &platforms);
        progress.end(name, if result.is_ok() { "built" } else { "failed" });
        result.map(|()| built(name, Outcome::Built, begin.elapsed().as_millis()))
    });
    done.extend(finished.done);
    let mut failed = finished.failed;
    let commands = pending.iter().filter(|name| {
        let component = workspace.manifest.component.get(*name);
        !finished.left.contains(name) && component.is_some_and(Component::has_command)
    });
    failed.extend(others_changed(workspace, sources, &failed, commands.cloned().collect()));
    Ok(Report { built: done, failed, left: finished.left })
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The components that are asked for, with what they take from others.
fn wanted<'a>(
    workspace: &'a Workspace,
    sources: &'a Sources,
    options: &'a Options,
) -> BTreeSet<&'a ComponentName> {
    let all = || workspace.manifest.component.keys();
    let named = match options.names.is_empty() {
        true => all().collect(),
        false => sources.graph.with_needs(&options.names),
    };
    if !options.affected {
        return named;
    }
    let changed = all().filter(|name| {
        let pin = workspace.lock.component.get(*name).map(|pin| pin.commit.as_str());
        let state = sources.states.get(*name);
        state.is_none_or(|state| state.dirty() || pin.is_some_and(|pin| pin != state.commit))
    });
    let affected = sources.graph.with_dependents(changed);
    let mut wanted: BTreeSet<_> = named.intersection(&affected).copied().collect();
    // What they copy must be there, and what is copied into what they are built with.
    let mut left: Vec<_> = wanted.iter().copied().collect();
    while let Some(name) = left.pop() {
        for need in sources.graph.with_needs([name]) {
            let component = workspace.manifest.component.get(need);
            for input in component.iter().flat_map(|component| &component.inputs) {
                if wanted.insert(&input.from) {
                    left.push(&input.from);
                }
            }
        }
    }
    wanted
}

/// What a build of a component works with.
struct Bench<'a> {
    workspace: &'a Workspace,
    sources: &'a Sources,
    keys: &'a Keys,
    store: &'a Store,
    exports: Exports<'a>,
    /// Processors for each component.
    processors: usize,
    limit: Duration,
    stop: &'a Stop,
}

/// One component for one platform.
struct Job<'a> {
    bench: &'a Bench<'a>,
    name: &'a ComponentName,
    component: &'a Component,
    platform: &'a Platform,
    /// Where outputs are collected.
    out: PathBuf,
    log: PathBuf,
}

impl Bench<'_> {
    fn build(&self, name: &ComponentName, platforms: &[Platform]) -> Result<(), BuildError> {
        let Some(component) = self.workspace.manifest.component.get(name) else { return Ok(()) };
        let log = self.workspace.state("log").join(format!("{name}.log"));
        // Of the last build only.
        let _ = std::fs::remove_file(&log);
        let entry = self.store.begin(name)?;
        for platform in platforms {
            let out = entry.path().join(file_name(platform));
            let job = Job { bench: self, name, component, platform, out, log: log.clone() };
            job.make()?;
        }
        if component.has_command() {
            unchanged(self.workspace, self.sources, name)?;
        }
        self.store.finish(entry, name, self.keys.of(name))
    }
}

impl Job<'_> {
    fn make(&self) -> Result<(), BuildError> {
        std::fs::create_dir_all(&self.out).map_err(self.file("make", &self.out))?;
        for build in self.component.build.iter() {
            match &build.recipe {
                Recipe::Go { package, cgo, ldflags, tags } => {
                    let [output] = &build.outputs[..] else { continue };
                    let go = go::Go { package, cgo: *cgo, ldflags, tags, output };
                    self.go(&go)?;
                }
                Recipe::Command(words) => self.command(words, &build.outputs)?,
            }
        }
        Ok(())
    }

    fn file(
        &self,
        what: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> BuildError + use<> {
        let (component, path) = (self.name.clone(), path.to_owned());
        move |source| BuildError::File { component, what, path, source }
    }

    fn program(&self, what: &str) -> impl FnOnce(ProcessError) -> BuildError {
        let (component, what, platform) =
            (self.name.clone(), what.to_owned(), self.platform.clone());
        move |source| match source {
            ProcessError::Stopped { .. } => BuildError::Stopped(component),
            source => BuildError::Program { component, what, platform, source },
        }
    }
}
