//! A durable server is killed (SIGKILL) at random moments while clients write. After each
//! restart every acknowledged write is there, nothing is there that nobody asked for, and
//! resource versions never go back.
//!
//! The server is this same program, started again with [`SERVE`].
#![allow(clippy::unwrap_used)]

mod ledger;
mod life;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use kube::api::{Api, ListParams};
use kubewright_apiserver::{Identity, Server};
use libtest_mimic::{Arguments, Failed, Trial};

use ledger::{Ledger, Writer};
use life::Life;

/// First argument of the program when it is to be the server; then comes its directory.
const SERVE: &str = "serve-until-killed";

const TOKEN: &str = "token-of-the-crash-tests";

/// Kills of each trial; there are [`TRIALS`] of them, side by side.
const ROUNDS: usize = 50;
const TRIALS: usize = 4;

const WRITERS: usize = 4;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, first, directory] = &arguments[..]
        && first == SERVE
    {
        serve(Path::new(directory));
        return ExitCode::SUCCESS;
    }
    let trial = |number| {
        Trial::test(format!("acknowledged_writes_survive_kills::{number}"), move || {
            let runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = { runtime }.worker_threads(2).enable_all().build()?;
            runtime.block_on(kill_again_and_again(number))
        })
    };
    libtest_mimic::run(&Arguments::from_args(), (0..TRIALS).map(trial).collect()).exit_code()
}

/// Serves until it is killed, or until nobody is left at the other end of standard input.
fn serve(directory: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(async {
        let builder = Server::builder().state_dir(directory).token(TOKEN, Identity::admin());
        let server = builder.start().await.unwrap();
        let address = server.serve_plain(([127, 0, 0, 1], 0).into()).await.unwrap();
        println!("{address}");
        server
    });
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    drop(server);
}

/// Luck; which one does not matter, as processes take their own time anyway.
struct Dice(u64);

impl Dice {
    fn new(salt: usize) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::from(now.subsec_nanos()) ^ (salt as u64) << 32)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn kill_again_and_again(trial: usize) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let mut dice = Dice::new(trial);
    let mut ledgers: Vec<Ledger> = (0..WRITERS).map(Ledger::new).collect();
    let mut newest = 0;
    let mut acknowledged = 0;
    let mut startup = Duration::from_millis(100);
    // How long a life may last, in microseconds: longer on a machine on which nothing was
    // written in the last one.
    let mut span = 40_000;
    for round in 0..ROUNDS {
        if round % 5 == 4 {
            // Killed while it starts.
            let life = Life::begin(directory.path())?;
            let moment = dice.roll(startup.as_micros().try_into()?);
            tokio::time::sleep(Duration::from_micros(moment)).await;
            life.kill()?;
        }
        let started = Instant::now();
        let mut life = Life::begin(directory.path())?;
        let client = life.client()?;
        startup = started.elapsed();
        newest = check(&client, &mut ledgers, newest)
            .await
            .map_err(|why| format!("in round {round}: {}", why.message().unwrap_or_default()))?;

        let writers: Vec<_> = ledgers
            .drain(..)
            .map(|ledger| {
                let dice = Dice::new(round * WRITERS + ledger.number());
                tokio::spawn(Writer::new(client.clone(), ledger, dice).work())
            })
            .collect();
        tokio::time::sleep(Duration::from_micros(dice.roll(span))).await;
        life.kill()?;
        let before = acknowledged;
        for writer in writers {
            let ledger = writer.await??;
            newest = newest.max(ledger.newest());
            acknowledged += ledger.acknowledged();
            ledgers.push(ledger);
        }
        span =
            if acknowledged == before { (2 * span).min(4_000_000) } else { span.max(80_000) / 2 };
    }
    let mut life = Life::begin(directory.path())?;
    check(&life.client()?, &mut ledgers, newest).await?;
    life.kill()?;
    if acknowledged < ROUNDS as u64 {
        return Err(format!("only {acknowledged} writes in {ROUNDS} rounds prove nothing").into());
    }
    Ok(())
}

/// Compares what is there with what the writers know; returns the version of the list.
async fn check(client: &kube::Client, ledgers: &mut [Ledger], newest: u64) -> Result<u64, Failed> {
    let maps: Api<ledger::Map> = Api::namespaced(client.clone(), "default");
    let list = maps.list(&ListParams::default()).await?;
    let version: u64 = list.metadata.resource_version.unwrap_or_default().parse()?;
    if version < newest {
        return Err(format!("version {version} after {newest} was seen").into());
    }
    // Kubernetes keeps this one in every namespace.
    let is_standard = |map: &ledger::Map| map.metadata.name.as_deref() == Some("kube-root-ca.crt");
    let mut found = list.items;
    found.retain(|map| !is_standard(map));
    for ledger in ledgers {
        ledger.check(&mut found)?;
    }
    match found.first() {
        None => Ok(version),
        Some(odd) => Err(format!("{:?} was never asked for", odd.metadata.name).into()),
    }
}
