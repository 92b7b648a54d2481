//! From arguments to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use kubewright_operator::{LogArgs, install_crypto_provider};
use kubewright_podnet::options::with_two_dashes;

use crate::command::{
    completions, console, controllers, crds, hostendpoint, local, man, manifests, node, peerpod,
    podnet, up, version, workspace,
};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::plugin::{self, Role};

pub(crate) mod podnet_alone;

pub use podnet_alone::main as podnet;

/// Everything that has to happen on and around a Kubernetes node.
///
/// Try it without a cluster: `kubewright up`.
#[derive(Debug, Parser)]
#[command(name = "kubewright", version, propagate_version = false)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Args),
    Local(local::Args),
    Controllers(controllers::Args),
    Hostendpoint(hostendpoint::Args),
    Podnet(podnet::Args),
    Peerpod(peerpod::Args),
    Node(node::Args),
    Console(console::Args),
    Workspace(workspace::Args),
    Crds(crds::Args),
    Manifests(manifests::Args),
    Completions(completions::Args),
    Man(man::Args),
    Version(version::Args),
}

impl Command {
    /// Whether it goes on until it is stopped, and logs what it does.
    fn serves(&self) -> bool {
        match self {
            Self::Controllers(_) | Self::Console(_) => true,
            Self::Hostendpoint(args) => args.serves(),
            Self::Podnet(args) => args.serves(),
            Self::Peerpod(args) => args.serves(),
            Self::Node(args) => args.serves(),
            Self::Local(args) => args.serves(),
            _ => false,
        }
    }
}

/// Parses the arguments of this process, does what they ask for and returns its exit code.
pub fn main() -> ExitCode {
    let arguments = with_two_dashes(std::env::args_os());
    let role = Role::of(arguments.first().map(OsString::as_os_str));
    if role == Role::Completer {
        return complete(&arguments);
    }
    let matches = command(role).try_get_matches_from(&arguments);
    let matches = matches.unwrap_or_else(|error| refuse(&error, &arguments));
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let serves = cli.command.serves();
    start(&matches, cli.log, serves, || run(cli.command))
}

/// Does what was asked for, with logs and what else every command needs; its exit code.
fn start(
    matches: &ArgMatches,
    mut log: LogArgs,
    serves: bool,
    command: impl FnOnce() -> Outcome,
) -> ExitCode {
    install_crypto_provider();
    if !serves && matches.value_source("log_level") == Some(ValueSource::DefaultValue) {
        // Nobody asked for logs: it says itself what there is to say, also about requests that
        // failed.
        "error,kube_client=off".clone_into(&mut log.log_level);
    }
    log.init().map_err(Failure::usage).and_then(|()| command()).unwrap_or_else(|failure| {
        eprint!("{}", failure.report());
        failure.exit_code()
    })
}

/// Says what is wrong with a line.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> ! {
    if let Some(text) = node::refusal(&error.to_string(), arguments) {
        eprint!("{text}");
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// The command line, by the name under which it was asked for.
pub(crate) fn command(role: Role) -> clap::Command {
    match role {
        Role::Plugin => Cli::command().bin_name(plugin::LINE),
        Role::Program | Role::Completer => Cli::command(),
    }
}

/// Tells kubectl how a line can go on. A word that is not text is none that could.
fn complete(arguments: &[OsString]) -> ExitCode {
    let words: Vec<&str> = arguments.iter().skip(1).filter_map(|word| word.to_str()).collect();
    match output::print(&plugin::complete(&reference(), &words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Up(args) => wait(up::run(args)),
        Command::Local(args) => local::run(args),
        Command::Controllers(args) => wait(controllers::run(args)),
        Command::Hostendpoint(args) => wait(hostendpoint::run(args)),
        Command::Podnet(args) => podnet::run(args),
        Command::Peerpod(args) => wait(peerpod::run(args)),
        Command::Node(args) => node::run(args),
        Command::Console(args) => wait(console::run(args)),
        Command::Workspace(args) => workspace::run(args),
        Command::Crds(args) => crds::run(&args),
        Command::Manifests(args) => manifests::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Version(args) => version::run(&args),
    }
}

/// Runs what has to wait for others.
pub(crate) fn wait<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Runtime::new();
    runtime.map_err(|error| Failure::new(error).context("cannot start the runtime"))?.block_on(work)
}

/// The command line as documents show it: of one width, and without the values of this
/// process's environment.
pub(crate) fn reference() -> clap::Command {
    let mut command = without_environment(Cli::command().term_width(100));
    command.build();
    command
}

fn without_environment(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| arg.hide_env_values(true)).mut_subcommands(without_environment)
}

#[cfg(test)]
mod tests;
