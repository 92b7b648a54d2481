//! A pod on a node in miniature: plans are made for it and carried out in memory.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::annotation::{AnnotationError, Dialect, Mac, Request};
use crate::attachment::Attachment;
use crate::desired::{Desired, Wanted};
use crate::link::Link;
use crate::name::{InterfaceName, Naming};
use crate::network::Candidates;
use crate::plan::{Action, Observed, Presence, plan};
use crate::pod::{Pod, Sandbox};
use crate::problem::{Problem, Reason};
use crate::record::{Record, Role, State};
use crate::route::DefaultRoutes;
use crate::status::Entry;

/// One element of an annotation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ask {
    pub(super) network: String,
    pub(super) namespace: Option<String>,
    pub(super) interface: Option<String>,
    /// Stands for anything else that makes a difference.
    pub(super) revision: u8,
    /// Whether the network cannot be found.
    pub(super) fails: bool,
    pub(super) mac: Option<Mac>,
    /// The standard, unless told otherwise.
    pub(super) dialect: Option<Dialect>,
}

#[derive(Debug)]
pub(super) struct World {
    pod: Pod,
    pub(super) asks: Vec<Ask>,
    pub(super) void: Vec<Dialect>,
    pub(super) records: Vec<Record>,
    pub(super) links: Vec<Link>,
    reported: Vec<Entry>,
    sandbox: Sandbox,
    pub(super) boot_id: String,
    pub(super) host_network: bool,
    pub(super) naming: Naming,
    index: u32,
}

impl World {
    pub(super) fn new(asks: Vec<Ask>) -> Self {
        Self {
            pod: Pod::new("shop", "web-0", "u1").unwrap(),
            asks,
            void: Vec::new(),
            records: Vec::new(),
            links: Vec::new(),
            reported: Vec::new(),
            sandbox: Sandbox::new("first", "/run/netns/first").unwrap(),
            boot_id: "b".into(),
            host_network: false,
            naming: Naming::Hash,
            index: 1,
        }
    }

    pub(super) fn add_link(&mut self, name: &str) {
        if self.links.iter().all(|link| link.name != name) {
            self.index += 1;
            let name = name.to_owned();
            self.links.push(Link { name, index: self.index, mac: None, addresses: Vec::new() });
        }
    }

    pub(super) fn report(&mut self, network: &str, interface: &str) {
        let (name, interface) = (network.to_owned(), interface.to_owned());
        self.reported.push(Entry { name, interface, ..Entry::default() });
    }

    pub(super) fn replace_sandbox(&mut self, id: &str) {
        if self.sandbox.id.as_str() != id {
            self.sandbox = Sandbox::new(id, format!("/run/netns/{id}")).unwrap();
            self.links.clear();
        }
    }

    pub(super) fn reboot(&mut self, boot_id: &str) {
        if self.boot_id != boot_id {
            self.boot_id = boot_id.to_owned();
            self.links.clear();
        }
    }

    fn desired(&self) -> Desired {
        // An annotation that is void asks for nothing.
        let asks =
            self.asks.iter().enumerate().filter(|(_, ask)| !self.void.contains(&dialect(ask)));
        let wanted = asks.map(|(element, ask)| self.wanted(element, ask)).collect();
        let void = self.void.iter().map(|dialect| AnnotationError {
            dialect: *dialect,
            element: None,
            field: None,
            fault: "not JSON".into(),
        });
        Desired { wanted, void: void.collect() }
    }

    fn wanted(&self, element: usize, ask: &Ask) -> Wanted {
        let plain = Request::plain(dialect(ask), element, ask.network.clone());
        let request = Request { namespace: ask.namespace.clone(), ..plain };
        let candidates = Candidates::new(&request, &self.pod);
        let network = candidates.first.clone();
        let attachment = Attachment {
            network: network.clone(),
            config: json!({"name": ask.network, "plugins": [{"type": "none"}]}),
            mac: ask.mac,
            capability_args: Map::new(),
            default_route: None,
            digest: format!("{network} {} {:?}", ask.revision, ask.mac),
        };
        let missing = || Problem::new(Reason::NetworkNotFound, format!("network {network}"));
        Wanted {
            dialect: dialect(ask),
            element,
            network: network.clone(),
            candidates,
            interface: ask.interface.as_ref().map(|name| InterfaceName::requested(name).unwrap()),
            attachment: if ask.fails { Err(missing()) } else { Ok(attachment) },
        }
    }

    pub(super) fn plan(&self) -> Vec<Action> {
        self.plan_with(Presence::Ready { sandbox: &self.sandbox, links: &self.links })
    }

    pub(super) fn plan_with(&self, presence: Presence<'_>) -> Vec<Action> {
        plan(&Observed {
            pod: &self.pod,
            desired: &self.desired(),
            host_network: self.host_network,
            presence,
            records: &self.records,
            reported: &self.reported,
            boot_id: &self.boot_id,
            naming: self.naming,
        })
    }

