//! Go modules of others that builds of a workspace need, found without running anything.
//!
//! `go.sum` names every module that a build may look at: more than it needs, never less. Of those,
//! what is in Go's download cache is what a build here did need.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{BundleError, load};
use crate::process;
use crate::sources::Sources;
use crate::workspace::Workspace;

/// Modules, and their files as a module proxy has them.
#[derive(Debug, Default)]
pub(super) struct Modules {
    /// `PATH@VERSION` of those with sources.
    pub(super) names: Vec<String>,
    /// Path in the proxy → where the file is.
    pub(super) files: BTreeMap<String, PathBuf>,
}

pub(super) fn find(workspace: &Workspace, sources: &Sources) -> Result<Modules, BundleError> {
    let mut wanted = BTreeSet::new();
    for name in workspace.manifest.component.keys() {
        let tree = workspace.tree(name);
        for (_, folder) in sources.modules(name) {
            // No file, no modules of others.
            if let Ok(text) = fs::read_to_string(tree.join(folder).join("go.sum")) {
                wanted.extend(text.lines().filter_map(module));
            }
        }
    }
    let mut found = Modules::default();
    if wanted.is_empty() {
        return Ok(found);
    }
    let caches = caches(workspace);
    for (path, version) in wanted {
        let folder = format!("{}/@v", escaped(&path));
        let mut sources = false;
        for kind in ["info", "mod", "zip"] {
            let place = format!("{folder}/{}.{kind}", escaped(&version));
            let there = caches.iter().map(|cache| cache.join(&place)).find(|file| file.is_file());
            if let Some(file) = there {
                sources |= kind == "zip";
                found.files.insert(place, file);
            }
        }
        if sources {
            found.names.push(format!("{path}@{version}"));
        }
    }
    Ok(found)
}

/// Path and version of a line of `go.sum`. What could be another path is left out.
fn module(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    let (path, version) = (words.next()?, words.next()?);
    let version = version.strip_suffix("/go.mod").unwrap_or(version);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    let inner = |text: &str| {
        text.chars().all(plain) && !text.split('/').any(|part| matches!(part, "" | "." | ".."))
    };
    (inner(path) && inner(version) && !version.contains('/'))
        .then(|| (path.to_owned(), version.to_owned()))
}

/// As files of the cache are called, on systems that do not tell `A` from `a`: `!a`.
/// <https://go.dev/ref/mod#goproxy-protocol>
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(letter.to_ascii_lowercase());
    }
    escaped
}

/// Where modules may be: those that came with a bundle, and those that Go has downloaded.
fn caches(workspace: &Workspace) -> Vec<PathBuf> {
    let mut caches = vec![workspace.state(load::PROXY)];
    let mut go = Command::new("go");
    workspace.environment.set(&mut go, None);
    // Without Go there was no build, and its modules are in no cache.
    if let Ok(said) = process::output(go.args(["env", "GOMODCACHE"])) {
        let folder = String::from_utf8_lossy(&said).trim().to_owned();
        if !folder.is_empty() {
            caches.push(PathBuf::from(folder).join("cache/download"));
        }
    }
    caches
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kubewright_testkit::federation::git;
    use kubewright_testkit::require;
    use kubewright_testkit::require::programs;

    use super::*;

    #[test]
    fn modules_inside_of_modules_need_others_too() {
        require!(programs(&["git"]));
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (file, text) in [
            ("workspace.toml", "[component.a]\npath = \"a\"\n[component.b]\npath = \"b\"\n"),
            ("a/go.mod", "module example.org/a\nrequire example.org/b/api v0.0.0\n"),
            ("b/go.mod", "module example.org/b\n"),
            ("b/go.sum", "example.net/of-b v1.0.0 h1:x\n"),
            ("b/api/go.mod", "module example.org/b/api\nrequire example.net/of-api v1.0.0\n"),
            ("b/api/go.sum", "example.net/of-api v1.0.0 h1:x\n"),
            (".gitignore", ".kubewright\n"),
        ] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), text).unwrap();
        }
        git(root, &["init", "--quiet"]).unwrap();
        git(root, &["add", "--all"]).unwrap();
        git(root, &["commit", "--quiet", "--message", "Begin"]).unwrap();
        let workspace = Workspace::open(&root.join("workspace.toml")).unwrap();
        for module in ["of-b", "of-api"] {
            let cached = workspace.state(load::PROXY).join("example.net").join(module).join("@v");
            fs::create_dir_all(&cached).unwrap();
            fs::write(cached.join("v1.0.0.zip"), "").unwrap();
        }
        let found = find(&workspace, &Sources::of(&workspace).unwrap()).unwrap();
        assert_eq!(found.names, ["example.net/of-api@v1.0.0", "example.net/of-b@v1.0.0"]);
    }

    #[test]
    fn lines_of_go_sum_name_modules_and_never_other_paths() {
        let module = |line| module(line).map(|(path, version)| format!("{path} {version}"));
        assert_eq!(module("a.org/B v1.0.0 h1:x").as_deref(), Some("a.org/B v1.0.0"));
        assert_eq!(
            module("a.org/b v2.0.0+incompatible/go.mod h1:x").as_deref(),
            Some("a.org/b v2.0.0+incompatible")
        );
        for hostile in
            ["", "a", "../x v1 h1:x", "/etc v1 h1:x", "a.org/../x v1 h1:y", "a ../v h1:z"]
        {
            assert_eq!(module(hostile), None, "{hostile}");
        }
    }

    #[test]
    fn capitals_are_escaped() {
        assert_eq!(escaped("github.com/BurntSushi/toml"), "github.com/!burnt!sushi/toml");
    }
}
