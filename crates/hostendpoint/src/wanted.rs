//! Which endpoints a node should have.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    api::{
        AdoptPolicy, CALICO_METADATA_ANNOTATION, CalicoGroup, EndpointPort, HostEndpointSpec,
        LockoutPolicy, MANAGED_BY, MANAGED_BY_LABEL, TEMPLATE_LABEL,
    },
    endpoint::Endpoint,
    labels::Shared,
    node::NodeFacts,
    problem::{Problem, ProblemKind},
    templates::{Blueprint, Rule, Template},
    validate,
};

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
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// What to do with an endpoint of that name that is not ours.
    pub adopt: AdoptPolicy,
    /// What to do if it would cut the node off.
    pub lockout: LockoutPolicy,
}

impl Wanted {
    /// The spec as it should be, the observed addresses kept where the node's
    /// are not known.
    pub fn spec(&self, observed: Option<&Endpoint>) -> HostEndpointSpec {
        let observed = || {
            let addresses = observed.map(|endpoint| &*endpoint.expected_ips);
            addresses.unwrap_or_default().iter().map(|address| address.to_string()).collect()
        };
        HostEndpointSpec {
            node: self.node.to_string(),
            interface_name: self.interface.clone(),
            expected_ips: self.expected_ips.clone().unwrap_or_else(observed),
            profiles: self.profiles.clone(),
            ports: self.ports.clone(),
        }
    }

    /// The body of the server-side apply. Empty fields are left out, except
    /// where the observed endpoint has something there: apply removes what
    /// others wrote only if the field is named.
    pub fn manifest(&self, group: CalicoGroup, observed: Option<&Endpoint>) -> Value {
        let mut spec = json!(self.spec(observed));
        if let Some(observed) = observed {
            for (field, is_set, empty) in [
                ("interfaceName", !observed.interface.is_empty(), json!("")),
                ("expectedIPs", !observed.expected_ips.is_empty(), json!([])),
                ("profiles", !observed.profiles.is_empty(), json!([])),
                ("ports", !observed.ports.is_empty(), json!([])),
            ] {
                if is_set && spec.get(field).is_none() {
                    spec[field] = empty;
                }
            }
        }
        let mut annotations = self.annotations.clone();
        if let Some(calico) = observed.and_then(|observed| observed.calico_metadata(self)) {
            annotations.insert(CALICO_METADATA_ANNOTATION.to_owned(), calico.render());
        }
        let mut metadata = json!({"name": self.name, "labels": self.labels});
        if !annotations.is_empty() {
            metadata["annotations"] = json!(annotations);
        }
        json!({
            "apiVersion": group.api_version(),
            "kind": "HostEndpoint",
            "metadata": metadata,
            "spec": spec,
        })
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
    let mut labels = BTreeMap::new();
    if let Some(facts) = candidate.facts() {
        labels.extend(
            facts
                .labels
                .iter()
                .filter(|(key, _)| blueprint.copies(key))
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
    }
    labels.extend(blueprint.labels.iter().cloned());
    labels.insert(MANAGED_BY_LABEL.to_owned(), MANAGED_BY.to_owned());
    labels.insert(TEMPLATE_LABEL.to_owned(), template.name.to_string());
    let wanted = Wanted {
        name,
        template: template.name.clone(),
        node: Arc::clone(node),
        interface: target.interface,
        expected_ips: target.expected_ips,
        profiles: blueprint.profiles.clone(),
        ports: blueprint.ports.clone(),
        labels,
        annotations: blueprint.annotations.iter().cloned().collect(),
        adopt: blueprint.adopt,
        lockout: blueprint.lockout,
    };
    // Pattern rules take interface names from the node, which may be odd.
    if let Some(source) = validate::endpoint(&wanted.spec(None)).into_iter().next() {
        return Err(ProblemKind::Invalid { name: wanted.name, source });
    }
    if !wanted.interface.is_empty() {
        taken.insert(wanted.interface.clone(), template.name.clone());
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests;
