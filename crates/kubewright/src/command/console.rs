//! `kubewright console`: the web console.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ValueHint;
use kubewright_console::{Access, Certificate, Console, ConsoleError, MetricsSource, Settings};
use kubewright_operator::{ClientArgs, Metrics, Shutdown};
use kubewright_peerpod::options::environment;

use crate::acceptance::ByRules;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Where it is looked for first.
const PORT: u16 = 8088;

/// Show what is going on in a browser, live, and let nodes in
///
/// By default it listens on this machine only, answers the user who started it, and acts with the
/// credentials of the kubeconfig. With --sign-in everybody signs in with a token of their own, and
/// sees and does what that may.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))]
    listen: SocketAddr,
    /// Let users sign in with Kubernetes bearer tokens; the credentials of the kubeconfig are not used
    #[arg(long)]
    sign_in: bool,
    /// Serve HTTPS with this certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key_file", value_hint = ValueHint::FilePath)]
    tls_cert_file: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert_file", value_hint = ValueHint::FilePath)]
    tls_key_file: Option<PathBuf>,
    /// Take tokens over plain HTTP from other machines: only behind a proxy that does TLS
    #[arg(long, requires = "sign_in")]
    allow_plain_http: bool,
    /// Name under which browsers reach it, besides localhost and addresses
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    host: Vec<String>,
    /// Where controllers serve their metrics, for their queues and errors
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    metrics: Vec<String>,
    /// Extended resource of which a peer pod takes one
    #[arg(
        long = "peerpod-resource",
        value_name = "NAME",
        env = environment::RESOURCE,
        default_value = "kata.peerpods.io/vm"
    )]
    resource: String,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let config = args.client.config().await?;
    let cluster = config.cluster_url.host().unwrap_or_default().to_owned();
    let access = match args.sign_in {
        true => Access::Users(Box::new(config)),
        false => Access::Own(args.client.client().await?),
    };
    let certificate = match (&args.tls_cert_file, &args.tls_key_file) {
        (Some(certificate), Some(key)) => Some(Certificate::read(certificate, key)?),
        _ => None,
    };
    let settings = Settings {
        listen: args.listen,
        access,
        certificate,
        allow_plain_http: args.allow_plain_http,
        hosts: args.host,
        cluster: args.client.context.unwrap_or(cluster),
        resource: args.resource,
        metrics: args
            .metrics
            .into_iter()
            .map(|address| MetricsSource::Address { address })
            .collect(),
        acceptance: Arc::new(ByRules),
    };
    let shutdown = Shutdown::on_signals()?;
    let console = Console::bind(settings).await.map_err(refused)?;
    output::print(&format!("{}\n", console.url()))?;
    console.run(shutdown).await;
    Ok(ExitCode::SUCCESS)
}

/// Settings that would expose too much are the user's to change.
fn refused(error: ConsoleError) -> Failure {
    match error {
        ConsoleError::Exposed { .. } | ConsoleError::Plain { .. } | ConsoleError::Host { .. } => {
            Failure::usage(error)
        }
        error => Failure::new(error),
    }
}

/// The console of `kubewright up`, for its own user. Where the usual port is taken, any other.
pub(crate) async fn of_up(client: kube::Client, metrics: Metrics) -> Result<Console, ConsoleError> {
    let settings = |port| Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        access: Access::Own(client.clone()),
        certificate: None,
        allow_plain_http: false,
        hosts: Vec::new(),
        cluster: "this machine".to_owned(),
        resource: kubewright_peerpod::options::Options::default().resource,
        metrics: vec![MetricsSource::Here {
            render: Arc::new({
                let metrics = metrics.clone();
                move || metrics.render()
            }),
        }],
        acceptance: Arc::new(ByRules),
    };
    match Console::bind(settings(PORT)).await {
        Err(ConsoleError::Bind { .. }) => Console::bind(settings(0)).await,
        bound => bound,
    }
}
