#![allow(clippy::unwrap_used)]
use std::time::{Duration, Instant};

use super::*;
use crate::git::Change;
use crate::go_module::ModFile;
use crate::graph::{Facts, infer};

fn state(tree: usize, changes: &[&str]) -> State {
    let change = |path: &&str| Change { path: path.into(), digest: None };
    State {
        commit: format!("{tree:040x}"),
        tree: format!("{tree:040x}"),
        branch: None,
        ahead_behind: None,
        changes: changes.iter().map(change).collect(),
        absent: None,
    }
}

/// A federation of so many, each of which needs up to five before it.
fn synthetic(
    count: usize,
) -> (Manifest, BTreeMap<ComponentName, Facts>, BTreeMap<ComponentName, State>) {
    let mut text = String::new();
    let (mut facts, mut states) = (BTreeMap::new(), BTreeMap::new());
    for at in 0..count {
        let needs: Vec<usize> =
            (1..=5).filter_map(|step| at.checked_sub(step * step * 3)).collect();
        let names: Vec<String> = needs.iter().map(|need| format!("\"c{need}\"")).collect();
        text += &format!(
            "[component.c{at}]\npath = \"c{at}\"\ndepends_on = [{}]\nbuild = {{ go = \".\", output = \"bin/c{at}\" }}\n",
            names.join(", ")
        );
        let requires: String =
            needs.iter().map(|need| format!("require x.org/c{need} v1.0.0\n")).collect();
        let module = ModFile::parse(&format!("module x.org/c{at}\n{requires}")).unwrap();
        let imports = needs.iter().map(|need| (format!("x.org/c{need}/pkg"), 1)).collect();
        let name: ComponentName = format!("c{at}").parse().unwrap();
        facts.insert(name.clone(), Facts { module: Some(module), imports, ..Facts::default() });
        states.insert(name, state(at, &[]));
    }
    (Manifest::parse(&text, std::path::Path::new("workspace.toml")).unwrap(), facts, states)
}

fn planned(
    manifest: &Manifest,
    facts: &BTreeMap<ComponentName, Facts>,
    states: &BTreeMap<ComponentName, State>,
) -> Keys {
    let graph = infer(manifest, facts).unwrap();
    let (nothing, compilers) = (BTreeMap::new(), BTreeMap::new());
    let common = Common {
        toolchain: "go",
        compilers: &compilers,
        environment: &nothing,
        local: true,
        bases: &nothing,
    };
    Keys::plan(manifest, &graph, states, BTreeMap::new(), common)
}

#[test]
fn a_change_reaches_exactly_what_needs_it() {
    let (manifest, facts, mut states) = synthetic(60);
    let before = planned(&manifest, &facts, &states);
    let touched: ComponentName = "c20".parse().unwrap();
    states.insert(touched.clone(), state(20, &["new.go"]));
    let after = planned(&manifest, &facts, &states);
    let changed: Vec<&ComponentName> =
        manifest.component.keys().filter(|name| before.of(name) != after.of(name)).collect();
    let graph = infer(&manifest, &facts).unwrap();
    let wanted: Vec<&ComponentName> = graph.with_dependents([&touched]).into_iter().collect();
    assert_eq!(changed, wanted);
    assert!(wanted.len() > 1 && wanted.len() < 60);
}

/// The figure is a second, for a release build on a quiet machine; a wrong order of growth would
/// take minutes.
#[test]
fn a_thousand_components_are_planned_at_once() {
    let begin = Instant::now();
    let (manifest, facts, states) = synthetic(1000);
    let keys = planned(&manifest, &facts, &states);
    assert_eq!(keys.keys.len(), 1000);
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}
