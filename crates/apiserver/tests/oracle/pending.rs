//! The scenarios that belong to later work. `pending.txt` only ever gets shorter.

use std::collections::BTreeSet;

use crate::checks::Check;
use crate::scenario;

pub(crate) const CHECKS: &[Check] =
    &[("pending/names_existing_scenarios_once_in_order", names_existing_scenarios_once_in_order)];

/// Names, `area/name` each.
pub(crate) fn names() -> BTreeSet<&'static str> {
    lines().collect()
}

fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("pending.txt")
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
}

fn names_existing_scenarios_once_in_order() {
    let listed: Vec<_> = lines().collect();
    assert!(listed.is_sorted_by(|a, b| a < b), "pending.txt is sorted and has no name twice");
    let known = scenario::names().expect("the scenarios can be listed");
    for name in listed {
        assert!(
            known.iter().any(|known| known == name),
            "pending.txt lists {name}, which is no scenario"
        );
    }
}
