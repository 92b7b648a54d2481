//! `kubewright hostendpoint plan`: what the controller would do.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::ValueHint;
use kube::core::DynamicObject;
use kube::{Api, Client};
use kubewright_hostendpoint::api::{CalicoGroup, HostEndpointTemplate};
use kubewright_hostendpoint::calico_import::{self, Import};
use kubewright_hostendpoint::controller::{Snapshot, snapshot};
use kubewright_hostendpoint::options::HostEndpointArgs;
use kubewright_hostendpoint::plan::plan_with_problems;
use kubewright_hostendpoint::report::Report;
use kubewright_operator::ClientArgs;
use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::output::{self, FormatArgs};

/// Exit code when there are changes to make.
const CHANGES: u8 = 2;

/// Show what the controller would do, and do nothing
///
/// Exit code 0 if there is nothing to do, 2 if there is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatArgs,
    /// Plan with the templates in this file instead of those in the cluster; `-` reads standard input
    #[arg(short = 'f', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    templates: Option<PathBuf>,
    /// Plan with templates made from Calico's KubeControllersConfiguration, of the cluster or of a file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with = "templates", value_hint = ValueHint::FilePath)]
    from_calico: Option<Option<PathBuf>>,
    /// Print those templates, for `kubectl apply -f -`, instead of a plan
    #[arg(long, requires = "from_calico")]
    print_templates: bool,
    #[command(flatten)]
    options: HostEndpointArgs,
}

pub(crate) async fn run(args: &Args, client: &ClientArgs) -> Outcome {
    let client = async || client.client().await;
    let templates = match (&args.templates, &args.from_calico) {
        (Some(file), _) => Some(templates(file)?),
        (None, Some(Some(file))) => Some(announced(calico_import::import(&object(file)?))?),
        (None, Some(None)) => {
            let configuration = configuration(&client().await?).await?;
            Some(announced(calico_import::import(&configuration))?)
        }
        (None, None) => None,
    };
    if args.print_templates {
        output::print(&output::documents(&templates.unwrap_or_default())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = args.options.options();
    let client = client().await?;
    let Snapshot { observed, served } = snapshot(&client, &options, templates.as_deref())
        .await
        .map_err(|error| Failure::new(error).context("cannot see what there is to plan for"))?;
    if !served {
        eprintln!(
            "note: this cluster serves no HostEndpoints; the plan is what comes once Calico's CRDs are installed"
        );
    }
    let (actions, plans) = plan_with_problems(&observed, jiff::Timestamp::now());
    let report = Report::new(&observed, &actions, &plans);
    args.format.output.print(&report, || report.render(output::stdout_colours()))?;
    Ok(if report.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(CHANGES) })
}

/// The templates of an import; what cannot be imported, and what will be different, is told.
fn announced(import: Import) -> Result<Vec<HostEndpointTemplate>, Failure> {
    for remark in &import.remarks {
        eprintln!("note: {remark}");
    }
    let Some(first) = import.errors.first() else { return Ok(import.templates) };
    for error in &import.errors[1..] {
        eprintln!("note: not imported: {error}");
    }
    let failure = Failure::new(first.clone()).context("cannot import Calico's configuration");
    Err(failure.advise("write this template by hand; docs/hostendpoint.md shows how"))
}

/// Calico's configuration in the cluster, of whichever group serves it.
async fn configuration(client: &Client) -> Result<Value, Failure> {
    for group in [CalicoGroup::CrdV1, CalicoGroup::ProjectV3] {
        let resource =
            group.resource("KubeControllersConfiguration", "kubecontrollersconfigurations");
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let found = api.get_opt("default").await.map_err(|error| {
            Failure::new(error).context("cannot read kubecontrollersconfiguration default")
        })?;
        if let Some(found) = found {
            return Ok(serde_json::to_value(found)?);
        }
    }
    let error = anyhow!("there is no kubecontrollersconfiguration default in this cluster");
    Err(Failure::new(error).advise("give a file: --from-calico=FILE"))
}

fn text(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn object(file: &Path) -> anyhow::Result<Value> {
    let text = text(file)?;
    let object = serde_saphyr::from_str(&text);
    object.with_context(|| format!("{} is neither YAML nor JSON", file.display()))
}

/// The templates in a file; other objects in it are left alone.
fn templates(file: &Path) -> anyhow::Result<Vec<HostEndpointTemplate>> {
    let text = text(file)?;
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text)
        .with_context(|| format!("{} is neither YAML nor JSON", file.display()))?;
    let templates = objects.into_iter().filter(|object| object["kind"] == "HostEndpointTemplate");
    templates
        .map(|object| {
            let name = object["metadata"]["name"].as_str().unwrap_or("without name").to_owned();
            let what = || format!("hostendpointtemplate {name} in {} is not one", file.display());
            serde_json::from_value(object).with_context(what)
        })
        .collect()
}
