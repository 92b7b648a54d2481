//! From manifests and sources to edges.

use std::collections::BTreeMap;
use std::path::{Component as Part, Path, PathBuf};

use super::{Graph, GraphError, GraphErrors, Reason};
use crate::go_module::{Imports, ModFile, Target};
use crate::manifest::Manifest;
use crate::name::ComponentName;

/// What the sources of one component say.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Facts {
    /// Its `go.mod`.
    pub module: Option<ModFile>,
    /// What its sources import.
    pub imports: Imports,
    /// Folders of modules inside of it, by their paths.
    #[serde(default)]
    pub inner: BTreeMap<String, PathBuf>,
}

type Edges = BTreeMap<ComponentName, Vec<Reason>>;

/// The graph of a workspace. Components without facts have what their manifest says.
///
/// # Errors
/// All that is wrong, not the first of it.
pub fn infer(
    manifest: &Manifest,
    facts: &BTreeMap<ComponentName, Facts>,
) -> Result<Graph, GraphErrors> {
    let mut errors = Vec::new();
    let modules = modules(facts, &mut errors);
    let mut needs = BTreeMap::new();
    for (name, component) in &manifest.component {
        let known = facts.get(name);
        let mut edges = Edges::new();
        if let Some(own) = known {
            of_sources(name, own, &modules, &mut edges);
            errors.extend(idle_replaces(name, own, manifest, &modules, facts));
        }
        for input in &component.inputs {
            let reason = Reason::Input { path: input.path.to_string() };
            edges.entry(input.from.clone()).or_default().push(reason);
        }
        if let Some(declared) = &component.depends_on {
            let is_go = known.is_some_and(|facts| facts.module.is_some());
            compare(name, declared, is_go, &mut edges, &mut errors);
        }
        edges.values_mut().for_each(|reasons| reasons.sort());
        needs.insert(name.clone(), edges);
    }
    let graph = Graph::new(needs);
    match graph {
        Ok(graph) if errors.is_empty() => Ok(graph),
        Ok(_) => Err(GraphErrors(errors)),
        Err(circle) => {
            errors.push(circle);
            Err(GraphErrors(errors))
        }
    }
}

/// Components by their modules.
fn modules<'a>(
    facts: &'a BTreeMap<ComponentName, Facts>,
    errors: &mut Vec<GraphError>,
) -> BTreeMap<&'a str, &'a ComponentName> {
    let mut modules = BTreeMap::new();
    for (name, facts) in facts {
        let Some(module) = &facts.module else { continue };
        if let Some(first) = modules.insert(&module.module[..], name) {
            let (first, second, module) = (first.clone(), name.clone(), module.module.clone());
            errors.push(GraphError::SameModule { first, second, module });
        }
    }
    for (name, facts) in facts {
        for module in facts.inner.keys() {
            modules.entry(module).or_insert(name);
        }
    }
    modules
}

fn of_sources(
    name: &ComponentName,
    facts: &Facts,
    modules: &BTreeMap<&str, &ComponentName>,
    edges: &mut Edges,
) {
    for require in facts.module.iter().flat_map(|module| &module.require) {
        if let Some(to) = modules.get(&require.path[..]).filter(|to| **to != name) {
            let (version, indirect) = (require.version.clone(), require.indirect);
            edges.entry((*to).clone()).or_default().push(Reason::Require { version, indirect });
        }
    }
    let mut imported: BTreeMap<&ComponentName, (usize, usize)> = BTreeMap::new();
    for (package, files) in &facts.imports {
        if let Some(to) = module_of(package, modules).filter(|to| *to != name) {
            let counts = imported.entry(to).or_default();
            *counts = (counts.0 + 1, counts.1 + files);
        }
    }
    for (to, (packages, files)) in imported {
        edges.entry(to.clone()).or_default().push(Reason::Imports { packages, files });
    }
}

/// The component whose module has a package: the longest module path that begins it.
fn module_of<'a>(
    package: &str,
    modules: &BTreeMap<&str, &'a ComponentName>,
) -> Option<&'a ComponentName> {
    let mut path = package;
    loop {
        if let Some(name) = modules.get(path) {
            return Some(name);
        }
        path = path.rsplit_once('/')?.0;
    }
}

/// What is declared must be what is inferred. A component that is no Go module may need more than
/// anyone can infer.
fn compare(
    name: &ComponentName,
    declared: &[ComponentName],
    is_go: bool,
    edges: &mut Edges,
    errors: &mut Vec<GraphError>,
) {
    for (to, reasons) in edges.iter() {
        let direct = |reason: &&Reason| !matches!(reason, Reason::Require { indirect: true, .. });
        if let Some(reason) = reasons.iter().find(direct)
            && !declared.contains(to)
        {
            let (from, to, reason) = (name.clone(), to.clone(), reason.clone());
            errors.push(GraphError::NotDeclared { from, to, reason });
        }
    }
    for to in declared {
        if is_go && !edges.contains_key(to) {
            errors.push(GraphError::NotInferred { from: name.clone(), to: to.clone() });
        }
        edges.entry(to.clone()).or_default().push(Reason::Declared);
    }
}

/// Replaces that mean a component but do nothing: their module is not what the component is. The
/// component is meant when its folder is the target, or its name ends the path of the module.
fn idle_replaces(
    name: &ComponentName,
    facts: &Facts,
    manifest: &Manifest,
    modules: &BTreeMap<&str, &ComponentName>,
    facts_of: &BTreeMap<ComponentName, Facts>,
) -> Vec<GraphError> {
    let Some(module) = &facts.module else { return Vec::new() };
    let own = manifest.component.get(name).map(|component| component.tree(name));
    let mut idle = Vec::new();
    for replace in &module.replace {
        let required = module.require.iter().find(|require| require.path == replace.path);
        if let (Some(version), Some(required)) = (&replace.version, required)
            && *version != required.version
            && modules.contains_key(&replace.path[..])
        {
            idle.push(GraphError::ReplaceOfVersion {
                component: name.clone(),
                line: replace.line,
                module: replace.path.clone(),
                replaced: version.clone(),
                required: required.version.clone(),
            });
        }
        if modules.contains_key(&replace.path[..]) || required.is_some() {
            continue;
        }
        let meant = match &replace.target {
            Target::Folder(folder) => own.as_ref().and_then(|own| {
                let target = normal(&own.join(folder));
                let mut all = manifest.component.iter();
                all.find(|(other, component)| normal(&component.tree(other)) == target)
            }),
            Target::Module { .. } => None,
        };
        let by_name = replace.path.rsplit('/').next().unwrap_or_default();
        let meant = meant.map(|(other, _)| other).or_else(|| {
            manifest.component.keys().find(|other| other.as_str() == by_name && *other != name)
        });
        let module = meant.and_then(|meant| facts_of.get(meant)?.module.as_ref());
        if let (Some(target), Some(actual)) = (meant, module) {
            idle.push(GraphError::ReplaceWithoutEffect {
                component: name.clone(),
                line: replace.line,
                module: replace.path.clone(),
                target: target.clone(),
                actual: actual.module.clone(),
            });
        }
    }
    idle
}

/// A relative path without `.` and without `x/..`.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Part::CurDir => {}
            Part::ParentDir if parts.file_name().is_some() => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}
