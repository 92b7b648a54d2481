//! `go build`, against the modules of the workspace.
//!
//! Go sees copies of trees ([`export`](super::export)), and `-modfile` names a `go.mod` elsewhere in
//! which the modules of the workspace replace those that the tree's pins. Inputs are in these copies,
//! because `-overlay` does not show files to `go:embed` in all versions of Go. A `go.work` would have to agree with all replaces of all modules at once, which those of
//! Calico do not do among themselves.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::modfile::{self, Local};
use super::view::View;
use super::{BuildError, Job, export};
use crate::go_module::Target;
use crate::image::tag;
use crate::manifest::Platform;
use crate::name::{ComponentName, InnerPath};
use crate::process;

/// What is built.
pub(super) struct Go<'a> {
    pub(super) package: &'a str,
    pub(super) cgo: bool,
    pub(super) ldflags: &'a str,
    pub(super) tags: &'a [String],
    pub(super) output: &'a InnerPath,
}

impl Job<'_> {
    pub(super) fn go(&self, go: &Go<'_>) -> Result<(), BuildError> {
        self.check_inputs_of_go()?;
        let output = self.out.join(go.output.as_str());
        let tree = self.bench.exports.of(&self.view())?;
        let locals = self.locals(&tree)?;
        let mut command = process::bound("go", &self.bench.workspace.environment.path());
        self.bench.workspace.environment.set(&mut command, Some(self.component));
        command.current_dir(&tree).args(["build", "-trimpath", "-buildvcs=false"]);
        command.arg("-p").arg(self.bench.processors.to_string());
        if !locals.is_empty() {
            command.arg("-mod=mod");
        }
        let mut sums = String::new();
        if let Some((module, joined)) = self.module_files(&tree, &locals)? {
            let mut flag = OsString::from("-modfile=");
            flag.push(self.modfile(&module, &joined)?);
            command.arg(flag);
            sums = joined;
        }
        if !go.tags.is_empty() {
            command.arg(format!("-tags={}", go.tags.join(",")));
        }
        // The id of a build tells of nothing that the key does not.
        command.arg(format!("-ldflags=-buildid= {}", self.ldflags(go.ldflags)).trim_end());
        command.arg("-o").arg(&output).arg(go.package);
        self.target(&mut command);
        command.env("CGO_ENABLED", if go.cgo { "1" } else { "0" });
        let (limit, stop) = (self.bench.limit, self.bench.stop);
        process::watched(&mut command, &self.log, limit, stop).map_err(self.program(go.package))?;
        self.verify(&locals, &sums, &output)
    }

    /// That Go reads nothing that the key does not know of.
    fn check_inputs_of_go(&self) -> Result<(), BuildError> {
        let component = || self.name.clone();
        let Some(module) = self.bench.sources.module(self.name) else {
            return Err(BuildError::NoModule { component: component() });
        };
        if let Some(flag) = self.bench.workspace.environment.foreign_flag(self.component) {
            return Err(BuildError::Flag { component: component(), flag });
        }
        let ours = self.local_modules();
        let is_ours = |path: &str| ours.iter().any(|(_, module, _)| *module == path);
        let foreign = module.replace.iter().find_map(|replace| {
            let Target::Folder(folder) = &replace.target else { return None };
            let required = module.require.iter().any(|require| require.path == replace.path);
            // What nothing requires Go does not look at, except where it is indirectly required.
            let read = required || Path::new(folder).is_absolute();
            let foreign = export::leads_out(Path::new(""), Path::new(folder));
            (read && foreign && !is_ours(&replace.path)).then_some((replace, folder))
        });
        match foreign {
            None => Ok(()),
            Some((replace, folder)) => Err(BuildError::ReplaceOutside {
                component: component(),
                line: replace.line,
                module: replace.path.clone(),
                folder: folder.clone(),
            }),
        }
    }

    /// Environment of a build for the platform.
    pub(super) fn target(&self, command: &mut Command) {
        let platform = self.platform;
        command.env("GOOS", &platform.os).env("GOARCH", &platform.architecture);
        if let Some(goarm) = goarm(platform) {
            command.env("GOARM", goarm);
        }
    }

    fn ldflags(&self, template: &str) -> String {
        let version = self.bench.keys.version(self.name);
        let (describe, commit) =
            version.map_or(("", ""), |version| (&version.describe[..], &version.commit[..]));
        let key = self.bench.keys.of(self.name).as_str();
        tag::filled(template, tag::Values { describe, commit, key, component: self.name.as_str() })
    }

    /// The modules of the workspace that take part, with the component and the folder in it that each
    /// is; none where it builds with what is pinned.
    fn local_modules(&self) -> Vec<(&ComponentName, &str, &Path)> {
        if !self.bench.keys.local {
            return Vec::new();
        }
        let sources = self.bench.sources;
        let needs = sources.graph.with_needs([self.name]).into_iter();
        let all = needs.flat_map(|name| {
            sources.modules(name).map(move |(module, folder)| (name, module, folder))
        });
        // The module that is built replaces nothing, and what it replaces by its own folders is ours
        // already.
        let replaced = |module: &str| {
            let own = sources.module(self.name).into_iter().flat_map(|own| &own.replace);
            let mut own = own.filter(|replace| replace.path == module);
            own.any(|replace| match &replace.target {
                Target::Folder(folder) => !export::leads_out(Path::new(""), Path::new(folder)),
                Target::Module { .. } => false,
            })
        };
        let takes_part = |(name, module, folder): &(&ComponentName, &str, &Path)| {
            *name != self.name || (*folder != Path::new("") && !replaced(module))
        };
        all.filter(takes_part).collect()
    }

    /// The same as they are seen from a folder, in which this component lies.
    pub(super) fn locals(&self, from: &Path) -> Result<Vec<Local>, BuildError> {
        let physical = |path: &Path| path.canonicalize().map_err(self.file("find", path));
        let from = physical(from)?;
        let mut locals = Vec::new();
        for (name, module, folder) in self.local_modules() {
            let tree = match name == self.name {
                true => from.clone(),
                false => self.export(name)?,
            };
            let folder = modfile::relative(&from, &physical(&tree.join(folder))?);
            locals.push(Local { module: module.to_owned(), folder });
        }
        Ok(locals)
    }

    /// The copy of a component that this one needs.
    fn export(&self, name: &ComponentName) -> Result<PathBuf, BuildError> {
        let component = self.bench.workspace.manifest.component.get(name);
        let component = component.unwrap_or(self.component);
        self.bench.exports.of(&View { name, component, ..self.view() })
    }

    /// Text of the `go.mod` and `go.sum` that a build in `tree` is to see.
    pub(super) fn module_files(
        &self,
        tree: &Path,
        locals: &[Local],
    ) -> Result<Option<(String, String)>, BuildError> {
        let Some(module) = self.bench.sources.module(self.name) else { return Ok(None) };
        if locals.is_empty() {
            return Ok(None);
        }
        let file = tree.join("go.mod");
        let text = fs::read_to_string(&file).map_err(self.file("read", &file))?;
        let folders = locals.iter().map(|local| tree.join(&local.folder));
        let sums: Vec<String> = std::iter::once(tree.to_owned())
            .chain(folders)
            .filter_map(|folder| fs::read_to_string(folder.join("go.sum")).ok())
            .collect();
        let sums = modfile::sums(sums.iter().map(String::as_str));
        Ok(Some((modfile::with_locals(&text, module, locals), sums)))
    }

    fn modfile(&self, module: &str, sums: &str) -> Result<PathBuf, BuildError> {
        let folder = self.bench.workspace.state_folder(Path::new("go").join(self.name.as_str()))?;
        let file = folder.join("go.mod");
        fs::write(&file, module).map_err(self.file("write", &file))?;
        let sum = folder.join("go.sum");
        fs::write(&sum, sums).map_err(self.file("write", &sum))?;
        Ok(file)
    }

    pub(super) fn view(&self) -> View<'_> {
        let (workspace, keys, store) = (self.bench.workspace, self.bench.keys, self.bench.store);
        let (name, component, platform) = (self.name, self.component, self.platform);
        View { workspace, keys, store, name, component, platform }
    }

    /// Asks the program itself which modules it holds: those of the workspace must be ours, and those
    /// of others pinned by the `go.sum` that the build has begun with.
    fn verify(&self, locals: &[Local], sums: &str, program: &Path) -> Result<(), BuildError> {
        if locals.is_empty() {
            return Ok(());
        }
        let mut command = Command::new("go");
        self.bench.workspace.environment.set(&mut command, Some(self.component));
        let said = process::output(command.args(["version", "-m"]).arg(program))
            .map_err(self.program("go version -m"))?;
        let said = String::from_utf8_lossy(&said);
        if let Some((local, found)) = unreplaced(&said, locals) {
            return Err(BuildError::ReplaceWithoutEffect {
                component: self.name.clone(),
                module: local.module.clone(),
                expected: local.folder.clone(),
                found,
            });
        }
        match unpinned(&said, sums) {
            None => Ok(()),
            Some((module, version)) => Err(BuildError::Unpinned {
                component: self.name.clone(),
                module: module.to_owned(),
                version: version.to_owned(),
                need: self.need(module),
            }),
        }
    }

    /// The tree of the component that imports a module of others.
    fn need(&self, module: &str) -> PathBuf {
        let sources = self.bench.sources;
        let is_of = |package: &String| Path::new(package).starts_with(module);
        let imports = |name: &&ComponentName| {
            sources.facts.get(*name).is_some_and(|facts| facts.imports.keys().any(is_of))
        };
        let needs = sources.graph.with_needs([self.name]).into_iter().find(imports);
        self.bench.workspace.tree(needs.unwrap_or(self.name))
    }
}

