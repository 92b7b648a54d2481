//! The check itself.

use std::{collections::BTreeMap, fmt};

use super::{FailsafePort, Felix, Policy, PolicyRule, RuleAction};
use crate::labels::LabelSource;

/// Profile that Calico always has and that allows everything.
const DEFAULT_ALLOW_PROFILE: &str = "projectcalico-default-allow";

/// Which way a connection goes, seen from the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// To the node.
    In,
    /// From the node.
    Out,
}

/// A connection that a node cannot do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Essential {
    /// What it is, for people.
    pub what: &'static str,
    /// Which way it goes.
    pub direction: Direction,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// The port.
    pub port: u16,
}

/// How an endpoint would cut its node off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// No policy selects the endpoint and it has no profile, so all but the
    /// failsafe ports is denied.
    NoPolicy,
    /// A connection that the node needs is denied.
    Cut(Essential),
    /// Policies could not be read, so nothing is known.
    Unknown,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPolicy => f.write_str(
                "no policy selects it and it has no profile, all but the failsafe ports is denied",
            ),
            Self::Cut(cut) => {
                let direction = match cut.direction {
                    Direction::In => "to",
                    Direction::Out => "from",
                };
                write!(
                    f,
                    "{}/{} {direction} the node is denied ({})",
                    cut.protocol, cut.port, cut.what
                )
            }
            Self::Unknown => {
                f.write_str("policies cannot be read, so it is not known what is denied")
            }
        }
    }
}

/// All that the check looks at.
#[derive(Clone, Debug)]
pub struct Preflight {
    /// Policies by name; `None` while they have not been read.
    pub policies: Option<BTreeMap<String, Policy>>,
    /// What Felix lets through whatever the policies say.
    pub felix: Felix,
    /// What nodes cannot do without.
    pub essentials: Vec<Essential>,
}

impl Preflight {
    /// Nothing read yet; the API server listens at `api_port`.
    pub fn new(api_port: u16) -> Self {
        let essential =
            |what, direction, protocol, port| Essential { what, direction, protocol, port };
        Self {
            policies: None,
            felix: Felix::default(),
            essentials: vec![
                essential("ssh", Direction::In, "tcp", 22),
                essential("kubelet: logs, exec, metrics", Direction::In, "tcp", 10250),
                essential("the API server", Direction::Out, "tcp", api_port),
                essential("dns", Direction::Out, "udp", 53),
            ],
        }
    }

    /// How an endpoint of `node` with these labels and profiles would cut the
    /// node off; empty if it would not.
    pub fn check(
        &self,
        node: &str,
        labels: &impl LabelSource,
        profiles: &[String],
    ) -> Vec<Finding> {
        if profiles.iter().any(|profile| profile == DEFAULT_ALLOW_PROFILE)
            && self.no_policy_selects(labels)
        {
            return Vec::new();
        }
        let Some(policies) = &self.policies else {
            return vec![Finding::Unknown];
        };
        let mut selecting: Vec<_> =
            policies.values().filter(|policy| policy.selects(labels)).collect();
        selecting.sort_by(|a, b| {
            (&a.tier, a.order, &a.name)
                .partial_cmp(&(&b.tier, b.order, &b.name))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        let mut findings = Vec::new();
        if selecting.is_empty() && profiles.is_empty() {
            findings.push(Finding::NoPolicy);
        }
        let failsafe = self.felix.failsafe(node);
        for essential in &self.essentials {
            let open = match essential.direction {
                Direction::In => &failsafe.inbound,
                Direction::Out => &failsafe.outbound,
            };
            if !open.iter().any(|port| is_for(port, essential))
                && !allowed(essential, &selecting, profiles)
            {
                findings.push(Finding::Cut(essential.clone()));
            }
        }
        findings
    }

    fn no_policy_selects(&self, labels: &impl LabelSource) -> bool {
        self.policies
            .as_ref()
            .is_none_or(|policies| !policies.values().any(|policy| policy.selects(labels)))
    }
}

fn is_for(port: &FailsafePort, essential: &Essential) -> bool {
    // Numbers first: nearly all differ there.
    port.port == essential.port && port.protocol == essential.protocol
}

/// Whether some peer can make the connection. Policies come in their order;
/// a tier that has a policy for the direction and comes to no decision denies.
fn allowed<'a>(essential: &Essential, selecting: &[&'a Policy], profiles: &[String]) -> bool {
    let rules_of = |policy: &'a Policy| match essential.direction {
        Direction::In => policy.ingress.as_ref(),
        Direction::Out => policy.egress.as_ref(),
    };
    let mut tiers: Vec<(&str, Vec<&PolicyRule>)> = Vec::new();
    for policy in selecting {
        let Some(rules) = rules_of(policy) else {
            continue;
        };
        match tiers.last_mut() {
            Some((tier, all)) if *tier == policy.tier => all.extend(rules),
            _ => tiers.push((&policy.tier, rules.iter().collect())),
        }
    }
    'tiers: for (_, rules) in &tiers {
        for rule in rules.iter().filter(|rule| covers(rule, essential)) {
            match (rule.action, rule.conditional) {
                (RuleAction::Allow, _) => return true,
                (RuleAction::Deny, false) => return false,
                (RuleAction::Pass, _) => continue 'tiers,
                (RuleAction::Deny, true) => {}
            }
        }
        return false;
    }
    // Rules of other profiles are not looked at; whoever gives one knows it.
    !profiles.is_empty()
}

fn covers(rule: &PolicyRule, essential: &Essential) -> bool {
    rule.protocol.as_deref().is_none_or(|protocol| protocol == essential.protocol)
        && (rule.ports.is_empty() && !rule.conditional
            || rule.ports.is_empty() && rule.action == RuleAction::Allow
            || rule.ports.iter().any(|range| (range.first..=range.last).contains(&essential.port)))
}
