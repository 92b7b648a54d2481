//! Which endpoints a node should have.

mod manifest;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use crate::{
    api::{AdoptPolicy, CalicoGroup, EndpointPort, LockoutPolicy},
    endpoint::Endpoint,
    labels::Shared,
    node::NodeFacts,
    problem::{Problem, ProblemKind},
    templates::{Blueprint, Rule, Template},
    validate,
};

pub use manifest::Manifest;

/// An endpoint that should exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The template that wants it.
    pub template: Shared,
    /// `spec.node`.
    pub node: Shared,
    /// `spec.interfaceName`; empty where the addresses say which one.
    pub interface: String,
    /// `spec.expectedIPs`; `None` while they are unknown, and then those that
    /// stand there stay.
    pub expected_ips: Option<Vec<String>>,
    /// `spec.profiles`.
    pub profiles: Vec<String>,
    /// `spec.ports`.
    pub ports: Vec<EndpointPort>,
    /// Labels, ours included.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Annotations.
    pub annotations: Arc<BTreeMap<String, String>>,
    /// What to do with an endpoint of that name that is not ours.
    pub adopt: AdoptPolicy,
    /// What to do if it would cut the node off.
    pub lockout: LockoutPolicy,
}

impl Wanted {
    /// The body of the server-side apply.
    pub fn manifest(&self, group: CalicoGroup, observed: Option<&Endpoint>) -> Manifest {
        Manifest::new(self, group, observed)
    }
}

/// What a node should have.
#[derive(Debug, Default, PartialEq)]
pub struct WantedSet {
    /// The endpoints, by template and rule.
    pub endpoints: Vec<Wanted>,
    /// Templates that select the node.
    pub matched: Vec<Shared>,
    /// Templates whose endpoints on this node must not be deleted, because
    /// something they depend on is not known.
    pub held: BTreeSet<Shared>,
    /// What does not work.
    pub problems: Vec<Problem>,
}

/// A node that endpoints are wanted for.
#[derive(Clone, Copy, Debug)]
pub enum Candidate<'a> {
    /// It has registered.
    Registered(&'a NodeFacts),
    /// It is to come, and these templates want to be early.
    Expected {
        /// Its name.
        name: &'a Shared,
        /// The templates.
        templates: &'a BTreeSet<Shared>,
    },
}

impl<'a> Candidate<'a> {
    fn name(&self) -> &'a Shared {
        match self {
            Self::Registered(facts) => &facts.name,
            Self::Expected { name, .. } => name,
        }
    }

    fn facts(&self) -> Option<&'a NodeFacts> {
        match self {
            Self::Registered(facts) => Some(facts),
            Self::Expected { .. } => None,
        }
    }

    fn is_selected(&self, template: &Template, blueprint: &Blueprint) -> bool {
        match self {
            Self::Registered(facts) => blueprint.selection.matches(&facts.labels),
            Self::Expected { templates, .. } => templates.contains(&template.name),
        }
    }
}

/// What a node should have. Templates come in the order of their names; where
/// two want the same interface the first one gets it, because Calico uses
/// only one endpoint per interface.
pub fn wanted<'a>(
    candidate: Candidate<'_>,
    templates: impl IntoIterator<Item = &'a Template>,
) -> WantedSet {
    let mut set = WantedSet::default();
    // Interface to template; `*` is an interface of its own, named endpoints
    // beat it.
    let mut taken: BTreeMap<String, Shared> = BTreeMap::new();
    for template in templates {
        let Ok(blueprint) = &template.compiled else {
            set.held.insert(template.name.clone());
            continue;
        };
        if !candidate.is_selected(template, blueprint) {
            continue;
        }
        set.matched.push(template.name.clone());
        for rule in &blueprint.rules {
            let found = match targets(candidate.facts(), blueprint, rule) {
                Some(found) => found,
                None => {
                    set.held.insert(template.name.clone());
                    continue;
                }
            };
            for target in found {
                match endpoint(candidate, template, blueprint, target, &mut taken, &set.endpoints) {
                    Ok(endpoint) => set.endpoints.push(endpoint),
                    Err(kind) => set.problems.push(Problem {
                        node: candidate.name().clone(),
                        template: template.name.clone(),
                        kind,
                    }),
                }
            }
        }
    }
    set
}

/// What an endpoint is for.
struct Target {
    interface: String,
    alias: String,
    expected_ips: Option<Vec<String>>,
}

