//! A pod that runs: planned and done.

use kubewright_cni::NetworkConfig;

use super::attach::Place;
use super::outcome::{Change, Outcome};
use super::{Engine, EngineError};
use crate::annotation::Dialect;
use crate::desired::{Desired, Wanted};
use crate::link::{self, Link};
use crate::name::InterfaceName;
use crate::netns::Netns;
use crate::plan::{Action, Observed, Presence, Why, plan, serving};
use crate::pod::{Pod, Sandbox, SandboxId};
use crate::problem::{Problem, Reason};
use crate::record::{Corrupt, Loaded, Record, RecordId, SandboxLock, State, Whose};
use crate::status::Entry;

/// The sandbox of a pod, as the runtime tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxState {
    /// It is ready.
    Ready(Sandbox),
    /// There is none: the pod is over, or waits for its next one.
    Gone,
    /// The runtime cannot be asked now.
    Unknown,
}

/// What the engine is told of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodState {
    /// The pod.
    pub pod: Pod,
    /// What it should have.
    pub desired: Desired,
    /// Whether it lives in the node's network.
    pub host_network: bool,
    /// Its sandbox.
    pub sandbox: SandboxState,
    /// What its `network-status` says now.
    pub reported: Vec<Entry>,
}

/// A sandbox that may be worked on.
struct Open {
    sandbox: Sandbox,
    netns: Netns,
    links: Vec<Link>,
    _lock: SandboxLock,
}

impl Engine {
    /// Makes a pod's interfaces what they should be. Failures of single attachments are in the
    /// outcome and keep no other from its turn.
    ///
    /// # Errors
    /// [`EngineError`] when nothing could be done: another process works on the sandbox, or the
    /// records cannot be read.
    pub fn reconcile(&self, state: &PodState) -> Result<Outcome, EngineError> {
        let mut outcome = Outcome::default();
        let open = match &state.sandbox {
            SandboxState::Ready(sandbox) => match self.open_sandbox(sandbox)? {
                Ok(open) => Some(open),
                Err(problem) => {
                    // The runtime says that it is there: nothing is concluded from not seeing it.
                    outcome.fail(None, None, problem);
                    return Ok(outcome);
                }
            },
            SandboxState::Gone | SandboxState::Unknown => None,
        };
        let Loaded { records, corrupt } = self.store.load(Whose::Pod(state.pod.uid()))?;
        let presence = match (&open, &state.sandbox) {
            (Some(open), _) => Presence::Ready { sandbox: &open.sandbox, links: &open.links },
            (None, SandboxState::Unknown) => Presence::Unknown,
            (None, _) => Presence::Gone,
        };
        for action in plan(&self.observed(state, presence, &records)) {
            self.take(&action, state, open.as_ref(), &mut outcome);
        }
        let (default, others): (Vec<Corrupt>, Vec<Corrupt>) =
            corrupt.into_iter().partition(|it| it.id.interface.as_str() == InterfaceName::DEFAULT);
        default.iter().for_each(|corrupt| self.restore(&corrupt.id));
        self.salvage(&others, &mut outcome);
        outcome.corrupt = default.into_iter().chain(others).collect();
        match &open {
            Some(open) => outcome.status = Some(self.status(state, open)?),
            None => self.store.retire(state.pod.uid()),
        }
        Ok(outcome)
    }

