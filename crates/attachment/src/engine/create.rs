//! A sandbox that is made: the cluster's network and the pod's own, all or nothing.

use std::path::Path;

use kubewright_cni::{CniArgs, CniResult, NameError, NetworkConfig, RuntimeConf};
use serde_json::{Map, Value};

use super::attach::Place;
use super::outcome::{Change, Outcome};
use super::{Engine, EngineError};
use crate::attachment::digest;
use crate::desired::Desired;
use crate::link;
use crate::name::InterfaceName;
use crate::netns::Netns;
use crate::plan::{Action, Observed, Presence, plan};
use crate::pod::{Pod, Sandbox, SandboxId};
use crate::problem::{Problem, Reason};
use crate::record::{Record, Role, Whose};
use crate::status::{Entry, Failure};

/// The cluster's network, as the runtime asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultNetwork {
    /// Its configuration.
    pub config: NetworkConfig,
    /// Its interface, `eth0`.
    pub interface: InterfaceName,
    /// `CNI_ARGS` of the runtime.
    pub args: CniArgs,
    /// Values by capability, from the runtime.
    pub capability_args: Map<String, Value>,
}

impl DefaultNetwork {
    pub(super) fn runtime(
        &self,
        sandbox: &SandboxId,
        netns: Option<&Path>,
    ) -> Result<RuntimeConf, NameError> {
        let netns = netns.map(Path::to_owned);
        Ok(RuntimeConf::new(sandbox.as_str(), netns, self.interface.as_str())?
            .with_args(self.args.clone())
            .with_capability_args(self.capability_args.clone()))
    }
}

/// A sandbox with all its networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    /// The result of the cluster's network, which is what the runtime gets.
    pub result: CniResult,
    /// What was attached, and the status to report.
    pub outcome: Outcome,
}

/// A sandbox without networks; what had been attached is detached again, unless said otherwise.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Nothing could be done.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Attachments failed, or cannot be what the pod asks for.
    #[error("pod {pod}: {}", messages(.failures))]
    Failed {
        /// The pod.
        pod: Pod,
        /// Each of them.
        failures: Vec<Failure>,
    },
}

fn messages(failures: &[Failure]) -> String {
    let messages = failures.iter().map(|failure| failure.problem.message.as_str());
    messages.collect::<Vec<_>>().join("; ")
}

impl Engine {
    /// Attaches a new sandbox to the cluster's network and to all that its pod asks for.
    ///
    /// What an earlier attempt for this sandbox left is detached first.
    ///
    /// # Errors
    /// [`CreateError`], when anything failed; then nothing stays attached.
    pub fn create(
        &self,
        pod: &Pod,
        sandbox: &Sandbox,
        default: &DefaultNetwork,
        desired: &Desired,
    ) -> Result<Created, CreateError> {
        let lock = self.store.lock(&sandbox.id, self.options.patience);
        let _lock = lock.map_err(EngineError::from)?;
        let netns = Netns::open(&sandbox.netns).and_then(Netns::not_own);
        let netns = netns.map_err(EngineError::from)?;
        let refused = |failures| CreateError::Failed { pod: pod.clone(), failures };
        // What is wrong with the request is known before anything is touched.
        let failures = faults(desired);
        if !failures.is_empty() {
            return Err(refused(failures));
        }
        let (_, left) = self.teardown_locked(Whose::SandboxOf(pod.uid(), &sandbox.id))?;
        if !left.is_empty() {
            return Err(refused(left));
        }
        let place = Place { pod, sandbox, netns: &netns };
        let mut outcome = Outcome::default();
        match self.attach_all(&place, default, desired, &mut outcome) {
            Ok(result) if outcome.failures.is_empty() => {
                let loaded = self.store.load(Whose::SandboxOf(pod.uid(), &sandbox.id));
                let records = loaded.map_err(EngineError::from)?.records;
                outcome.status = Some(status(&records, &outcome.changes));
                Ok(Created { result, outcome })
            }
            attached => {
                if let Err(problem) = attached {
                    outcome.fail(
                        Some(default.config.name().to_owned()),
                        Some(&default.interface),
                        problem,
                    );
                }
                let (_, left) = self.teardown_locked(Whose::SandboxOf(pod.uid(), &sandbox.id))?;
                outcome.failures.extend(left);
                Err(refused(outcome.failures))
            }
        }
    }