/// The targets of a rule on a node; `None` where that cannot be known yet.
fn targets(facts: Option<&NodeFacts>, blueprint: &Blueprint, rule: &Rule) -> Option<Vec<Target>> {
    let of_kinds = || match facts {
        _ if blueprint.expected_ips.is_empty() => Some(Vec::new()),
        Some(facts) if !facts.addresses.is_empty() => Some(unique(
            blueprint
                .expected_ips
                .iter()
                .flat_map(|kind| facts.addresses.iter().filter(move |(other, _)| other == kind))
                .map(|(_, address)| *address),
        )),
        _ => None,
    };
    match rule {
        Rule::Name { name, alias } => Some(vec![Target {
            interface: name.clone(),
            alias: alias.clone(),
            expected_ips: of_kinds(),
        }]),
        Rule::All { alias } => Some(vec![Target {
            interface: "*".to_owned(),
            alias: alias.clone(),
            expected_ips: of_kinds(),
        }]),
        Rule::Pattern(regex) => {
            let interfaces = facts?.interfaces.as_ref()?;
            Some(
                interfaces
                    .iter()
                    .filter(|interface| regex.is_match(&interface.name))
                    .map(|interface| Target {
                        interface: interface.name.to_string(),
                        alias: interface.name.to_string(),
                        expected_ips: of_kinds(),
                    })
                    .collect(),
            )
        }
        Rule::Cidrs { cidrs, alias } => {
            let facts = facts?;
            let known = facts.addresses.iter().map(|(_, address)| *address).chain(
                facts
                    .interfaces
                    .iter()
                    .flatten()
                    .flat_map(|interface| interface.addresses.iter().copied()),
            );
            let mut known = known.peekable();
            known.peek()?;
            let inside =
                unique(known.filter(|address| cidrs.iter().any(|cidr| cidr.contains(*address))));
            Some(if inside.is_empty() {
                Vec::new()
            } else {
                vec![Target {
                    interface: String::new(),
                    alias: alias.clone(),
                    expected_ips: Some(inside),
                }]
            })
        }
    }
}

fn unique(addresses: impl Iterator<Item = IpAddr>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    addresses.filter(|address| seen.insert(*address)).map(|address| address.to_string()).collect()
}

fn endpoint(
    candidate: Candidate<'_>,
    template: &Template,
    blueprint: &Blueprint,
    target: Target,
    taken: &mut BTreeMap<String, Shared>,
    earlier: &[Wanted],
) -> Result<Wanted, ProblemKind> {
    let node = candidate.name();
    let name = blueprint
        .endpoint_name
        .render(node, &target.alias, &template.name)
        .map_err(|source| ProblemKind::Name { interface: target.interface.clone(), source })?;
    if let Some(by) = taken.get(&target.interface).filter(|_| !target.interface.is_empty()) {
        return Err(ProblemKind::InterfaceTaken { interface: target.interface, by: by.clone() });
    }
    if let Some(other) = earlier.iter().find(|other| other.name == name) {
        return Err(ProblemKind::NameTaken { name, by: other.template.clone() });
    }
    let wanted = Wanted {
        name,
        template: template.name.clone(),
        node: Arc::clone(node),
        interface: target.interface,
        expected_ips: target.expected_ips,
        profiles: blueprint.profiles.clone(),
        ports: blueprint.ports.clone(),
        labels: labels(candidate.facts(), blueprint),
        annotations: Arc::clone(&blueprint.annotations),
        adopt: blueprint.adopt,
        lockout: blueprint.lockout,
    };
    // Pattern rules take interface names from the node, which may be odd;
    // profiles and ports were checked with the template.
    let addresses = wanted.expected_ips.as_deref().unwrap_or_default();
    if let Some(source) = validate::target(node, &wanted.interface, addresses).into_iter().next() {
        return Err(ProblemKind::Invalid { name: wanted.name, source });
    }
    if !wanted.interface.is_empty() {
        taken.insert(wanted.interface.clone(), template.name.clone());
    }
    Ok(wanted)
}

/// The labels of an endpoint. Those of the template are shared: most clusters
/// copy none, and there are as many maps as endpoints.
fn labels(facts: Option<&NodeFacts>, blueprint: &Blueprint) -> Arc<BTreeMap<String, String>> {
    let copied = facts.into_iter().flat_map(|facts| facts.labels.iter());
    let mut copied = copied.filter(|(key, _)| blueprint.copies(key)).peekable();
    if copied.peek().is_none() {
        return Arc::clone(&blueprint.labels);
    }
    let mut labels: BTreeMap<_, _> =
        copied.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    labels.extend(blueprint.labels.iter().map(|(key, value)| (key.clone(), value.clone())));
    Arc::new(labels)
}

#[cfg(test)]
mod tests;
