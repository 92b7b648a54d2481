//! `kubewright node cloud-init`: first-boot configuration of a machine.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{ValueEnum, ValueHint};
use kubewright_node::cloud_init::{self, Package, Settings};
use kubewright_node::config::{self, API_VERSION, KIND, Secret, Source};
use kubewright_node::token::Token;
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::output;

/// Print the user data with which cloud-init makes a machine a seeder or a node
///
/// It holds the token, from --token-file, the variable TOKEN or the configuration: treat what is
/// printed as a secret, and let the token be short-lived.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// What the machine is to be
    #[arg(value_enum)]
    role: Role,
    /// Configuration that the machine gets
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// API server to join, host[:port], where the configuration does not name it
    #[arg(long, value_name = "SEEDER", env = config::SEEDER, hide_env_values = true)]
    seeder: Option<String>,
    /// File with the token
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    token_file: Option<PathBuf>,
    /// Host name of the machine
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Public key that may log in as root; may be repeated
    #[arg(long = "ssh-key", value_name = "KEY")]
    ssh_keys: Vec<String>,
    /// Where the machine gets the package of kubewright, if its image does not have it
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, requires = "package_sha256")]
    package_url: Option<String>,
    /// SHA-256 of that package
    #[arg(long, value_name = "HEX", requires = "package_url")]
    package_sha256: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    /// The first machine of a cluster.
    Seeder,
    /// One more.
    Node,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let source = Source { file: args.config.clone(), ..Source::default() };
    let loaded = config::load(&source).map_err(Failure::usage)?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    let configuration = match args.config {
        Some(_) => loaded.document,
        None => json!({ "apiVersion": API_VERSION, "kind": KIND }),
    };
    let given = loaded.configuration.cluster_formation.token;
    let settings = Settings {
        hostname: args.hostname.clone(),
        ssh_keys: args.ssh_keys.clone(),
        package: args
            .package_url
            .clone()
            .zip(args.package_sha256.clone())
            .map(|(url, sha256)| Package { url, sha256 }),
        configuration,
        token: token(args, given)?,
        seeder: args.seeder.clone().filter(|seeder| !seeder.is_empty() && args.role == Role::Node),
    };
    let role = match args.role {
        Role::Seeder => cloud_init::Role::Seeder,
        Role::Node => cloud_init::Role::Node,
    };
    output::print(&cloud_init::render(role, &settings).map_err(Failure::usage)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The token: of the file, of the environment, of the configuration.
fn token(args: &Args, given: Secret) -> Result<Option<Secret>, Failure> {
    let text = match &args.token_file {
        Some(file) => Some(
            std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the token from {}", file.display()))?,
        ),
        None => std::env::var(config::TOKEN).ok().filter(|text| !text.is_empty()),
    };
    match text {
        None => Ok(Some(given).filter(|given| !given.is_empty())),
        Some(text) => {
            let token: Token = text.trim().parse().map_err(Failure::usage)?;
            Ok(Some(Secret::new(token.reveal())))
        }
    }
}
