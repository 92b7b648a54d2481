//! Hostile input: what anybody can send is thrown at what reads it, changed at random.
//!
//! Each target takes bytes or JSON, must not panic, and must be done within [`PATIENCE`].
//! A run takes half a second per target, or `KUBEWRIGHT_FUZZ_SECONDS`. What it does follows
//! from `KUBEWRIGHT_FUZZ_SEED`, which a failure names.
#![allow(clippy::unwrap_used)]

mod mutation;
mod seeds;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use mutation::Chance;
use targets::{TARGETS, Target};

/// One input may take so long, in a debug build on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let trial = |target: &'static Target| {
        Trial::test(format!("fuzz/{}", target.name), move || fuzz(target))
    };
    libtest_mimic::run(&Arguments::from_args(), TARGETS.iter().map(trial).collect()).exit_code()
}

fn fuzz(target: &Target) -> Result<(), Failed> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<f64>().ok());
    let time = Duration::from_secs_f64(number("KUBEWRIGHT_FUZZ_SECONDS").unwrap_or(0.5));
    let seed = number("KUBEWRIGHT_FUZZ_SEED").map_or(1, |seed| seed as u64);
    let begin = Instant::now();
    let mut runs = 0_u64;
    while begin.elapsed() < time || runs < 50 {
        // Every input has a seed of its own, so that one can be run again alone.
        let own = seed.wrapping_add(runs);
        let started = Instant::now();
        let run = catch_unwind(AssertUnwindSafe(|| (target.run)(&mut Chance::new(own))));
        let how = "run it alone with KUBEWRIGHT_FUZZ_SECONDS=0";
        if run.is_err() {
            return Err(format!("panic with KUBEWRIGHT_FUZZ_SEED={own}; {how}").into());
        }
        if started.elapsed() > PATIENCE {
            let took = started.elapsed();
            return Err(format!("{took:?} with KUBEWRIGHT_FUZZ_SEED={own}; {how}").into());
        }
        runs += 1;
    }
    println!("{}: {runs} inputs", target.name);
    Ok(())
}
