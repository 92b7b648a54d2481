//! A workspace for one test, with Go and git that see nothing of this machine.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part")]

use std::path::{Path, PathBuf};

use kubewright_testkit::Federation;
use kubewright_workspace::build::{
    self, Built, Environment, Keys, Options, Outcome, Report, Store,
};
use kubewright_workspace::git::State;
use kubewright_workspace::image::Images;
use kubewright_workspace::manifest::{Build, Platform, Recipe};
use kubewright_workspace::name::ComponentName;
use kubewright_workspace::process::Stop;
use kubewright_workspace::progress::Silent;
use kubewright_workspace::release::{Candidate, Release, ReleaseError};
use kubewright_workspace::sources::Sources;
use kubewright_workspace::sync;
use kubewright_workspace::workspace::Workspace;
use tempfile::TempDir;

/// A workspace and the repositories that it is made of.
pub(crate) struct Sandbox {
    pub(crate) folder: TempDir,
    pub(crate) federation: Federation,
    pub(crate) workspace: Workspace,
}

impl Sandbox {
    pub(crate) fn calico() -> Self {
        Self::calico_within(TempDir::new().unwrap())
    }

    /// Inside of a folder, below which all paths begin with its.
    pub(crate) fn calico_in(outer: &Path) -> Self {
        Self::calico_within(TempDir::new_in(outer).unwrap())
    }

    fn calico_within(folder: TempDir) -> Self {
        let federation = Federation::create(folder.path()).unwrap();
        let workspace = open(&federation.workspace());
        Self { folder, federation, workspace }
    }

    pub(crate) fn tree(&self, name: &str) -> PathBuf {
        self.workspace.tree(&name.parse().unwrap())
    }

    pub(crate) fn reopen(&mut self) {
        self.workspace = open(&self.workspace.root);
    }

    pub(crate) fn sync(&mut self) -> Vec<sync::Synced> {
        let all = self.sync_with(&sync::Options::default());
        all.into_iter()
            .map(|result| result.unwrap_or_else(|error| panic!("{}", chain(&error))))
            .collect()
    }

    pub(crate) fn sync_with(
        &mut self,
        options: &sync::Options,
    ) -> Vec<Result<sync::Synced, sync::SyncError>> {
        let names: Vec<ComponentName> = self.workspace.manifest.component.keys().cloned().collect();
        let names: Vec<&ComponentName> = names.iter().collect();
        sync::sync(&mut self.workspace, &names, options, &Silent, &Stop::default()).unwrap()
    }

    pub(crate) fn sources(&self) -> Sources {
        Sources::of(&self.workspace).unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys::of_sources(&self.workspace, &self.sources(), true).unwrap()
    }

    pub(crate) fn build(&self) -> Ended {
        self.build_with(&Options::default())
    }

    pub(crate) fn build_with(&self, options: &Options) -> Ended {
        let sources = self.sources();
        let keys = Keys::of_sources(&self.workspace, &sources, true).unwrap();
        let stop = Stop::default();
        Ended(build::build(&self.workspace, &sources, &keys, options, &Silent, &stop).unwrap())
    }

    /// Lets a component be built by a command, with one output.
    pub(crate) fn command(&mut self, name: &str, words: &[&str], output: &str) {
        let component = self.workspace.manifest.component.get_mut(name).unwrap();
        component.build = vec![Build {
            recipe: Recipe::Command(words.iter().map(|word| (*word).to_owned()).collect()),
            outputs: vec![output.parse().unwrap()],
        }]
        .into();
        component.image = Vec::new().into();
    }

    pub(crate) fn build_only(&self, name: &str) -> Ended {
        self.build_stopped(name, &Stop::default())
    }

    pub(crate) fn build_stopped(&self, name: &str, stop: &Stop) -> Ended {
        let sources = self.sources();
        let keys = Keys::of_sources(&self.workspace, &sources, true).unwrap();
        let options = Options { names: vec![name.parse().unwrap()], ..Options::default() };
        Ended(build::build(&self.workspace, &sources, &keys, &options, &Silent, stop).unwrap())
    }