    /// Plans and does it; how many refusals there were.
    pub(super) fn run(&mut self) -> usize {
        let actions = self.plan();
        actions.iter().for_each(|action| self.apply(action));
        actions.iter().filter(|action| matches!(action, Action::Refuse { .. })).count()
    }

    /// Plans and does it up to an action, of which only the record is written.
    pub(super) fn run_until(&mut self, position: usize, state: State) {
        let actions = self.plan();
        actions.iter().take(position).for_each(|action| self.apply(action));
        match actions.get(position) {
            Some(Action::Detach { record: id, .. }) => {
                let record = self.records.iter_mut().find(|record| record.id() == *id).unwrap();
                record.state = State::Deleting;
            }
            Some(action @ Action::Attach { interface, .. }) => {
                self.apply(action);
                self.records.last_mut().unwrap().state = state;
                if state == State::Adding {
                    self.links.retain(|link| link.name != interface.as_str());
                }
            }
            _ => {}
        }
    }

    fn apply(&mut self, action: &Action) {
        match action {
            Action::Detach { record: id, .. } => {
                let index = self.records.iter().position(|record| record.id() == *id);
                let record = self.records.remove(index.expect("only what is recorded is detached"));
                if record.sandbox == self.sandbox.id && record.boot_id == self.boot_id {
                    self.links.retain(|link| link.name != record.interface.as_str());
                }
            }
            Action::Adopt { wanted, interface } => {
                assert!(self.has_link(interface), "only what is there is adopted");
                self.put_on_record(*wanted, interface);
            }
            Action::Attach { wanted, interface, .. } => {
                assert!(!self.has_link(interface), "{interface} is there already: {self:?}");
                self.add_link(interface.as_str());
                self.put_on_record(*wanted, interface);
                let mac = self.desired().wanted[*wanted].attachment.as_ref().unwrap().mac;
                self.links.last_mut().unwrap().mac = mac;
            }
            Action::Refuse { .. } => {}
        }
    }

    fn has_link(&self, interface: &InterfaceName) -> bool {
        self.links.iter().any(|link| link.name == interface.as_str())
    }

    fn put_on_record(&mut self, wanted: usize, interface: &InterfaceName) {
        let wanted = self.desired().wanted[wanted].clone();
        let attachment = wanted.attachment.expect("what fails is not attached");
        let link = self.links.iter().find(|link| link.name == interface.as_str()).unwrap();
        let record = Record {
            pod: self.pod.clone(),
            sandbox: self.sandbox.id.clone(),
            netns: self.sandbox.netns.clone(),
            netns_id: None,
            boot_id: self.boot_id.clone(),
            interface: interface.clone(),
            role: Role::Network(attachment.network),
            state: State::Attached,
            explicit: wanted.interface.is_some(),
            adopted: false,
            digest: attachment.digest,
            config: Value::Null,
            args: Default::default(),
            capability_args: Map::new(),
            result: None,
            link: Some(link.identity()),
            replaced_routes: DefaultRoutes::default(),
            default_route: None,
        };
        assert!(
            self.records.iter().all(|other| other.id() != record.id()),
            "{interface} is recorded already"
        );
        self.records.push(record);
    }

    /// Asserts that everything asked for that is not refused has a record of its own, and that
    /// nothing else has.
    pub(super) fn assert_served(&self) {
        let refused: BTreeSet<usize> = self
            .plan()
            .iter()
            .filter_map(|action| match action {
                Action::Refuse { wanted, .. } => *wanted,
                _ => None,
            })
            .collect();
        let desired = self.desired();
        let served = (0..desired.wanted.len()).filter(|position| !refused.contains(position));
        // Those that take one record only choose first.
        let mut served: Vec<usize> = served.collect();
        served.sort_by_key(|position| desired.wanted[*position].interface.is_none());
        let mut free: Vec<&Record> = self.records.iter().collect();
        for position in served {
            let wanted = &desired.wanted[position];
            let attachment = wanted.attachment.as_ref().unwrap();
            let serves = |record: &&Record| {
                record.is_of(attachment)
                    && record.state == State::Attached
                    && wanted.interface.as_ref().is_none_or(|name| *name == record.interface)
            };
            let index = free.iter().position(serves);
            free.remove(index.unwrap_or_else(|| panic!("{wanted:?} is not served: {self:?}")));
        }
        for record in free {
            let network = record.network().unwrap();
            let kept = self.void.contains(&network.dialect())
                || desired.wanted.iter().any(|wanted| {
                    wanted.attachment.is_err() && wanted.candidates.contains(network)
                });
            assert!(kept, "{record:?} serves nobody");
        }
    }
}

fn dialect(ask: &Ask) -> Dialect {
    ask.dialect.unwrap_or(Dialect::Standard)
}
