//! `kubewright up`: everything on one machine, checked.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::ValueHint;
use kubewright_local::up::report::{Check, Outcome as CheckOutcome, Verdict};
use kubewright_local::up::{self, Audience, Options};
use kubewright_operator::Shutdown;
use serde::Serialize;

use crate::command::console;
use crate::failure::{INTERRUPTED, Outcome};
use crate::output;

/// Bring everything up on this machine, without a cluster, and check it
///
/// Starts a control plane, simulates nodes, runs the controllers, plugs a network into a running
/// pod, and makes one check after the other. Then it stays up until Ctrl-C, with the web console
/// and for `kubectl`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// End after the checks: exit code 0 if they passed, else 1
    #[arg(long)]
    once: bool,
    /// Nodes to simulate
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=5000))]
    nodes: u16,
    /// Keep the cluster here, also over restarts [default: in memory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    state_dir: Option<PathBuf>,
    /// Run pods by the container runtime at this socket [default: one in miniature]
    #[arg(long, value_name = "ENDPOINT")]
    runtime_endpoint: Option<String>,
    /// Write one JSON object for each check, and a last one with the result
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let shutdown = Shutdown::on_signals()?;
    let begin = Instant::now();
    let mut voice = Voice::new(args.json);
    voice.greet(args.nodes);
    let state_dir = args.state_dir.map(std::path::absolute).transpose()?;
    let options = Options { nodes: args.nodes, state_dir, runtime_endpoint: args.runtime_endpoint };
    let up = tokio::select! {
        up = up::run(&options, &mut voice) => up,
        () = shutdown.triggered() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    let (mut checks, mut verdict, mut machine) = (up.checks, up.verdict, up.machine);
    if args.once
        && let Some(machine) = machine.take()
    {
        checks.push(up::shut_down(machine, &mut voice).await);
        verdict = Verdict::of(&checks);
    }
    let console = match &machine {
        Some(machine) => Some(console::of_up(machine.client(), machine.metrics()).await?),
        None => None,
    };
    let mut conclusion = Conclusion::new(verdict, &checks, begin);
    conclusion.kubeconfig = machine.as_ref().map(|machine| machine.kubeconfig());
    conclusion.console = console.as_ref().map(|console| console.url());
    voice.conclude(&conclusion);
    if let (Some(machine), Some(console)) = (machine, console) {
        console.run(shutdown).await;
        let check = up::shut_down(machine, &mut voice).await;
        verdict = Verdict::of(&[checks, vec![check]].concat());
    }
    Ok(match verdict {
        Verdict::Passed => ExitCode::SUCCESS,
        Verdict::Failed => ExitCode::FAILURE,
    })
}

/// The result, after all checks.
#[derive(Debug, Serialize)]
struct Conclusion {
    result: Verdict,
    passed: usize,
    failed: usize,
    skipped: usize,
    milliseconds: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubeconfig: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    console: Option<String>,
}

impl Conclusion {
    fn new(result: Verdict, checks: &[Check], begin: Instant) -> Self {
        let count = |is: fn(&CheckOutcome) -> bool| {
            checks.iter().filter(|check| is(&check.outcome)).count()
        };
        Self {
            result,
            passed: count(|outcome| matches!(outcome, CheckOutcome::Passed { .. })),
            failed: count(|outcome| matches!(outcome, CheckOutcome::Failed { .. })),
            skipped: count(|outcome| matches!(outcome, CheckOutcome::Skipped { .. })),
            milliseconds: begin.elapsed().as_millis(),
            kubeconfig: None,
            console: None,
        }
    }
}

/// Tells of the checks, to people or to programs.
struct Voice {
    json: bool,
    terminal: bool,
    colours: bool,
}

impl Voice {
    fn new(json: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self { json, terminal, colours: output::colours(terminal) }
    }

    /// Output that nobody reads does not end the checks.
    fn say(&self, line: &str) {
        let _ = output::print(&format!("{line}\n"));
    }

    fn greet(&self, nodes: u16) {
        if !self.json {
            let version = env!("CARGO_PKG_VERSION");
            self.say(&format!("kubewright {version} on this machine, {nodes} simulated nodes\n"));
        }
    }

    fn conclude(&self, conclusion: &Conclusion) {
        if self.json {
            self.say(&serde_json::to_string(conclusion).unwrap_or_default());
            return;
        }
        let Conclusion { result, passed, failed, skipped, milliseconds, .. } = conclusion;
        let seconds = *milliseconds as f64 / 1000.0;
        self.say(&format!(
            "\n{passed} passed, {failed} failed, {skipped} skipped in {seconds:.1} s"
        ));
        if let (Some(kubeconfig), Some(console)) = (&conclusion.kubeconfig, &conclusion.console) {
            self.say(&format!(
                "\nIt stays up until Ctrl-C. To look around, in a browser or by kubectl:\n  \
                 {console}\n  \
                 export KUBECONFIG={}\n  \
                 kubectl get nodes,hostendpoints,hostendpointtemplates\n",
                kubeconfig.display()
            ));
        }
        self.say(&format!("UP RESULT: {}", result.as_str()));
    }
}

impl Audience for Voice {
    fn begins(&mut self, name: &'static str) {
        if self.terminal && !self.json {
            print!("…        {name}");
            let _ = io::stdout().flush();
        }
    }

    fn ended(&mut self, check: &Check) {
        if self.json {
            self.say(&serde_json::to_string(check).unwrap_or_default());
            return;
        }
        if self.terminal {
            print!("\r\x1b[2K");
        }
        self.say(&check.line(self.colours));
    }
}
