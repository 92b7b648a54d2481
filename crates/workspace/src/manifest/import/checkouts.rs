//! A folder of checkouts: what is there is asked, not guessed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::{Build, Component, Image, ImageSource, Manifest, Native, Recipe};
use super::{ImportError, free_name};
use crate::git::Repository;
use crate::go_module::{self, ModFile};
use crate::graph::{Facts, infer};
use crate::manifest::Dockerfile;
use crate::name::{ComponentName, ImageName, InnerPath, Reference};

/// The manifest, and what was left out.
pub(super) fn import(folder: &Path, root: &Path) -> Result<(Manifest, Vec<String>), ImportError> {
    let read = |path: &Path| {
        let path = path.to_owned();
        move |source| ImportError::Read { path, source }
    };
    let folder = folder.canonicalize().map_err(read(folder))?;
    let root = root.canonicalize().map_err(read(root))?;
    let mut trees: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&folder).map_err(read(&folder))? {
        let path = entry.map_err(read(&folder))?.path();
        if path.join(".git").exists() {
            trees.push(path);
        }
    }
    trees.sort();
    let mut left = Vec::new();
    trees.retain(|tree| {
        let has_commit = Repository::at(tree).commit("HEAD").is_some();
        if !has_commit {
            left.push(format!("{}: it has no commit", tree.display()));
        }
        has_commit
    });
    if trees.is_empty() {
        return Err(ImportError::Nothing(folder));
    }
    let mut manifest = Manifest::default();
    let mut facts = BTreeMap::new();
    for tree in trees {
        let last = tree.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = free_name(&last, &manifest.component).map_err(|source| ImportError::Name {
            path: folder.clone(),
            project: last.clone(),
            source,
        })?;
        let found = facts_of(&tree)?;
        let mut component = component(&tree, &root, &name);
        if found.module.is_some() {
            component.build = programs(&tree).into();
        }
        component.image = images(&tree, &name, &component).into();
        manifest.component.insert(name.clone(), component);
        facts.insert(name, found);
    }
    let graph = infer(&manifest, &facts)?;
    for (name, component) in &mut manifest.component {
        if facts.get(name).is_some_and(|facts| facts.module.is_some()) {
            component.depends_on = Some(graph.needs(name).map(|(to, _)| to.clone()).collect());
        }
    }
    Ok((manifest, left))
}

fn facts_of(tree: &Path) -> Result<Facts, ImportError> {
    let file = tree.join("go.mod");
    let Ok(text) = fs::read_to_string(&file) else { return Ok(Facts::default()) };
    let module = ModFile::parse(&text)
        .map_err(|error| ImportError::Form { path: file, problem: error.to_string() })?;
    let files = Repository::at(tree).files(Path::new("."));
    let files = files.map_err(|source| ImportError::Git { path: tree.to_owned(), source })?;
    let imports = go_module::scan(tree, &files)
        .map_err(|source| ImportError::Read { path: tree.to_owned(), source })?;
    let inner = go_module::inner(tree, &files)
        .map_err(|source| ImportError::Read { path: tree.to_owned(), source })?;
    Ok(Facts { module: Some(module), imports, inner })
}

/// Where it was cloned from, and what is checked out.
fn component(tree: &Path, root: &Path, name: &ComponentName) -> Component {
    let repository = Repository::at(tree);
    let path = tree.strip_prefix(root).map_or_else(|_| tree.to_owned(), Path::to_owned);
    let outside = path.is_absolute();
    let usual = path == Path::new(name.as_str());
    let git = repository.origin().filter(|_| !outside);
    let reference = git.as_ref().and_then(|_| reference(&repository));
    // Without an address the tree is all there is, and it has to be said where.
    let path = (!usual || git.is_none()).then_some(path);
    Component { git, reference, path, ..Component::default() }
}

/// The branch, else the tag, else the commit.
fn reference(repository: &Repository) -> Option<Reference> {
    let asks: [&[&str]; 3] = [
        &["symbolic-ref", "--quiet", "--short", "HEAD"],
        &["describe", "--tags", "--exact-match"],
        &["rev-parse", "HEAD"],
    ];
    asks.iter().find_map(|ask| Reference::new(repository.line(ask).ok()?).ok())
}

/// One build for each `cmd/NAME` that is a program, or for the module itself if that is one.
fn programs(tree: &Path) -> Vec<Build> {
    let mut packages: Vec<(String, String)> = Vec::new();
    if is_program(tree) {
        let name = tree.file_name().unwrap_or_default().to_string_lossy().into_owned();
        packages.push((".".to_owned(), name));
    }
    let commands = fs::read_dir(tree.join("cmd")).into_iter().flatten().flatten();
    let mut commands: Vec<PathBuf> = commands.map(|entry| entry.path()).collect();
    commands.sort();
    for command in commands.into_iter().filter(|path| path.is_dir() && is_program(path)) {
        let name = command.file_name().unwrap_or_default().to_string_lossy().into_owned();
        packages.push((format!("./cmd/{name}"), name));
    }
    packages
        .into_iter()
        .filter_map(|(package, name)| {
            let recipe =
                Recipe::Go { package, cgo: false, ldflags: String::new(), tags: Vec::new() };
            Some(Build { recipe, outputs: vec![InnerPath::new(format!("bin/{name}")).ok()?] })
        })
        .collect()
}

/// Whether a folder has a file of package main that is no test.
fn is_program(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut sources = files.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.ends_with(".go") && !name.ends_with("_test.go")
    });
    sources.any(|path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().any(|line| line.split_whitespace().take(2).eq(["package", "main"]))
    })
}

/// An image by the Dockerfile, or of the programs.
fn images(tree: &Path, name: &ComponentName, component: &Component) -> Vec<Image> {
    let Ok(image) = ImageName::new(name.as_str().to_lowercase()) else { return Vec::new() };
    let source = match (InnerPath::new("Dockerfile"), component.build.is_empty()) {
        (Ok(file), _) if tree.join("Dockerfile").is_file() => {
            ImageSource::Dockerfile(Dockerfile { file, args: BTreeMap::new() })
        }
        (_, false) => ImageSource::Native(Native::default()),
        _ => return Vec::new(),
    };
    vec![Image { name: image, source }]
}