    pub(crate) fn build_keys(&self, sources: &Sources, keys: &Keys, names: &[&str]) -> Ended {
        let names = names.iter().map(|name| name.parse().unwrap()).collect();
        let options = Options { names, jobs: Some(1), ..Options::default() };
        let stop = Stop::default();
        Ended(build::build(&self.workspace, sources, keys, &options, &Silent, &stop).unwrap())
    }

    /// Builds and releases.
    pub(crate) fn release(&self, version: &str, tag: bool) -> Result<Release, ReleaseError> {
        release(&self.workspace, version, tag, true)
    }

    pub(crate) fn program(&self, name: &str, output: &str) -> PathBuf {
        let name = name.parse().unwrap();
        let platform: Platform = "linux/amd64".parse().unwrap();
        let folder = Store::of(&self.workspace).outputs(&name, self.keys().of(&name), &platform);
        folder.join(output)
    }

    pub(crate) fn run_program(&self, name: &str, output: &str) -> String {
        let program = self.program(name, output);
        let said = std::process::Command::new(&program).output();
        let said = said.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        String::from_utf8(said.stdout).unwrap()
    }

    /// All images with their digests, of all platforms and joined.
    pub(crate) fn images(&self) -> Vec<(String, String)> {
        let (sources, keys) = (self.sources(), self.keys());
        let images = Images::of(&self.workspace, &sources, &keys).unwrap();
        let made = images.all().map(|(name, image)| {
            for platform in self.workspace.manifest.workspace.platforms() {
                let made = images.make(name, image, &platform);
                made.unwrap_or_else(|error| panic!("{}", chain(&error)));
            }
            let index = images.index(name, image).unwrap();
            (index.reference, index.digest)
        });
        made.collect()
    }

    pub(crate) fn trees_are_clean(&self) {
        for name in self.workspace.manifest.component.keys() {
            let state = State::of(&self.workspace.repository(name)).unwrap();
            assert_eq!(state.changes, [], "{name}");
        }
    }
}

/// A workspace whose Go knows no network. Compiled packages are shared by all tests; what is in
/// Go's cache is decided by content.
pub(crate) fn open(folder: &Path) -> Workspace {
    let mut workspace = Workspace::open(&folder.join("workspace.toml"))
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
    workspace.environment = Environment::of_process()
        .with("GOPROXY", "off")
        .with("GOFLAGS", "-mod=mod")
        .with("GOENV", "off")
        .with("GOCACHE", cache.join("cache"))
        .with("GOPATH", cache.join("path"))
        .with("HOME", folder);
    workspace
}

/// Builds and releases a workspace.
pub(crate) fn release(
    workspace: &Workspace,
    version: &str,
    tag: bool,
    local: bool,
) -> Result<Release, ReleaseError> {
    let (version, stop) = (version.parse().unwrap(), Stop::default());
    let candidate = Candidate::new(workspace, &version, local)?;
    let (sources, keys) = (candidate.sources(), candidate.keys());
    let built = build::build(workspace, sources, keys, &Options::default(), &Silent, &stop);
    Ended(built.unwrap()).done();
    candidate.release(tag, &Silent, &stop)
}

/// How a build ended.
pub(crate) struct Ended(pub(crate) Report);

impl Ended {
    /// What was done, where nothing failed.
    pub(crate) fn done(self) -> Vec<Built> {
        let failed: Vec<String> = self.0.failed.iter().map(|error| chain(error)).collect();
        assert!(failed.is_empty(), "{failed:?}");
        self.0.built
    }

    pub(crate) fn rebuilt(self) -> Vec<String> {
        let built = self.done().into_iter().filter(|built| built.result == Outcome::Built);
        let mut names: Vec<String> = built.map(|built| built.component.to_string()).collect();
        names.sort();
        names
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
