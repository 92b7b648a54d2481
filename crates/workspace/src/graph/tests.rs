#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use super::*;
use crate::go_module::ModFile;
use crate::manifest::Manifest;

fn name(name: &str) -> ComponentName {
    name.parse().unwrap()
}

fn manifest(names: impl IntoIterator<Item = String>) -> Manifest {
    let text: String =
        names.into_iter().map(|name| format!("[component.{name}]\npath = \"{name}\"\n")).collect();
    toml::from_str(&text).unwrap()
}

fn facts(module: &str, imports: &[&str]) -> Facts {
    let module = ModFile::parse(module).unwrap();
    let imports = imports.iter().map(|package| ((*package).to_owned(), 1)).collect();
    Facts { module: Some(module), imports, ..Facts::default() }
}

#[test]
fn edges_come_from_go_mod_and_imports_by_the_longest_module() {
    let manifest = manifest(["a", "b", "c"].map(str::to_owned));
    let facts = BTreeMap::from([
        (
            name("a"),
            facts(
                "module x.org/a\nrequire x.org/b v1.0.0 // indirect\n",
                &["x.org/b/c/sub", "x.org/bb", "fmt"],
            ),
        ),
        (name("b"), facts("module x.org/b\n", &["x.org/b/own"])),
        (name("c"), facts("module x.org/b/c\n", &[])),
    ]);
    let graph = infer(&manifest, &facts).unwrap();
    let edges: Vec<(&str, &str)> =
        graph.edges().map(|(a, b, _)| (a.as_str(), b.as_str())).collect();
    assert_eq!(edges, [("a", "b"), ("a", "c")]);
    assert_eq!(graph.order(), ["b", "c", "a"].map(name));
}

#[test]
fn a_shortest_circle_is_shown() {
    let manifest = manifest(["a", "b", "c", "d"].map(str::to_owned));
    let facts = BTreeMap::from([
        (name("a"), facts("module a\n", &["b"])),
        (name("b"), facts("module b\n", &["c", "d"])),
        (name("c"), facts("module c\n", &["a"])),
        (name("d"), facts("module d\n", &["b"])),
    ]);
    let errors = infer(&manifest, &facts).unwrap_err();
    assert_eq!(errors.0, [GraphError::Cycle(["b", "d", "b"].map(name).to_vec())]);
}

#[test]
fn two_components_cannot_be_one_module() {
    let manifest = manifest(["a", "b"].map(str::to_owned));
    let facts = BTreeMap::from([
        (name("a"), facts("module x\n", &[])),
        (name("b"), facts("module x\n", &[])),
    ]);
    let errors = infer(&manifest, &facts).unwrap_err().to_string();
    assert!(errors.contains("components a and b are both module x"), "{errors}");
}

#[test]
fn why_shows_a_shortest_way_and_the_others() {
    let manifest = manifest(["a", "b", "c", "d"].map(str::to_owned));
    let facts = BTreeMap::from([
        (name("a"), facts("module a\n", &[])),
        (name("b"), facts("module b\n", &["a"])),
        (name("c"), facts("module c\n", &["b"])),
        (name("d"), facts("module d\n", &["b", "c"])),
    ]);
    let graph = infer(&manifest, &facts).unwrap();
    let why = why(&graph, &name("d"), &name("a")).unwrap();
    let path: Vec<&str> = why.path.iter().map(|step| step.to.as_str()).collect();
    assert_eq!(path, ["b", "a"]);
    assert_eq!(why.also_through, [name("c")]);
    assert_eq!(super::why(&graph, &name("a"), &name("d")), None);
    assert_eq!(super::why(&graph, &name("a"), &name("a")), None);
}

proptest::proptest! {
    /// Whatever the edges: an order in which everything comes after what it needs, or a real circle.
    #[test]
    fn an_order_or_a_circle(edges in proptest::collection::vec((0..12_usize, 0..12_usize), 0..40)) {
        let mut needs: BTreeMap<ComponentName, BTreeMap<ComponentName, Vec<Reason>>> =
            (0..12).map(|at| (name(&format!("n{at}")), BTreeMap::new())).collect();
        for (from, to) in edges {
            let reasons = vec![Reason::Declared];
            needs.get_mut(&name(&format!("n{from}"))).unwrap().insert(name(&format!("n{to}")), reasons);
        }
        match Graph::new(needs.clone()) {
            Ok(graph) => {
                assert_eq!(graph.order().len(), 12);
                let place = |name: &ComponentName| graph.order().iter().position(|one| one == name);
                for (from, to, _) in graph.edges() {
                    assert!(place(from) > place(to));
                }
            }
            Err(GraphError::Cycle(circle)) => {
                assert_eq!(circle.first(), circle.last());
                for pair in circle.windows(2) {
                    assert!(needs[&pair[0]].contains_key(&pair[1]));
                }
            }
            Err(other) => panic!("{other}"),
        }
    }
}