/// `GOARM`, where a platform has it: `7` of `linux/arm/v7`.
fn goarm(platform: &Platform) -> Option<&str> {
    platform.variant.as_deref().filter(|_| platform.architecture == "arm")?.strip_prefix('v')
}

/// The first local module that a program holds from elsewhere, by the output of `go version -m`.
fn unreplaced<'a>(said: &str, locals: &'a [Local]) -> Option<(&'a Local, String)> {
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split('\t').collect()).collect();
    for (at, line) in lines.iter().enumerate() {
        let ["", "dep", module, version, ..] = line[..] else { continue };
        let Some(local) = locals.iter().find(|local| local.module == module) else { continue };
        match lines.get(at + 1).map(Vec::as_slice) {
            Some(["", "=>", folder, ..]) if *folder == local.folder => {}
            Some(["", "=>", other, ..]) => return Some((local, (*other).to_owned())),
            _ => return Some((local, format!("{module} {version}"))),
        }
    }
    None
}

/// The first module of others that a program holds and no line of `sums` is of, by the output of
/// `go version -m`: with `-mod=mod` Go takes the latest version for an import that no `go.mod` knows,
/// which is another one tomorrow. Where only the hash of its `go.mod` is there, the version follows
/// from what is required.
fn unpinned<'a>(said: &'a str, sums: &str) -> Option<(&'a str, &'a str)> {
    let mut lines = said.lines().map(|line| line.split('\t').collect::<Vec<_>>()).peekable();
    while let Some(line) = lines.next() {
        let ["", "dep", mut module, mut version, ..] = line[..] else { continue };
        if let Some(&["", "=>", by, of, ..]) = lines.peek().map(Vec::as_slice) {
            (module, version) = (by, of);
        }
        // A folder.
        if !version.starts_with('v') {
            continue;
        }
        let is_of = |line: &str| {
            let mut words = line.split(' ');
            let of = words.next() == Some(module);
            of && words.next().map(|word| word.trim_end_matches("/go.mod")) == Some(version)
        };
        if !sums.lines().any(is_of) {
            return Some((module, version));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_replace_without_effect_is_seen_in_the_program() {
        let local = Local { module: "example.org/a".to_owned(), folder: "../a".to_owned() };
        let locals = [local.clone()];
        let good = "x: go1.19\n\tpath\tx\n\tdep\texample.org/a\tv1.0.0\n\t=>\t../a\t(devel)\t\n";
        assert_eq!(unreplaced(good, &locals), None);
        let pinned = "x: go1.19\n\tdep\texample.org/a\tv1.0.0\th1:x=\n\tbuild\t-trimpath=true\n";
        let (module, found) = unreplaced(pinned, &locals).unwrap();
        assert_eq!((module, &found[..]), (&local, "example.org/a v1.0.0"));
        let other = "x: go1.19\n\tdep\texample.org/a\tv1.0.0\n\t=>\t../b\t(devel)\t\n";
        assert_eq!(unreplaced(other, &locals).unwrap().1, "../b");
        assert_eq!(unreplaced("x: go1.19\n\tdep\texample.org/z\tv1\n", &locals), None);
    }

    #[test]
    fn a_module_that_no_sum_names_is_seen_in_the_program() {
        let said = "x: go1.19\n\tpath\tx\n\tmod\tx\t(devel)\t\n\tdep\tq.org/a\tv1.2.0\th1:x=\n\
                    \tdep\tq.org/b\tv0.0.0\n\t=>\t../b\t(devel)\t\n\
                    \tdep\tq.org/c\tv1.0.0\n\t=>\tq.org/d\tv1.1.0\th1:y=\n";
        let both = "q.org/a v1.2.0 h1:x=\nq.org/d v1.1.0 h1:y=\n";
        assert_eq!(unpinned(said, both), None);
        let known = "q.org/a v1.2.0/go.mod h1:z=\nq.org/d v1.1.0 h1:y=\n";
        assert_eq!(unpinned(said, known), None);
        assert_eq!(unpinned(said, "q.org/a v1.2.0 h1:x=\n"), Some(("q.org/d", "v1.1.0")));
        let older = both.replace("v1.2.0", "v1.1.9");
        assert_eq!(unpinned(said, &older), Some(("q.org/a", "v1.2.0")));
    }
}
