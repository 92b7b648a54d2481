//! `kubewright node token`: what machines join with.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use kubewright_node::config::TOKEN;
use kubewright_node::discovery::Pin;
use kubewright_node::token::{self, DEFAULT_GROUP, Grant, Token, TokenInfo, Usage};
use kubewright_operator::ClientArgs;
use serde::Serialize;

use super::unspoken::Unspoken;
use crate::failure::{Failure, Outcome};
use crate::output::{self, FormatArgs};

/// Make, list, show and delete bootstrap tokens
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Create(CreateArgs),
    /// Print a new token that no cluster knows yet
    ///
    /// For machines that are set up before there is a cluster: the seeder and those that join are
    /// given it as TOKEN or in a file.
    Generate,
    /// List the tokens of the cluster, without their secret halves
    List {
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Show what a token is good for, without its secret half
    Show {
        /// The token's id, the part before the dot
        #[arg(value_name = "ID")]
        id: Unspoken<Id>,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Delete tokens: nobody can join with them from now on
    Delete {
        /// Ids of the tokens
        #[arg(required = true, value_name = "ID")]
        ids: Vec<Unspoken<Id>>,
        /// Say what would be deleted and delete nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// Make a token and show it, once
///
/// It is made of the system's random numbers, unless the variable TOKEN of the environment holds
/// one.
#[derive(Clone, Debug, clap::Args)]
struct CreateArgs {
    /// How long it is good, as in 24h or 30m; 0 for ever, as with kubeadm
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = ttl, allow_hyphen_values = true)]
    ttl: Duration,
    /// What it is for, for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Groups of those who show it; without the default one it is not good for joining
    #[arg(long, value_name = "GROUP", value_delimiter = ',', default_value = DEFAULT_GROUP)]
    groups: Vec<String>,
    /// What it is good for
    #[arg(
        long,
        value_name = "USAGE",
        value_delimiter = ',',
        default_value = "signing,authentication"
    )]
    usages: Vec<Usage>,
    /// Print the command that joins with it, too
    #[arg(long)]
    print_join_command: bool,
    /// Say what would be made and make nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// A time; nothing stands for ever.
fn ttl(text: &str) -> Result<Duration, &'static str> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let ttl = text.parse::<SignedDuration>().ok().and_then(|ttl| Duration::try_from(ttl).ok());
    ttl.ok_or("give a time above zero, as in 24h or 30m, or 0 for ever")
}

/// An id, taken from a whole token too. A token on the command line is a mistake, and is not
/// repeated.
#[derive(Clone, Debug)]
struct Id(String);

impl std::str::FromStr for Id {
    type Err = token::TokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        token::id_of(text).map(Self)
    }
}

pub(crate) async fn run(args: &Args) -> Outcome {
    match &args.verb {
        Verb::Create(create) => make(create, &args.client).await,
        Verb::Generate => {
            output::print(&format!("{}\n", Token::generate()?.reveal()))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::List { format } => {
            let client = args.client.client().await?;
            let tokens = token::list(&client, Timestamp::now()).await?;
            format.output.print(&tokens, || table(&tokens))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Show { id, format } => {
            let Id(id) = id.get()?;
            let client = args.client.client().await?;
            let info = token::show(&client, id, Timestamp::now()).await?;
            format.output.print(&info, || details(&info))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Delete { ids, dry_run } => {
            let ids = Unspoken::all(ids)?;
            let client = args.client.client().await?;
            for Id(id) in ids {
                if *dry_run {
                    token::show(&client, &id, Timestamp::now()).await?;
                    output::print(&format!("would delete bootstrap token {id}\n"))?;
                } else {
                    token::delete(&client, &id).await?;
                    output::print(&format!("bootstrap token {id} deleted\n"))?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    token: String,
    expires: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    join_command: Option<String>,
}

async fn make(args: &CreateArgs, client: &ClientArgs) -> Outcome {
    let given = std::env::var(TOKEN).ok().filter(|text| !text.is_empty());
    let given = given.map(|text| text.parse()).transpose().map_err(Failure::usage)?;
    let expires = match args.ttl.is_zero() {
        true => None,
        false => Some(Timestamp::now().checked_add(args.ttl).map_err(Failure::usage)?),
    };
    let grant = Grant {
        description: args.description.clone(),
        expiration: expires,
        usages: args.usages.clone(),
        groups: args.groups.clone(),
    };
    grant.check().map_err(Failure::usage)?;
    let joins = grant.usages.contains(&Usage::Authentication);
    if joins && !grant.groups.iter().any(|group| group == DEFAULT_GROUP) {
        eprintln!(
            "warning: only the group {DEFAULT_GROUP} may ask for the certificate of a node, unless you have given others that right; add it with --groups {},{DEFAULT_GROUP}",
            grant.groups.join(",")
        );
    }
    if args.dry_run {
        let would = Would { expires, usages: &args.usages, groups: &args.groups };
        args.format.output.print(&would, || would.text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = client.config().await?;
    let token = token::create(&client.client().await?, given, &grant).await?;
    let join_command = if args.print_join_command { Some(join_command(&config)?) } else { None };
    let made = Made { token: token.reveal(), expires, join_command };
    args.format.output.print(&made, || match &made.join_command {
        None => format!("{}\n", made.token),
        Some(command) => format!("export TOKEN={}\n{command}\n", made.token),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What a dry run tells.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Would<'a> {
    expires: Option<Timestamp>,
    usages: &'a [Usage],
    groups: &'a [String],
}

impl Would<'_> {
    fn text(&self) -> String {
        let until = self.expires.map_or("for ever".to_owned(), |at| format!("until {at}"));
        format!("would make a bootstrap token, good {until}\n")
    }
}

/// Without the token: it does not belong on a command line.
fn join_command(config: &kube::Config) -> Result<String, Failure> {
    let der = config.root_cert.as_ref().and_then(|certificates| certificates.first());
    let pin = der.and_then(|der| Pin::of_certificate(&der.as_slice().into()));
    let pin = pin.ok_or_else(|| anyhow!("the kubeconfig has no certificate authority to pin"))?;
    let server = config.cluster_url.authority().map_or("", |authority| authority.as_str());
    Ok(join_words(server, &pin))
}

/// The command with which others join; the token is for their environment.
pub(super) fn join_words(server: &str, pin: &Pin) -> String {
    format!("kubewright node join {server} --ca-cert-hash {pin}")
}

fn words<T: ToString>(items: &[T]) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}

fn expiry(info: &TokenInfo) -> String {
    match (info.expires, info.expired) {
        (Some(at), false) => at.to_string(),
        (Some(at), true) => format!("{at} (expired)"),
        (None, true) => "unreadable (counts as expired)".to_owned(),
        (None, false) => "never".to_owned(),
    }
}

fn details(info: &TokenInfo) -> String {
    output::pairs(&[
        ("id", info.id.clone()),
        ("expires", expiry(info)),
        ("usages", words(&info.usages)),
        ("groups", words(&info.groups)),
        ("description", info.description.clone().unwrap_or_else(|| "-".to_owned())),
    ])
}

fn table(tokens: &[TokenInfo]) -> String {
    let rows = tokens.iter().map(|info| {
        let description = info.description.clone().unwrap_or_else(|| "-".to_owned());
        [info.id.clone(), expiry(info), words(&info.usages), words(&info.groups), description]
    });
    output::columns(&["ID", "EXPIRES", "USAGES", "GROUPS", "DESCRIPTION"], rows)
}
