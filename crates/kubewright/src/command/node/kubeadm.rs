//! `kubewright node init` and `join` with kubeadm.

use std::process::ExitCode;
use std::time::Duration;

use kubewright_node::addon::Extras;
use kubewright_node::config::{MultipleCni, NodeConfiguration};
use kubewright_node::host::Host;
use kubewright_node::journal::{Progress, Step};
use kubewright_node::kubeadm::{self, Patience, Report, Request};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::manifests::{self, Settings};
use crate::output::{self, Format};

/// Makes this machine what its configuration says, or with `dry_run` tells the steps. `joining` is
/// how long that may take.
pub(super) async fn run(
    configuration: &NodeConfiguration,
    dry_run: bool,
    joining: Option<Duration>,
    format: Format,
) -> Outcome {
    let host = Host::this();
    if dry_run {
        let steps = kubeadm::plan(&host, configuration).await?;
        format.print(&steps, || steps.iter().map(|step| format!("{step}\n")).collect())?;
        return Ok(ExitCode::SUCCESS);
    }
    let extras = extras(configuration)?;
    let request = Request {
        host: &host,
        configuration,
        extras: &extras,
        patience: Patience { joining, ..Patience::default() },
        observer: Some(Box::new(tell)),
    };
    let report = kubeadm::run(request).await.map_err(|error| {
        let what = if configuration.is_seeder() {
            "no cluster was seeded"
        } else {
            "this machine did not join"
        };
        Failure::new(error).context(what)
    })?;
    if matches!(format, Format::Table) {
        output::print(&text(&report))?;
    } else {
        format.print(&full(&report), String::new)?;
    }
    // Only now: who was killed before has not seen the token.
    kubeadm::shown(&host, configuration)?;
    // What was installed and does not work is no success.
    match report.is_done() {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}

/// What of kubewright a new cluster gets.
fn extras(configuration: &NodeConfiguration) -> anyhow::Result<Extras> {
    let image = &configuration.manager.image;
    // A new cluster has one node, whose network the controllers share: a second one would wait for
    // its port, and be reported as an add-on that is not ready.
    let mut settings = Settings { replicas: 1, ..Settings::default() };
    if !image.is_empty() {
        settings.image.clone_from(image);
    }
    let podnet = configuration.network.multiple_cni == MultipleCni::Podnet;
    Ok(Extras {
        manager: if image.is_empty() { Vec::new() } else { manifests::controllers(&settings)? },
        podnet: if podnet { manifests::podnet(&settings)? } else { Vec::new() },
    })
}

fn tell(step: &Step) {
    if step.progress != Progress::Begun {
        eprintln!("{} {}", step.name, step.progress);
    }
}

/// For programs: the token among it, since this is the only time that it is told.
fn full(report: &Report) -> serde_json::Value {
    let mut value = json!(report);
    if let Some(invitation) = &report.invitation {
        value["invitation"]["token"] = json!(invitation.token.expose());
    }
    value
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    if !report.changed {
        text += "it is done already, nothing changed\n";
        if report.invitation.is_none() {
            return text;
        }
    }
    for warning in &report.warnings {
        text += &format!("warning: {warning}\n");
    }
    for addon in &report.addons {
        text += &match &addon.missing {
            None => format!("{} is ready\n", addon.name),
            Some(missing) => format!("{} is installed and NOT ready: {missing}\n", addon.name),
        };
    }
    if !report.is_done() {
        text += "run this again to see whether that has changed\n";
    }
    let Some(invitation) = &report.invitation else {
        return text + &format!("{} joined the cluster\n", report.node);
    };
    let (seeder, hash) = (&invitation.seeder, &invitation.ca_crt_hash);
    text += &format!(
        "this machine is a control-plane node of a new cluster\nexport KUBECONFIG=/etc/kubernetes/admin.conf\n\n\
         on the machine that is to join, with this token, shown once:\n  export TOKEN={}\n  \
         kubewright node join {seeder} --ca-cert-hash {hash}\n",
        invitation.token.expose()
    );
    if let Some(file) = &invitation.certificate_key_file {
        text += &format!(
            "as one more control-plane node, within two hours, with a copy of {0} from here:\n  \
             kubewright node join {seeder} --ca-cert-hash {hash} --var clusterFormation.controlPlane=true --var clusterFormation.certificateKeyFile={0}\n",
            file.display()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A second one could not run, and `node init` would wait for it in vain.
    #[test]
    fn a_new_cluster_gets_a_controller_for_its_one_node() {
        let mut configuration = NodeConfiguration::default();
        assert!(extras(&configuration).unwrap().manager.is_empty());
        configuration.manager.image = "registry.example/kubewright:1".into();
        let manager = extras(&configuration).unwrap().manager;
        let deployment = manager.iter().find(|object| object["kind"] == "Deployment").unwrap();
        assert_eq!(deployment["spec"]["replicas"], 1);
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "registry.example/kubewright:1");
    }
}
