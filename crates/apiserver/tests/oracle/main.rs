//! Replays conversations recorded from a real kube-apiserver 1.28 against a server.
//!
//! ```text
//! scenarios/**.json ─ scenario ─> replay ─ steps ─> client / watch / webhook ──> target
//!                                   │                       │
//!                               variables            observe ─ normalise ─ compare
//! ```
//!
//! Each scenario is a test of its own, named `area/name`. See README.md for the format and for how
//! to point this at another server.

mod checks;
mod client;
mod compare;
mod json;
mod normalise;
mod observe;
mod paths;
mod replay;
mod scenario;
mod steps;
mod target;
mod tls;
mod variables;
mod watch;
mod webhook;

use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use anyhow::{Context as _, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::client::Endpoint;
use crate::replay::Shared;
use crate::scenario::Scenario;
use crate::target::Target;

/// Scenarios at a time: they wait more than they work.
const JOBS: usize = 6;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("threads can be started"));
static SHARED: OnceCell<Shared> = OnceCell::const_new();

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(JOBS);
    match trials() {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn trials() -> Result<Vec<Trial>> {
    let scenarios = scenario::names()?.into_iter().map(|name| {
        let title = name.clone();
        Trial::test(title, move || must_pass(&name))
    });
    let checks = checks::all().map(|(name, check)| {
        Trial::test(format!("replayer/{name}"), move || {
            check();
            Ok(())
        })
    });
    Ok(scenarios.chain(checks).collect())
}

/// Replays a scenario; the inner error is the first difference, for the reader.
fn run(scenario: &Scenario) -> Result<Result<(), String>> {
    RUNTIME.block_on(async {
        let shared = SHARED.get_or_try_init(start).await?;
        Ok(replay::replay(shared, scenario).await)
    })
}

fn must_pass(name: &str) -> Result<(), Failed> {
    let scenario = scenario::load(name).map_err(in_full)?;
    let needs = match scenario.needs.as_slice() {
        [] => String::new(),
        needs => format!(", needs {}", needs.join(", ")),
    };
    let about = format!("{} [{}{needs}]", scenario.about, scenario.level);
    run(&scenario).map_err(in_full)?.map_err(|difference| format!("{about}\n{difference}\n").into())
}

fn in_full(error: anyhow::Error) -> Failed {
    format!("{error:#}").into()
}

async fn start() -> Result<Shared> {
    let target = Target::start().await.context("starting the server under test")?;
    Ok(Shared {
        endpoint: Arc::new(Endpoint::new(&target)?),
        webhooks: OnceCell::new(),
        _target: target,
    })
}
