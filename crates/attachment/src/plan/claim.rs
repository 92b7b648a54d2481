//! Which record serves which wanted attachment, and what follows for both.

use std::collections::BTreeMap;

use super::naming::{Name, Names};
use super::{Action, Observed, Why, detach, fault};
use crate::desired::Wanted;
use crate::link::Link;
use crate::name::InterfaceName;
use crate::network::NetworkKey;
use crate::pod::Sandbox;
use crate::problem::{Problem, Reason};
use crate::record::{Record, RecordId, State};

/// The attachments of one sandbox, matched.
pub(super) struct Claims<'a> {
    observed: &'a Observed<'a>,
    records: &'a [&'a Record],
    links: &'a [Link],
    sandbox: &'a Sandbox,
    /// For each wanted attachment, position of its record.
    matched: Vec<Option<usize>>,
}

impl<'a> Claims<'a> {
    pub(super) fn new(
        observed: &'a Observed<'a>,
        records: &'a [&'a Record],
        sandbox: &'a Sandbox,
        links: &'a [Link],
    ) -> Self {
        let matched = vec![None; observed.desired.wanted.len()];
        let mut claims = Self { observed, records, links, sandbox, matched };
        claims.match_records();
        claims
    }

    fn wanted(&self) -> &'a [Wanted] {
        &self.observed.desired.wanted
    }

    /// The closest fits choose first: whoever asks for an interface by name, then whoever would
    /// find everything as it is, then anyone with the same network. So of two attachments to one
    /// network the right one stays when the other is not asked for any more.
    fn match_records(&mut self) {
        let by_name: Fit = |wanted, record| {
            wanted.interface.as_ref() == Some(&record.interface) && of_network(wanted, record)
        };
        let unchanged: Fit = |wanted, record| {
            let same = wanted.attachment.as_ref().is_ok_and(|attachment| record.is_of(attachment));
            same && record.state == State::Attached && loose(wanted, record)
        };
        for fits in [by_name, unchanged, loose] {
            for (position, wanted) in self.wanted().iter().enumerate() {
                if self.matched[position].is_some() {
                    continue;
                }
                let free = |index: &usize| !self.matched.contains(&Some(*index));
                let fitting = (0..self.records.len()).filter(free);
                let fitting = fitting.filter(|index| fits(wanted, self.records[*index]));
                self.matched[position] = self.preferred(fitting.collect(), wanted);
            }
        }
    }

    /// Of several records for one network, the one whose name the network has first.
    fn preferred(&self, fitting: Vec<usize>, wanted: &Wanted) -> Option<usize> {
        let names = Names::series(self.observed, wanted);
        let rank = |index: &usize| names.rank(&self.records[*index].interface);
        fitting.into_iter().min_by_key(rank)
    }

    /// Which record serves which wanted attachment.
    pub(super) fn serving(&self) -> BTreeMap<RecordId, usize> {
        let matched = self.matched.iter().enumerate();
        matched.filter_map(|(at, index)| Some((self.records[(*index)?].id(), at))).collect()
    }

    /// What must go, and then what comes, in the order of the annotations.
    pub(super) fn settle(self) -> (Vec<Action>, Vec<Action>) {
        let why_not: Vec<Option<Why>> =
            (0..self.records.len()).map(|index| self.why_not(index)).collect();
        let (mut released, mut kept) = (Vec::new(), Vec::new());
        for (record, why) in self.records.iter().zip(&why_not) {
            match why {
                Some(why) => released.push(detach(record, *why)),
                None => kept.push(*record),
            }
        }
        let mut names = Names::new(self.observed, &kept, self.records, self.links);
        for (wanted, index) in self.wanted().iter().zip(&self.matched) {
            let Some(index) = *index else { continue };
            // The name stays with the attachment, whatever else of it changes; but of what goes and
            // cannot be attached again there is none.
            if why_not[index].is_none() || wanted.attachment.is_ok() {
                names.take(&self.records[index].interface, wanted);
            }
        }
        let mut then = BTreeMap::new();
        // Whoever asks for a name by name has it before a name is looked for; what is done keeps the
        // order of the annotations.
        for named in [true, false] {
            for (position, wanted) in self.wanted().iter().enumerate() {
                let replaced = match self.matched[position] {
                    _ if wanted.interface.is_some() != named => continue,
                    Some(index) if why_not[index].is_none() && wanted.attachment.is_ok() => {
                        continue;
                    }
                    index => index.map(|index| self.records[index]),
                };
                then.insert(position, self.serve(position, wanted, replaced, &mut names));
            }
        }
        (released, then.into_values().flatten().collect())
    }

    /// What is due for an attachment whose record, if it has one, has to go.
    fn serve(
        &self,
        position: usize,
        wanted: &Wanted,
        replaced: Option<&Record>,
        names: &mut Names<'_>,
    ) -> Vec<Action> {
        let refuse = |problem| vec![Action::Refuse { wanted: Some(position), problem }];
        let attach = |interface, after| Action::Attach { wanted: position, interface, after };
        let attachment = match &wanted.attachment {
            Ok(attachment) => attachment,
            Err(problem) => {
                // It will need its name as soon as it can be attached.
                names.reserve(wanted);
                return refuse(problem.clone());
            }
        };
        if let Some(record) = replaced {
            return vec![attach(record.interface.clone(), Some(record.id()))];
        }
        match names.find(wanted) {
            Err(problem) => refuse(problem),
            Ok(Name::Free { interface, after }) => {
                vec![attach(interface, after.map(Record::id))]
            }
            Ok(Name::Attached { interface, link }) => {
                let adopt = Action::Adopt { wanted: position, interface: interface.clone() };
                if attachment.mac.is_none_or(|mac| Some(mac) == link.mac) {
                    return vec![adopt];
                }
                // Made for an annotation that said something else.
                let record = RecordId {
                    pod_uid: self.observed.pod.uid().to_owned(),
                    sandbox: self.sandbox.id.clone(),
                    interface: interface.clone(),
                };
                let detach = Action::Detach { record: record.clone(), why: Why::Changed };
                vec![adopt, detach, attach(interface, Some(record))]
            }
        }
    }

    /// Why a record cannot stay.
    fn why_not(&self, index: usize) -> Option<Why> {
        let record = self.records[index];
        let wanted = self.matched.iter().position(|matched| *matched == Some(index));
        let wanted = wanted.map(|position| &self.wanted()[position]);
        let changed = || match wanted.map(|wanted| &wanted.attachment) {
            Some(Ok(attachment)) => (!record.is_of(attachment)).then_some(Why::Changed),
            // Still asked for, only what it should be cannot be told.
            Some(Err(_)) => None,
            None if self.is_void(record) => None,
            None => Some(Why::Unwanted),
        };
        fault(record, self.links).or_else(changed)
    }

    /// Whether the annotation that asked for a record cannot be read.
    fn is_void(&self, record: &Record) -> bool {
        let dialect = record.network().map(NetworkKey::dialect);
        self.observed.desired.void.iter().any(|error| Some(error.dialect) == dialect)
    }
}

type Fit = fn(&Wanted, &Record) -> bool;

fn of_network(wanted: &Wanted, record: &Record) -> bool {
    record.network().is_some_and(|network| wanted.candidates.contains(network))
}

/// The same network, and neither side insists on a name.
fn loose(wanted: &Wanted, record: &Record) -> bool {
    wanted.interface.is_none() && !record.explicit && of_network(wanted, record)
}

/// A name that two attachments of a pod would have.
pub(super) fn collision(interface: &InterfaceName, first: &NetworkKey, second: &Wanted) -> Problem {
    let message = format!(
        "interface {interface} would belong to two networks of the pod, {first} (annotation {}) and {} (annotation {}): give one of them another name",
        first.dialect(),
        second.network,
        second.dialect,
    );
    Problem::new(Reason::InterfaceCollision, message)
}
