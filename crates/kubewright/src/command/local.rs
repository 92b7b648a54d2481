//! `kubewright local`: the embedded control plane as a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, anyhow};
use clap::{Subcommand, ValueHint};
use kubewright_local::control_plane::{self, Found, Record, RunDir, Settings};
use kubewright_operator::Shutdown;
use serde::Serialize;

use crate::cli;
use crate::failure::{Failure, Outcome};
use crate::output::{self, FormatArgs};

/// Run a Kubernetes control plane on this machine, without a cluster
///
/// It is for one machine, for trying out and for tests: objects are stored and served as
/// Kubernetes does it, and pods are not run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]
    #[arg(long, value_name = "DIR", global = true, value_hint = ValueHint::DirPath)]
    state_dir: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Start it in the background
    Start {
        #[command(flatten)]
        listen: Listen,
        /// Say what would be started and start nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// End it
    Stop {
        /// Say what would be ended and end nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Say whether it runs: exit code 0 if it does, else 1
    Status {
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Print its kubeconfig
    ///
    /// To use it: `export KUBECONFIG=$(kubewright local kubeconfig --path)`
    Kubeconfig {
        /// Print the name of the file instead
        #[arg(long)]
        path: bool,
    },
    /// Run it in the foreground
    #[command(hide = true)]
    Serve {
        #[command(flatten)]
        listen: Listen,
    },
}

#[derive(Clone, Debug, clap::Args)]
struct Listen {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

impl Args {
    /// Whether it goes on until it is stopped, and logs what it does.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.verb, Verb::Serve { .. })
    }
}

pub(crate) fn run(args: Args) -> Outcome {
    let durable = args.state_dir.is_some();
    let run_dir = match args.state_dir {
        None => RunDir::default_for_user(),
        // What is printed holds in other directories too.
        Some(path) => RunDir::at(std::path::absolute(path)?),
    };
    let place = Place { run_dir, durable };
    match args.verb {
        Verb::Start { listen, dry_run } => place.start(listen.listen, dry_run),
        Verb::Stop { dry_run } => place.stop(dry_run),
        Verb::Status { format } => place.status(format),
        Verb::Kubeconfig { path } => place.kubeconfig(path),
        Verb::Serve { listen } => cli::wait(place.serve(listen.listen)),
    }
}

/// Where a control plane is.
struct Place {
    run_dir: RunDir,
    durable: bool,
}

impl Place {
    fn name(&self) -> String {
        self.run_dir.path().display().to_string()
    }

    /// This command with other words, for advice.
    fn command(&self, verb: &str) -> String {
        match self.durable {
            true => format!("`kubewright local {verb} --state-dir {}`", self.name()),
            false => format!("`kubewright local {verb}`"),
        }
    }

    /// The one that runs; tells of one that ended without a word.
    fn look(&self) -> Result<Option<Record>, Failure> {
        let found = self.run_dir.look().map_err(Failure::new);
        Ok(match found.map_err(|failure| failure.context("cannot tell what runs"))? {
            Found::Running(record) => Some(record),
            Found::Nothing => None,
            Found::Stale(record) => {
                eprintln!("note: {}", ended(&record));
                None
            }
            Found::Corrupt { set_aside, reason } => {
                let aside = set_aside.display();
                eprintln!("note: the record was corrupt ({reason}) and is now at {aside}");
                None
            }
        })
    }

    fn start(&self, address: SocketAddr, dry_run: bool) -> Outcome {
        let taken = self.look()?;
        if let Some(record) = taken {
            let error = anyhow!("process {} serves https://{}", record.process.id, record.address);
            let error = error.context(format!("a control plane runs from {} already", self.name()));
            let remedy = format!("end it with {}", self.command("stop"));
            return Err(Failure::new(error).advise(remedy));
        }
        if dry_run {
            let kept = if self.durable { "durable" } else { "in memory" };
            output::print(&format!("would start a control plane, {kept}, in {}\n", self.name()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut arguments = ["local", "serve", "--listen"].map(str::to_owned).to_vec();
        arguments.push(address.to_string());
        if self.durable {
            arguments.extend(["--state-dir".to_owned(), self.name()]);
        }
        let begin = Instant::now();
        let started = control_plane::start(&self.run_dir, &program, &arguments);
        let record = started.map_err(|error| {
            Failure::new(error).context(format!("cannot start a control plane in {}", self.name()))
        })?;
        let (address, took) = (record.address, begin.elapsed().as_millis());
        let kubeconfig = self.run_dir.kubeconfig();
        output::print(&format!(
            "control plane ready at https://{address} in {took} ms\n\
             export KUBECONFIG={}\n",
            kubeconfig.display()
        ))?;
        Ok(ExitCode::SUCCESS)
    }

    fn stop(&self, dry_run: bool) -> Outcome {
        let running = self.look()?;
        if dry_run {
            output::print(&match running {
                Some(record) => format!("would end process {}\n", record.process.id),
                None => format!("nothing runs from {}\n", self.name()),
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        let stopped = control_plane::stop(&self.run_dir).map_err(|error| {
            Failure::new(error).context(format!("cannot end the control plane of {}", self.name()))
        })?;
        output::print(&match stopped {
            Some(record) => format!("control plane at https://{} ended\n", record.address),
            None => format!("nothing runs from {}\n", self.name()),
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn status(&self, format: FormatArgs) -> Outcome {
        let running = self.look()?;
        let status = Status {
            running: running.is_some(),
            directory: self.name(),
            kubeconfig: running.as_ref().map(|_| self.run_dir.kubeconfig()),
            log: self.run_dir.log(),
            record: running,
        };
        format.output.print(&status, || status.table())?;
        Ok(if status.running { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn kubeconfig(&self, path: bool) -> Outcome {
        let file = self.run_dir.kubeconfig();
        if self.look()?.is_none() {
            let error = anyhow!("no control plane runs from {}", self.name());
            return Err(Failure::new(error).advise(format!("start one: {}", self.command("start"))));
        }
        if path {
            output::print(&format!("{}\n", file.display()))?;
        } else {
            let read = std::fs::read_to_string(&file);
            output::print(&read.with_context(|| format!("cannot read {}", file.display()))?)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(&self, address: SocketAddr) -> Outcome {
        let shutdown = Shutdown::on_signals()?;
        let ready = |record: &Record| {
            // Read by `start`, which waits for one line. It may be gone by now: no failure.
            let _ = output::print(&format!("ready at https://{}\n", record.address));
        };
        let settings = Settings::new(address, self.durable);
        control_plane::serve(&self.run_dir, &settings, &shutdown, ready).await?;
        Ok(ExitCode::SUCCESS)
    }
}

fn ended(record: &Record) -> String {
    format!(
        "the control plane of process {}, started {}, ended without cleaning up",
        record.process.id, record.started
    )
}

/// What `status` tells.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    running: bool,
    directory: String,
    log: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubeconfig: Option<PathBuf>,
    #[serde(flatten)]
    record: Option<Record>,
}

impl Status {
    fn table(&self) -> String {
        let Some(record) = &self.record else {
            return output::pairs(&[
                ("state", "not running".to_owned()),
                ("directory", self.directory.clone()),
            ]);
        };
        let kubeconfig = self.kubeconfig.as_ref().map(|path| path.display().to_string());
        output::pairs(&[
            ("state", "running".to_owned()),
            ("address", format!("https://{}", record.address)),
            ("process", record.process.id.to_string()),
            ("durable", if record.durable { "yes" } else { "no" }.to_owned()),
            ("started", record.started.to_string()),
            ("kubeconfig", kubeconfig.unwrap_or_default()),
            ("log", self.log.display().to_string()),
            ("directory", self.directory.clone()),
        ])
    }
}
