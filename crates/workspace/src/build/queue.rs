//! The ready queue: what has all it needs is worked on, the longest way first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::graph::Graph;
use crate::name::ComponentName;

/// How the work ended.
#[derive(Debug)]
pub struct Finished<T, E> {
    /// Results in the order they came.
    pub done: Vec<T>,
    /// Failures; nothing was begun after the first.
    pub failed: Vec<E>,
    /// What was not begun.
    pub left: Vec<ComponentName>,
}

struct Line<'a, T, E> {
    /// Ready, by how much waits for it.
    ready: BTreeSet<(Reverse<usize>, &'a ComponentName)>,
    /// How many of those that each one needs are not done.
    missing: BTreeMap<&'a ComponentName, usize>,
    running: usize,
    done: Vec<T>,
    failed: Vec<E>,
}

/// Does `work` for each of some components, after those of them that it needs, also by way of
/// others; `jobs` at once. After the first failure nothing new is begun.
pub fn run<T: Send, E: Send>(
    graph: &Graph,
    names: &BTreeSet<ComponentName>,
    jobs: usize,
    work: impl Fn(&ComponentName) -> Result<T, E> + Sync,
) -> Finished<T, E> {
    let needs = within(graph, names);
    let heights = heights(graph, &needs);
    let mut dependents: BTreeMap<&ComponentName, Vec<&ComponentName>> = BTreeMap::new();
    for (name, needs) in &needs {
        for need in needs {
            dependents.entry(need).or_default().push(name);
        }
    }
    let height = |name: &ComponentName| Reverse(heights.get(name).copied().unwrap_or(0));
    let missing: BTreeMap<_, _> = needs.iter().map(|(name, needs)| (*name, needs.len())).collect();
    let ready = missing.iter().filter(|(_, count)| **count == 0);
    let line = Line {
        ready: ready.map(|(name, _)| (height(name), *name)).collect(),
        missing,
        running: 0,
        done: Vec::new(),
        failed: Vec::new(),
    };
    let (line, changed) = (Mutex::new(line), Condvar::new());
    let worker = || {
        let mut at = line.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if !at.failed.is_empty() {
                return;
            }
            let Some((_, name)) = at.ready.pop_first() else {
                if at.running == 0 {
                    return;
                }
                at = changed.wait(at).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            at.missing.remove(name);
            at.running += 1;
            drop(at);
            let result = work(name);
            at = line.lock().unwrap_or_else(PoisonError::into_inner);
            at.running -= 1;
            match result {
                Err(error) => at.failed.push(error),
                Ok(result) => {
                    at.done.push(result);
                    for dependent in dependents.get(name).into_iter().flatten() {
                        let Some(count) = at.missing.get_mut(dependent) else { continue };
                        *count -= 1;
                        if *count == 0 {
                            at.ready.insert((height(dependent), dependent));
                        }
                    }
                }
            }
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(names.len()) {
            scope.spawn(worker);
        }
    });
    let line = line.into_inner().unwrap_or_else(PoisonError::into_inner);
    let left = line.missing.into_keys().cloned().collect();
    Finished { done: line.done, failed: line.failed, left }
}

type Needs<'a> = BTreeMap<&'a ComponentName, BTreeSet<&'a ComponentName>>;

/// What each of some components needs among them, also by way of others that are not.
fn within<'a>(graph: &'a Graph, names: &'a BTreeSet<ComponentName>) -> Needs<'a> {
    let mut reached: Needs<'a> = BTreeMap::new();
    for name in graph.order() {
        let mut nearest = BTreeSet::new();
        for (need, _) in graph.needs(name) {
            match names.get(need) {
                Some(need) => {
                    nearest.insert(need);
                }
                None => nearest.extend(reached.get(need).into_iter().flatten()),
            }
        }
        reached.insert(name, nearest);
    }
    reached.retain(|name, _| names.contains(*name));
    reached
}

/// The longest way up from each one: how much waits for it.
fn heights<'a>(graph: &Graph, needs: &Needs<'a>) -> BTreeMap<&'a ComponentName, usize> {
    let mut heights: BTreeMap<&ComponentName, usize> = BTreeMap::new();
    for name in graph.order().iter().rev() {
        let above = heights.get(name).copied().unwrap_or(0) + 1;
        for need in needs.get(name).into_iter().flatten() {
            let height = heights.entry(need).or_default();
            *height = above.max(*height);
        }
    }
    heights
}

#[cfg(test)]
mod tests;
