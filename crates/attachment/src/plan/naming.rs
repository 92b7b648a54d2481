//! Names for the interfaces of a pod: the one asked for, or one that depends on the network only.

use std::collections::BTreeMap;

use super::Observed;
use super::claim::collision;
use crate::annotation::Dialect;
use crate::desired::Wanted;
use crate::link::Link;
use crate::name::{InterfaceName, Naming};
use crate::network::NetworkKey;
use crate::problem::{Problem, Reason};
use crate::record::Record;

/// Most attachments to one network that are told apart.
const SERIES: usize = 1024;

/// What is known of a name.
pub(super) enum Name<'a> {
    /// Nobody has it, or a record that goes first.
    Free { interface: InterfaceName, after: Option<&'a Record> },
    /// Someone else attached this network under it.
    Attached { interface: InterfaceName, link: &'a Link },
}

/// The names of one network, the first choice first.
pub(super) struct Series {
    base: String,
    naming: Naming,
}

impl Series {
    fn name(&self, ordinal: usize) -> InterfaceName {
        match self.naming {
            Naming::Hash => InterfaceName::hashed(&self.base, ordinal),
            Naming::Numbered => InterfaceName::numbered(ordinal + 1),
        }
    }

    fn iter(&self) -> impl Iterator<Item = InterfaceName> {
        (0..SERIES).map(|ordinal| self.name(ordinal))
    }

    /// Position of a name; any other comes last.
    pub(super) fn rank(&self, interface: &InterfaceName) -> usize {
        // The few that a pod really has are found at once.
        (0..8).position(|ordinal| self.name(ordinal) == *interface).unwrap_or(usize::MAX)
    }
}

/// Who has which name in a pod.
pub(super) struct Names<'a> {
    observed: &'a Observed<'a>,
    /// All records of the sandbox; those that do not stay free their names.
    records: &'a [&'a Record],
    links: &'a [Link],
    /// Network that has a name, or will have it.
    taken: BTreeMap<InterfaceName, NetworkKey>,
}

