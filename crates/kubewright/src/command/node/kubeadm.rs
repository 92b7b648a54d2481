//! `kubewright node init` and `join` with kubeadm.

use std::process::ExitCode;
use std::time::Duration;

use kubewright_node::addon::Extras;
use kubewright_node::config::{MultipleCni, NodeConfiguration};
use kubewright_node::host::Host;
use kubewright_node::journal::{Progress, Step};
use kubewright_node::kubeadm::{
    self, ContextError, EngineError, News, Patience, Purpose, Report, Request,
};
use serde_json::json;

use super::configuration::node_name;
use super::join::nowhere;
use crate::failure::{Failure, Outcome};
use crate::manifests::{self, Settings};
use crate::output::{self, Format};

/// Makes this machine what its configuration says, or with `dry_run` tells the steps. `joining` is
/// how long that may take.
pub(super) async fn run(
    purpose: Purpose,
    configuration: &NodeConfiguration,
    dry_run: bool,
    joining: Option<Duration>,
    format: Format,
) -> Outcome {
    let host = Host::this();
    if dry_run {
        let steps = kubeadm::plan(&host, configuration, purpose).await;
        let steps = steps.map_err(|error| failure(purpose, error))?;
        format.print(&steps, || steps.iter().map(|step| format!("{step}\n")).collect())?;
        return Ok(ExitCode::SUCCESS);
    }
    let extras = extras(configuration)?;
    let mut voice = Voice::of(purpose, configuration)?;
    let request = Request {
        host: &host,
        purpose,
        configuration,
        extras: &extras,
        patience: Patience { joining, ..Patience::default() },
        observer: Some(Box::new(move |step| voice.hear(step))),
        herald: Some(Box::new(|news| eprintln!("{}", told(news)))),
    };
    let report = kubeadm::run(request).await.map_err(|error| failure(purpose, error))?;
    if matches!(format, Format::Table) {
        output::print(&text(&report, configuration.cluster_formation.auto_approve))?;
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

/// What is not said is a mistake of who asks, as with the embedded engine.
fn failure(purpose: Purpose, error: EngineError) -> Failure {
    match (error, purpose) {
        (EngineError::Context(ContextError::Nowhere), _) => nowhere(),
        (EngineError::Context(error @ (ContextError::NoToken | ContextError::NoPin)), _) => {
            Failure::usage(error)
        }
        (error, Purpose::Init) => Failure::new(error).context("no cluster was seeded"),
        (error, Purpose::Join) => Failure::new(error).context("this machine did not join"),
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

/// Tells what goes on. A step is told of when it is over, but for those in which somebody is waited
/// for.
struct Voice {
    /// What a joining machine is waiting for, until it was said.
    waiting: Option<String>,
}

impl Voice {
    fn of(purpose: Purpose, configuration: &NodeConfiguration) -> Result<Self, Failure> {
        let name = node_name(configuration)?;
        let waiting = (purpose == Purpose::Join).then(|| {
            format!(
                "kubelet-start begun: {name} may have to be accepted first, by `kubewright node accept {name}` where the cluster is administered"
            )
        });
        Ok(Self { waiting })
    }

    fn hear(&mut self, step: &Step) {
        let waits = matches!(step.name.as_str(), "kubelet-start" | "kubelet-wait-bootstrap");
        if step.progress != Progress::Begun {
            eprintln!("{} {}", step.name, step.progress);
        } else if let Some(line) = self.waiting.take_if(|_| waits) {
            eprintln!("{line}");
        }
    }
}

fn told(news: News<'_>) -> String {
    match news {
        News::Warning(warning) => format!("warning: {warning}"),
        News::Addon(addon) => match &addon.missing {
            None => format!("{} is ready", addon.name),
            Some(missing) => format!("{} is installed and NOT ready: {missing}", addon.name),
        },
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

fn text(report: &Report, auto_approve: bool) -> String {
    let mut text = String::new();
    if !report.changed {
        text += "it is done already, nothing changed\n";
        if report.invitation.is_none() {
            return text;
        }
    }
    if !report.is_done() {
        text += "run this again to see whether that has changed\n";
    }
    let Some(invitation) = &report.invitation else {
        return text + &format!("{} joined the cluster\n", report.node);
    };
    let (seeder, hash) = (&invitation.seeder, &invitation.ca_crt_hash);
    // The machine that joins does not know that somebody has to come and look.
    let wait = if auto_approve { "" } else { " --wait 3600" };
    text += &format!(
        "this machine is a control-plane node of a new cluster\nexport KUBECONFIG=/etc/kubernetes/admin.conf\n\n\
         on the machine that is to join, with this token, shown once:\n  export TOKEN={}\n  \
         kubewright node join {seeder} --ca-cert-hash {hash}{wait}\n",
        invitation.token.expose()
    );
    if let Some(file) = &invitation.certificate_key_file {
        text += &format!(
            "as one more control-plane node, within two hours, with a copy of {0} from here:\n  \
             kubewright node join {seeder} --ca-cert-hash {hash}{wait} --var clusterFormation.controlPlane=true --var clusterFormation.certificateKeyFile={0}\n",
            file.display()
        );
    }
    if !auto_approve {
        text += "then accept it here:\n  kubewright node pending\n  kubewright node accept NAME\n";
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kubewright_node::config::Secret;
    use kubewright_node::kubeadm::Invitation;

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

    /// Who joins waits as long as its own file says, which knows nothing of the seeder's.
    #[test]
    fn where_nodes_are_accepted_by_someone_it_is_said_how_and_waited_for() {
        let invitation = Invitation {
            seeder: "10.0.0.1:6443".into(),
            ca_crt_hash: "sha256:00".into(),
            token: Secret::new("abcdef.0123456789abcdef"),
            certificate_key_file: Some("/key".into()),
        };
        let report = Report { changed: true, invitation: Some(invitation), ..Report::default() };
        let by_someone = text(&report, false);
        assert_eq!(by_someone.matches("sha256:00 --wait 3600").count(), 2, "{by_someone}");
        assert!(by_someone.ends_with("kubewright node accept NAME\n"), "{by_someone}");
        let by_nobody = text(&report, true);
        assert!(!by_nobody.contains("--wait") && !by_nobody.contains("accept"), "{by_nobody}");
    }

    #[test]
    fn who_joins_is_told_once_that_somebody_may_have_to_come() {
        let mut configuration = NodeConfiguration::default();
        configuration.node.name = "worker".into();
        let of = |purpose| Voice::of(purpose, &configuration).unwrap();
        assert!(of(Purpose::Init).waiting.is_none(), "a seeder waits for nobody");
        let mut voice = of(Purpose::Join);
        let begun = |name: &str| Step { name: name.into(), progress: Progress::Begun };
        voice.hear(&begun("preflight"));
        assert!(voice.waiting.as_ref().unwrap().contains("`kubewright node accept worker`"));
        voice.hear(&begun("kubelet-start"));
        assert!(voice.waiting.is_none());
    }
}
