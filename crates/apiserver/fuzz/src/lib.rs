//! The targets of `tests/fuzz`, led by bytes that a fuzzer chooses instead of by a seed.
#![allow(clippy::unwrap_used)]

#[path = "../../tests/fuzz/mutation.rs"]
mod mutation;
#[path = "../../tests/fuzz/seeds.rs"]
mod seeds;
#[path = "../../tests/fuzz/targets.rs"]
mod targets;

/// Runs a target on what follows from these bytes; panics when it finds something.
pub fn run(name: &str, bytes: &[u8]) {
    let target = targets::TARGETS.iter().find(|target| target.name == name);
    let target = target.expect("the target is one of those of tests/fuzz");
    (target.run)(&mut mutation::Chance::led_by(bytes));
}
