//! ADD of one attachment: recorded, called, recorded.

use kubewright_cni::{CniArgs, NetworkConfig, RuntimeConf};
use serde_json::{Map, Value};

use super::{Engine, EngineError, Step};
use crate::attachment::Attachment;
use crate::link::{self, Link};
use crate::name::InterfaceName;
use crate::netns::Netns;
use crate::pod::{Pod, Sandbox};
use crate::problem::{Problem, Reason};
use crate::record::{Record, Role, State};
use crate::route;

/// A sandbox whose network namespace is open.
pub(super) struct Place<'a> {
    pub(super) pod: &'a Pod,
    pub(super) sandbox: &'a Sandbox,
    pub(super) netns: &'a Netns,
}

impl Engine {
    /// A record of what a pod asks for, not written yet.
    pub(super) fn record(
        &self,
        place: &Place<'_>,
        attachment: &Attachment,
        interface: &InterfaceName,
        explicit: bool,
    ) -> Result<Record, Problem> {
        let failed = |error| Problem::from_error(Reason::AttachFailed, &error);
        let args = attachment.args(place.pod, &place.sandbox.id).map_err(failed)?;
        let role = Role::Network(attachment.network.clone());
        let blank = self.blank(place, role, interface, &attachment.config, args);
        Ok(Record {
            explicit,
            digest: attachment.digest.clone(),
            capability_args: attachment.capability_args.clone(),
            default_route: attachment.default_route.clone(),
            ..blank
        })
    }

    pub(super) fn blank(
        &self,
        place: &Place<'_>,
        role: Role,
        interface: &InterfaceName,
        config: &Value,
        args: CniArgs,
    ) -> Record {
        Record {
            pod: place.pod.clone(),
            sandbox: place.sandbox.id.clone(),
            netns: place.sandbox.netns.clone(),
            netns_id: Some(place.netns.id()),
            boot_id: self.boot_id.to_string(),
            interface: interface.clone(),
            role,
            state: State::Adding,
            explicit: false,
            adopted: false,
            digest: String::new(),
            config: config.clone(),
            args,
            capability_args: Map::new(),
            result: None,
            link: None,
            replaced_routes: route::DefaultRoutes::default(),
            default_route: None,
        }
    }

    /// Calls ADD for a record, or leaves nothing: after a failure comes DEL, and where that
    /// fails, too, a record that says so.
    pub(super) fn attach(&self, place: &Place<'_>, mut record: Record) -> Result<Record, Problem> {
        let failed =
            |error: &dyn std::error::Error| Problem::from_error(Reason::AttachFailed, error);
        let (network, runtime) = calling(&record, Some(record.netns.clone()))?;
        let syncing = self.store.begin(&record).map_err(|error| failed(&error))?;
        self.reached(Step::AddRecorded, &record.id());
        let added = self.cni.add(&network, &runtime).map_err(|error| failed(&error));
        // The disk works while the plugin does. What a plugin keeps on disk is synced by nobody,
        // so it gets there later than the record that names it.
        let durable = syncing.wait().map_err(|error| failed(&error));
        let added = match durable.and(added) {
            Err(problem) => Err(problem),
            Ok(result) => {
                self.reached(Step::Added, &record.id());
                record.result = Some(result);
                self.finish(place, &mut record).map_err(|error| failed(&error))
            }
        };
        match added {
            Ok(()) => {
                self.reached(Step::AddDone, &record.id());
                Ok(record)
            }
            Err(mut problem) => {
                if let Err(error) = self.detach(&record) {
                    problem.message.push_str(&format!("; cleaning up after it: {error}"));
                }
                Err(problem)
            }
        }
    }

    /// What is due between ADD and a record that says `attached`.
    fn finish(&self, place: &Place<'_>, record: &mut Record) -> Result<(), EngineError> {
        let link = self.find_link(place, &record.interface)?;
        record.link = link.as_ref().map(Link::identity);
        if let Some(gateways) = record.default_route.clone() {
            self.take_default_route(place, record, &gateways)?;
        }
        record.state = State::Attached;
        Ok(self.store.write(record)?)
    }

    pub(super) fn find_link(
        &self,
        place: &Place<'_>,
        interface: &InterfaceName,
    ) -> Result<Option<Link>, EngineError> {
        let links = link::list(place.netns)?;
        Ok(links.into_iter().find(|link| link.name == interface.as_str()))
    }

    fn take_default_route(
        &self,
        place: &Place<'_>,
        record: &mut Record,
        gateways: &[std::net::IpAddr],
    ) -> Result<(), EngineError> {
        let failed = |source| EngineError::Route { record: record.id(), source };
        let interface = record.interface.clone();
        let others =
            place.netns.enter(|| route::giving_way(&interface, gateways))?.map_err(failed)?;
        record.replaced_routes = others.clone();
        // Written before they are removed: whoever cleans up puts them back.
        self.store.write(record)?;
        let failed = |source| EngineError::Route { record: record.id(), source };
        place.netns.enter(|| route::take_over(&interface, gateways, &others))?.map_err(failed)
    }
}

/// What plugins are called with for a record.
pub(super) fn calling(
    record: &Record,
    netns: Option<std::path::PathBuf>,
) -> Result<(NetworkConfig, RuntimeConf), Problem> {
    let failed = |error: &dyn std::error::Error| Problem::from_error(Reason::AttachFailed, error);
    let network =
        NetworkConfig::from_value(record.config.clone()).map_err(|error| failed(&error))?;
    let runtime = RuntimeConf::new(record.sandbox.as_str(), netns, record.interface.as_str())
        .map_err(|error| failed(&error))?
        .with_args(record.args.clone())
        .with_capability_args(record.capability_args.clone());
    Ok((network, runtime))
}