    fn attach_all(
        &self,
        place: &Place<'_>,
        default: &DefaultNetwork,
        desired: &Desired,
        outcome: &mut Outcome,
    ) -> Result<CniResult, Problem> {
        let record = self.attach(place, self.default_record(place, default))?;
        let failed =
            |error: &dyn std::error::Error| Problem::from_error(Reason::SandboxUnusable, error);
        let links = link::list(place.netns).map_err(|error| failed(&error))?;
        let actions = plan(&Observed {
            pod: place.pod,
            desired,
            host_network: false,
            presence: Presence::Ready { sandbox: place.sandbox, links: &links },
            records: std::slice::from_ref(&record),
            reported: &[],
            boot_id: &self.boot_id,
            naming: self.options.naming,
        });
        for action in actions {
            let (wanted, interface) = match &action {
                Action::Attach { wanted, interface, .. } => (Some(*wanted), Some(interface)),
                Action::Refuse { wanted, .. } => (*wanted, None),
                // Nobody attached anything to a sandbox that is being made.
                Action::Adopt { wanted, interface } => (Some(*wanted), Some(interface)),
                Action::Detach { .. } => continue,
            };
            let wanted = wanted.and_then(|position| desired.wanted.get(position));
            let attached = match (&action, wanted, interface) {
                (Action::Refuse { problem, .. }, _, _) => Err(problem.clone()),
                (_, Some(wanted), Some(interface)) => {
                    wanted.attachment.clone().and_then(|attachment| {
                        let explicit = wanted.interface.is_some();
                        let record = self.record(place, &attachment, interface, explicit)?;
                        self.attach(place, record)
                    })
                }
                _ => continue,
            };
            match attached {
                Ok(record) => outcome.changes.push(Change::attached(&record)),
                Err(problem) => {
                    let network = wanted.map(|wanted| wanted.network.to_string());
                    outcome.fail(network, interface, problem);
                    // All or nothing: what follows would only be taken back.
                    break;
                }
            }
        }
        outcome.changes.insert(0, Change::attached(&record));
        record.result.ok_or_else(|| {
            Problem::new(Reason::AttachFailed, format!("{} has no result", default.config.name()))
        })
    }

    fn default_record(&self, place: &Place<'_>, default: &DefaultNetwork) -> Record {
        let config = default.config.to_json();
        let args = default.args.clone();
        let blank = self.blank(place, Role::Default, &default.interface, &config, args);
        let capability_args = default.capability_args.clone();
        Record { digest: digest(&config), capability_args, explicit: true, ..blank }
    }
}

/// What can be told to be wrong without trying.
fn faults(desired: &Desired) -> Vec<Failure> {
    let void = desired.void.iter().map(|error| Failure {
        name: None,
        interface: None,
        problem: Problem::from_error(Reason::InvalidAnnotation, error),
    });
    let unresolved = desired.wanted.iter().filter_map(|wanted| {
        let problem = wanted.attachment.as_ref().err()?.clone();
        let interface = wanted.interface.as_ref().map(ToString::to_string);
        Some(Failure { name: Some(wanted.network.to_string()), interface, problem })
    });
    void.chain(unresolved).collect()
}

/// The records in the order they were attached in.
fn status(records: &[Record], changes: &[Change]) -> Vec<Entry> {
    let attached = changes.iter().filter_map(|change| match change {
        Change::Attached { interface, .. } => Some(interface),
        _ => None,
    });
    let of = |interface: &InterfaceName| {
        records.iter().find(|record| record.interface == *interface).and_then(Entry::of)
    };
    attached.filter_map(of).collect()
}