impl<'a> Names<'a> {
    pub(super) fn new(
        observed: &'a Observed<'a>,
        kept: &[&Record],
        records: &'a [&'a Record],
        links: &'a [Link],
    ) -> Self {
        let taken = kept
            .iter()
            .filter_map(|record| Some((record.interface.clone(), record.network()?.clone())));
        Self { observed, records, links, taken: taken.collect() }
    }

    /// The names of the network of a wanted attachment.
    ///
    /// Kaloom's scheme knows no namespaces; a network of a foreign one has it in the name, so
    /// that two of one name do not meet.
    pub(super) fn series(observed: &Observed<'_>, wanted: &Wanted) -> Series {
        let network = &wanted.network;
        let own =
            network.dialect() == Dialect::Kaloom || network.namespace() == observed.pod.namespace();
        let base = if own { network.name().to_owned() } else { network.to_string() };
        Series { base, naming: observed.naming }
    }

    /// Gives a name to a network.
    pub(super) fn take(&mut self, interface: &InterfaceName, wanted: &Wanted) {
        self.taken.insert(interface.clone(), wanted.network.clone());
    }

    /// Gives a network the name it is asked for under, unless it is taken.
    pub(super) fn reserve(&mut self, wanted: &Wanted) {
        if let Some(interface) = &wanted.interface {
            self.taken.entry(interface.clone()).or_insert_with(|| wanted.network.clone());
        }
    }

    /// Finds a name for an attachment that has no record, and takes it.
    pub(super) fn find(&mut self, wanted: &Wanted) -> Result<Name<'a>, Problem> {
        let name = match &wanted.interface {
            Some(interface) => self.explicit(interface, wanted)?,
            None => match self.reported(wanted, None) {
                Some(attached) => attached,
                None => self.by_scheme(wanted)?,
            },
        };
        let (Name::Free { interface, .. } | Name::Attached { interface, .. }) = &name;
        self.take(&interface.clone(), wanted);
        Ok(name)
    }

    fn explicit(&self, interface: &InterfaceName, wanted: &Wanted) -> Result<Name<'a>, Problem> {
        if let Some(first) = self.taken.get(interface) {
            return Err(collision(interface, first, wanted));
        }
        let Some(link) = self.foreign(interface) else { return Ok(self.free(interface.clone())) };
        // A name of the scheme is evidence enough; any other may be the pod's own doing.
        let of_scheme = || self.is_of_scheme(interface, wanted);
        match self.reported(wanted, Some(interface)) {
            Some(attached) => Ok(attached),
            None if of_scheme() => Ok(Name::Attached { interface: interface.clone(), link }),
            None => Err(taken(interface, wanted)),
        }
    }

    fn is_of_scheme(&self, interface: &InterfaceName, wanted: &Wanted) -> bool {
        self.observed.naming == Naming::Hash
            && Self::series(self.observed, wanted).rank(interface) != usize::MAX
    }

    fn by_scheme(&self, wanted: &Wanted) -> Result<Name<'a>, Problem> {
        let series = Self::series(self.observed, wanted);
        for interface in series.iter() {
            // Whoever asks for a name by name goes first, whatever the order.
            let other = self.taken.get(&interface).or_else(|| self.asked_for(&interface));
            match (self.observed.naming, other) {
                // The same network once more: its next name.
                (Naming::Hash, Some(first)) if *first == wanted.network => {}
                (Naming::Hash, Some(first)) => return Err(collision(&interface, first, wanted)),
                (Naming::Hash, None) => {
                    return Ok(match self.foreign(&interface) {
                        Some(link) => Name::Attached { interface, link },
                        None => self.free(interface),
                    });
                }
                (Naming::Numbered, Some(_)) => {}
                (Naming::Numbered, None) if self.foreign(&interface).is_some() => {}
                (Naming::Numbered, None) => return Ok(self.free(interface)),
            }
        }
        let message =
            format!("network {} is attached {SERIES} times; no name is left", wanted.network);
        Err(Problem::new(Reason::InterfaceCollision, message))
    }

    /// The network of the attachment that asks for this name.
    fn asked_for(&self, interface: &InterfaceName) -> Option<&NetworkKey> {
        let mut wanted = self.observed.desired.wanted.iter();
        let asking = wanted.find(|wanted| wanted.interface.as_ref() == Some(interface));
        asking.map(|wanted| &wanted.network)
    }

    /// The interface under which someone reported this network, if it is there.
    fn reported(&self, wanted: &Wanted, only: Option<&InterfaceName>) -> Option<Name<'a>> {
        let own = wanted.network.to_string();
        self.observed.reported.iter().filter(|entry| entry.name == own).find_map(|entry| {
            let interface = InterfaceName::requested(&entry.interface).ok()?;
            let free = !self.taken.contains_key(&interface)
                && only.is_none_or(|only| *only == interface)
                && (only.is_some() || self.asked_for(&interface).is_none());
            let link = self.foreign(&interface).filter(|_| free)?;
            Some(Name::Attached { interface, link })
        })
    }

    /// The interface of this name, unless it is that of a record.
    fn foreign(&self, interface: &InterfaceName) -> Option<&'a Link> {
        let recorded = self.records.iter().any(|record| record.interface == *interface);
        let named = |link: &&Link| link.name == interface.as_str();
        self.links.iter().find(named).filter(|_| !recorded)
    }

    /// A name nobody has but, maybe, a record that goes first.
    fn free(&self, interface: InterfaceName) -> Name<'a> {
        let after = self.records.iter().find(|record| record.interface == interface).copied();
        Name::Free { interface, after }
    }
}

fn taken(interface: &InterfaceName, wanted: &Wanted) -> Problem {
    let message = format!(
        "interface {interface} for network {} exists in the pod already, and nothing says that it is of that network: remove it or ask for another name",
        wanted.network
    );
    Problem::new(Reason::InterfaceTaken, message)
}
