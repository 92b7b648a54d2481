#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};

use super::*;
use crate::graph::Reason;

fn name(name: &str) -> ComponentName {
    name.parse().unwrap()
}

fn graph(edges: &[(&str, &[&str])]) -> (Graph, BTreeSet<ComponentName>) {
    let needs: BTreeMap<_, _> = edges
        .iter()
        .map(|(from, to)| {
            let to = to.iter().map(|to| (name(to), vec![Reason::Declared]));
            (name(from), to.collect::<BTreeMap<_, _>>())
        })
        .collect();
    let names = needs.keys().cloned().collect();
    (Graph::new(needs).unwrap(), names)
}

#[test]
fn everything_comes_after_what_it_needs_also_by_way_of_others() {
    let (graph, mut names) = graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &["c"])]);
    names.remove("b");
    names.remove("c");
    let begun = Mutex::new(Vec::new());
    let finished = run(&graph, &names, 4, |name| {
        begun.lock().unwrap().push(name.to_string());
        Ok::<_, ()>(name.to_string())
    });
    assert_eq!(finished.done, ["a", "d"]);
    assert_eq!(*begun.lock().unwrap(), ["a", "d"]);
}

#[test]
fn what_can_run_together_does() {
    let (graph, names) = graph(&[("a", &[]), ("b", &[]), ("c", &["a", "b"])]);
    // Each waits for the other: one after the other they would wait for ever.
    let both = Barrier::new(2);
    let finished = run(&graph, &names, 2, |name| {
        if name.as_str() != "c" {
            both.wait();
        }
        Ok::<_, ()>(())
    });
    assert_eq!(finished.done.len(), 3);
}

#[test]
fn the_longest_way_is_begun_first() {
    let (graph, names) = graph(&[("a", &[]), ("z", &[]), ("y", &["z"]), ("x", &["y"])]);
    let finished = run(&graph, &names, 1, |name| Ok::<_, ()>(name.to_string()));
    assert_eq!(finished.done, ["z", "y", "a", "x"]);
}

#[test]
fn nothing_is_begun_after_a_failure() {
    let (graph, names) = graph(&[("a", &[]), ("b", &["a"]), ("c", &[])]);
    let begun = AtomicUsize::new(0);
    let finished = run(&graph, &names, 1, |name| {
        begun.fetch_add(1, Ordering::SeqCst);
        Err::<(), _>(name.to_string())
    });
    assert_eq!(finished.failed, ["a"]);
    assert_eq!(finished.left, ["b", "c"].map(name));
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}