    fn observed<'a>(
        &'a self,
        state: &'a PodState,
        presence: Presence<'a>,
        records: &'a [Record],
    ) -> Observed<'a> {
        Observed {
            pod: &state.pod,
            desired: &state.desired,
            host_network: state.host_network,
            presence,
            records,
            reported: &state.reported,
            boot_id: &self.boot_id,
            naming: self.options.naming,
        }
    }

    /// The sandbox, locked and looked into; or why it cannot be.
    fn open_sandbox(&self, sandbox: &Sandbox) -> Result<Result<Open, Problem>, EngineError> {
        let lock = self.store.lock(&sandbox.id, self.options.patience)?;
        let unusable = |error: &dyn std::error::Error| {
            Ok(Err(Problem::from_error(Reason::SandboxUnusable, error)))
        };
        let netns = match Netns::open(&sandbox.netns).and_then(Netns::not_own) {
            Ok(netns) => netns,
            Err(error) => return unusable(&error),
        };
        match link::list(&netns) {
            Ok(links) => Ok(Ok(Open { sandbox: sandbox.clone(), netns, links, _lock: lock })),
            Err(error) => unusable(&error),
        }
    }

    fn take(&self, action: &Action, state: &PodState, open: Option<&Open>, outcome: &mut Outcome) {
        match action {
            Action::Detach { record, why } => self.take_detach(record, *why, open, outcome),
            Action::Refuse { wanted, problem } => {
                let wanted = wanted.and_then(|position| state.desired.wanted.get(position));
                let interface = wanted.and_then(|wanted| wanted.interface.as_ref());
                let network = wanted.map(|wanted| wanted.network.to_string());
                outcome.fail(network, interface, problem.clone());
            }
            Action::Adopt { wanted, interface } | Action::Attach { wanted, interface, .. } => {
                let (Some(open), Some(wanted)) = (open, state.desired.wanted.get(*wanted)) else {
                    return;
                };
                let done = match action {
                    Action::Adopt { .. } => self.adopt(state, open, wanted, interface),
                    Action::Attach { after, .. } => {
                        self.take_attach(state, open, wanted, interface, after.as_ref())
                    }
                    _ => return,
                };
                match done {
                    Ok(change) => outcome.changes.extend(change),
                    Err(problem) => {
                        outcome.fail(Some(wanted.network.to_string()), Some(interface), problem);
                    }
                }
            }
        }
    }

    fn take_detach(&self, id: &RecordId, why: Why, open: Option<&Open>, outcome: &mut Outcome) {
        let is_open = |sandbox: &SandboxId| open.is_some_and(|open| open.sandbox.id == *sandbox);
        let failed =
            |error: &dyn std::error::Error| Problem::from_error(Reason::DetachFailed, error);
        let lock = match is_open(&id.sandbox) {
            true => Ok(None),
            false => self.store.lock(&id.sandbox, self.options.patience).map(Some),
        };
        let _lock = match lock {
            Ok(lock) => lock,
            Err(error) => return outcome.fail(None, Some(&id.interface), failed(&error)),
        };
        // Read again: whoever held the lock may have done it.
        let Some(record) = self.store.get(id) else { return };
        match self.detach(&record) {
            Ok(()) => outcome.changes.push(Change::detached(&record, why)),
            Err(problem) => {
                outcome.fail(Some(record.network_name()), Some(&record.interface), problem);
            }
        }
    }

    fn take_attach(
        &self,
        state: &PodState,
        open: &Open,
        wanted: &Wanted,
        interface: &InterfaceName,
        after: Option<&RecordId>,
    ) -> Result<Option<Change>, Problem> {
        // What could not be detached is reported already, and would only be in the way.
        if after.is_some_and(|after| self.store.get(after).is_some()) {
            return Ok(None);
        }
        let place = Place { pod: &state.pod, sandbox: &open.sandbox, netns: &open.netns };
        let attachment = wanted.attachment.as_ref().map_err(Clone::clone)?;
        let record = self.record(&place, attachment, interface, wanted.interface.is_some())?;
        self.attach(&place, record).map(|record| Some(Change::attached(&record)))
    }

    /// Puts on record what someone else attached: with the configuration that libcni's cache has
    /// of it, else with the one it would have been attached with.
    fn adopt(
        &self,
        state: &PodState,
        open: &Open,
        wanted: &Wanted,
        interface: &InterfaceName,
    ) -> Result<Option<Change>, Problem> {
        let failed =
            |error: &dyn std::error::Error| Problem::from_error(Reason::AttachFailed, error);
        let place = Place { pod: &state.pod, sandbox: &open.sandbox, netns: &open.netns };
        let attachment = wanted.attachment.as_ref().map_err(Clone::clone)?;
        let mut record = self.record(&place, attachment, interface, wanted.interface.is_some())?;
        let network = attachment.network_config().map_err(|error| failed(&error))?;
        if let Some(entry) = self.cached_by_others(network.name(), &open.sandbox.id, interface) {
            let used = NetworkConfig::parse(&entry.config);
            record.config = used.map_or(record.config, |network| network.to_json());
            record.args = entry.cni_args;
            record.capability_args = entry.capability_args;
            record.result = entry.result;
        }
        record.state = State::Attached;
        record.adopted = true;
        let link = open.links.iter().find(|link| link.name == interface.as_str());
        record.link = link.map(Link::identity);
        self.store.write(&record).map_err(|error| failed(&error))?;
        let network = record.network_name();
        Ok(Some(Change::Adopted { network, interface: interface.clone() }))
    }

    /// `network-status` as it should be: the cluster's network, then the annotations' in their
    /// order, then what stays though no annotation can be read that asks for it, and what others
    /// attached.
    fn status(&self, state: &PodState, open: &Open) -> Result<Vec<Entry>, EngineError> {
        let links = link::list(&open.netns)?;
        let records = self.store.load(Whose::SandboxOf(state.pod.uid(), &open.sandbox.id))?.records;
        let presence = Presence::Ready { sandbox: &open.sandbox, links: &links };
        let serving = serving(&self.observed(state, presence, &records));
        let mut attached: Vec<&Record> = records.iter().collect();
        attached.sort_by_key(|record| match record.network() {
            None => (0, 0),
            Some(_) => (1, serving.get(&record.id()).copied().unwrap_or(usize::MAX)),
        });
        let told = |record: &Record| {
            if record.follows() == Some(Dialect::Standard)
                && let Some(report) = state.reported.iter().find(|it| it.is_report_of(record))
            {
                // It names the network that the meta-plugin gave to the pod.
                return Some(report.clone());
            }
            let entry = Entry::of(record)?;
            let link = links.iter().find(|link| link.name == entry.interface);
            Some(match record.adopted {
                true => entry.completed(record.result.is_some(), &state.reported, link),
                false => entry,
            })
        };
        let mut entries: Vec<Entry> = attached.into_iter().filter_map(told).collect();
        if entries.first().is_none_or(|entry| !entry.default) {
            let reported = state.reported.iter().find(|entry| entry.default);
            // What was told and still holds is not looked for among the entries of all pods.
            let holds = |entry: &&Entry| links.iter().any(|link| entry.describes(link));
            let default = reported.filter(holds).cloned();
            let default = default.or_else(|| self.cached_default(&open.sandbox.id));
            entries.splice(0..0, default.or_else(|| reported.cloned()));
        }
        let foreign = state.reported.iter().filter(|entry| {
            !entry.default
                && links.iter().any(|link| link.name == entry.interface)
                && !records.iter().any(|record| record.interface.as_str() == entry.interface)
                && !entries.iter().any(|own| own.interface == entry.interface)
        });
        let foreign: Vec<_> = foreign.cloned().collect();
        entries.extend(foreign);
        Ok(entries)
    }
}
