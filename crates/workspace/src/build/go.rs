//! `go build`, against the modules of the workspace.
//!
//! The tree is not touched: `-modfile` names a `go.mod` elsewhere in which the modules of the
//! workspace replace those that the tree's pins. A component with inputs is built in a copy, because
//! `-overlay` does not show files to `go:embed` in all versions of Go. A `go.work` would have to agree with all replaces of all modules at once, which those of
//! Calico do not do among themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::modfile::{self, Local};
use super::view::View;
use super::{BuildError, Job};
use crate::image::tag;
use crate::manifest::Platform;
use crate::name::InnerPath;
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
        let output = self.out.join(go.output.as_str());
        // Inputs have to lie in the tree that Go sees, and must not lie in the real one.
        let (tree, copied) = match self.component.inputs.is_empty() {
            true => (self.bench.workspace.tree(self.name), false),
            false => (self.copied()?, true),
        };
        let locals = self.locals(&tree)?;
        let mut command = Command::new("go");
        self.bench.workspace.environment.set(&mut command, Some(self.component));
        command.current_dir(&tree).args(["build", "-trimpath", "-buildvcs=false"]);
        command.arg("-p").arg(self.bench.processors.to_string());
        if !locals.is_empty() {
            command.arg("-mod=mod");
        }
        if let Some(modfile) = self.modfile(&locals)?.filter(|_| !copied) {
            command.arg(format!("-modfile={}", modfile.display()));
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
        if copied {
            fs::remove_dir_all(&tree).map_err(self.file("remove", &tree))?;
        }
        self.verify(&locals, &output)
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

    /// The modules of the workspace that take part; none where it builds with what is pinned.
    pub(super) fn locals(&self, from: &Path) -> Result<Vec<Local>, BuildError> {
        if !self.bench.keys.local {
            return Ok(Vec::new());
        }
        let sources = self.bench.sources;
        let needs = sources.graph.with_needs([self.name]);
        let mut locals = Vec::new();
        let physical = |path: &Path| path.canonicalize().map_err(self.file("find", path));
        let from = physical(from)?;
        for name in needs.into_iter().filter(|name| *name != self.name) {
            if let Some(module) = sources.module(name) {
                let folder = physical(&self.bench.workspace.tree(name))?;
                let folder = modfile::relative(&from, &folder);
                locals.push(Local { module: module.module.clone(), folder });
            }
        }
        Ok(locals)
    }

    /// Text of the `go.mod` and `go.sum` that a build is to see.
    pub(super) fn module_files(
        &self,
        locals: &[Local],
    ) -> Result<Option<(String, String)>, BuildError> {
        let Some(module) = self.bench.sources.module(self.name) else { return Ok(None) };
        if locals.is_empty() {
            return Ok(None);
        }
        let workspace = self.bench.workspace;
        let tree = workspace.tree(self.name);
        let file = tree.join("go.mod");
        let text = fs::read_to_string(&file).map_err(self.file("read", &file))?;
        let needs = self.bench.sources.graph.with_needs([self.name]);
        let sums: Vec<String> = needs
            .into_iter()
            .filter_map(|name| fs::read_to_string(workspace.tree(name).join("go.sum")).ok())
            .collect();
        let sums = modfile::sums(sums.iter().map(String::as_str));
        Ok(Some((modfile::with_locals(&text, module, locals), sums)))
    }

    fn modfile(&self, locals: &[Local]) -> Result<Option<PathBuf>, BuildError> {
        let Some((module, sums)) = self.module_files(locals)? else { return Ok(None) };
        let folder = self.bench.workspace.state_folder(Path::new("go").join(self.name.as_str()))?;
        let file = folder.join("go.mod");
        fs::write(&file, module).map_err(self.file("write", &file))?;
        let sum = folder.join("go.sum");
        fs::write(&sum, sums).map_err(self.file("write", &sum))?;
        Ok(Some(file))
    }

    pub(super) fn view(&self) -> View<'_> {
        let (workspace, keys, store) = (self.bench.workspace, self.bench.keys, self.bench.store);
        let (name, component, platform) = (self.name, self.component, self.platform);
        View { workspace, keys, store, name, component, platform }
    }

    /// Asks the program itself which modules it holds: those of the workspace must be ours.
    fn verify(&self, locals: &[Local], program: &Path) -> Result<(), BuildError> {
        if locals.is_empty() {
            return Ok(());
        }
        let mut command = Command::new("go");
        self.bench.workspace.environment.set(&mut command, Some(self.component));
        let said = process::output(command.args(["version", "-m"]).arg(program))
            .map_err(self.program("go version -m"))?;
        match unreplaced(&String::from_utf8_lossy(&said), locals) {
            None => Ok(()),
            Some((local, found)) => Err(BuildError::ReplaceWithoutEffect {
                component: self.name.clone(),
                module: local.module.clone(),
                expected: local.folder.clone(),
                found,
            }),
        }
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
}
