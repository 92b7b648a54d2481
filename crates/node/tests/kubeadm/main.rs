//! The engine that drives kubeadm, with a kubeadm that records and imitates, against the embedded
//! API server.
//!
//! This program is three in one: the tests; by the names of links to it, kubeadm and the other
//! programs that the engine runs (`fake`); and a process of the engine that can be killed (`child`).

#![allow(clippy::unwrap_used)]

mod child;
mod fake;
mod init;
mod joining;
mod killed;
mod schema;
mod tests;
mod world;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let name = std::env::args().next().unwrap_or_default();
    let name = Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into_owned();
    if world::PROGRAMS.contains(&name.as_str()) {
        return fake::main(&name);
    }
    if let Some(order) = std::env::var_os(child::ORDER) {
        return child::main(Path::new(&order));
    }
    let arguments = Arguments::from_args();
    let trials = tests::all().into_iter().map(|(name, test)| {
        Trial::test(name, move || {
            let runtime = tokio::runtime::Runtime::new()?;
            // What fails panics; the harness makes a failure of it.
            runtime.block_on(test());
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
