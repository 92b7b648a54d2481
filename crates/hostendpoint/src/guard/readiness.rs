//! What is still missing before the node may be opened, and the decision to open
//! it. Pure: the time is an argument, and nothing is read here.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::chains::{ANY_INTERFACE, Family, Hook, Ruleset};
use super::endpoints::{ProtectedEndpoint, Selects};
use super::felix::FelixState;
use super::links::Link;

/// One look at everything that matters. What could not be read is the text of
/// its error: it keeps the node locked, like anything missing.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The node's HostEndpoints.
    pub endpoints: Result<Vec<ProtectedEndpoint>, String>,
    /// Felix's answer.
    pub felix: FelixState,
    /// The kernel's packet filter.
    pub ruleset: Result<Ruleset, String>,
    /// The node's interfaces.
    pub links: Result<Vec<Link>, String>,
}

/// For which address families Felix's chains are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Families {
    /// IPv4 always; IPv6 wherever Felix has written anything for it, and on
    /// interfaces with a global IPv6 address whether it has or not.
    #[default]
    Auto,
    /// IPv4 only: the node is left open over IPv6 as far as Calico is concerned.
    Ipv4,
    /// IPv6 only.
    Ipv6,
    /// Both, always.
    Dual,
}

/// Where Felix enforces policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Dataplane {
    /// In chains: iptables (legacy or nft) or native nftables, whichever is there.
    #[default]
    Chains,
    /// In eBPF programs. There are no chains to look at; Felix's readiness,
    /// which includes the programs, has to do.
    Bpf,
}

/// What is asked for before the node is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// For which address families.
    pub families: Families,
    /// Where Felix enforces.
    pub dataplane: Dataplane,
    /// Do not wait for endpoints whose interface does not exist (yet): Felix
    /// writes no chains for those.
    pub skip_absent_interfaces: bool,
}

/// One thing that is missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "missing", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Missing {
    /// The endpoints are unknown.
    EndpointsUnknown {
        /// Why.
        reason: String,
    },
    /// The node has no HostEndpoint.
    Endpoints,
    /// Felix is not ready.
    Felix {
        /// What it answered.
        reason: String,
    },
    /// The packet filter cannot be read.
    RulesetUnknown {
        /// Why.
        reason: String,
    },
    /// The interfaces cannot be listed.
    LinksUnknown {
        /// Why.
        reason: String,
    },
    /// An endpoint's interface does not exist.
    Interface {
        /// The endpoint.
        endpoint: String,
        /// Its interface, or the addresses it expects.
        selects: String,
    },
    /// Felix's chain does not stand, or nothing jumps to it.
    Chain {
        /// The endpoint.
        endpoint: String,
        /// The chain.
        chain: String,
        /// For which address family.
        family: &'static str,
    },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndpointsUnknown { reason } => {
                write!(f, "HostEndpoints: unknown: {reason}; check that the API server is reachable from here")
            }
            Self::Endpoints => f.write_str(
                "HostEndpoints: this node has none; create them, or see why the HostEndpoint controller does not",
            ),
            Self::Felix { reason } => write!(f, "Felix: not ready: {reason}; look at this node's calico-node pod, and whether FelixConfiguration has healthEnabled"),
            Self::RulesetUnknown { reason } => write!(f, "firewall: cannot be read: {reason}"),
            Self::LinksUnknown { reason } => write!(f, "interfaces: cannot be listed: {reason}"),
            Self::Interface { endpoint, selects } => write!(
                f,
                "HostEndpoint {endpoint}: no interface here is or has {selects}; bring it up, remove the endpoint, or pass --skip-absent-interfaces"
            ),
            Self::Chain { endpoint, chain, family } => write!(
                f,
                "HostEndpoint {endpoint}: Felix's {family} chain {chain} does not stand yet, or nothing leads to it"
            ),
        }
    }
}

/// Everything that is missing, in a stable order. Empty: the node may be opened,
/// once that has held for long enough (see [`Gate`]).
pub fn missing(seen: &Observation, asked: &Requirements) -> Vec<Missing> {
    let mut missing = BTreeSet::new();
    match &seen.felix {
        FelixState::Ready => {}
        FelixState::NotReady { status } => {
            missing.insert(Missing::Felix { reason: format!("it answers HTTP {status}") });
        }
        FelixState::Unreachable { reason } => {
            missing.insert(Missing::Felix { reason: reason.clone() });
        }
    }
    let endpoints = match &seen.endpoints {
        Ok(endpoints) => endpoints.as_slice(),
        Err(reason) => {
            missing.insert(Missing::EndpointsUnknown { reason: reason.clone() });
            &[]
        }
    };
    if seen.endpoints.as_ref().is_ok_and(Vec::is_empty) {
        missing.insert(Missing::Endpoints);
    }
    match (&seen.ruleset, &seen.links) {
        (Ok(ruleset), Ok(links)) => {
            for endpoint in endpoints {
                endpoint_missing(endpoint, ruleset, links, asked, &mut missing);
            }
        }
        (ruleset, links) => {
            if let Err(reason) = ruleset {
                missing.insert(Missing::RulesetUnknown { reason: reason.clone() });
            }
            if let Err(reason) = links {
                missing.insert(Missing::LinksUnknown { reason: reason.clone() });
            }
        }
    }
    missing.into_iter().collect()
}

fn endpoint_missing(
    endpoint: &ProtectedEndpoint,
    ruleset: &Ruleset,
    links: &[Link],
    asked: &Requirements,
    missing: &mut BTreeSet<Missing>,
) {
    let selected: Vec<&Link> =
        links.iter().filter(|link| selects(&endpoint.selects, link)).collect();
    if selected.is_empty() && endpoint.selects != Selects::AllInterfaces {
        if !asked.skip_absent_interfaces {
            missing.insert(Missing::Interface {
                endpoint: endpoint.name.clone(),
                selects: endpoint.selects.to_string(),
            });
        }
        return;
    }
    if asked.dataplane == Dataplane::Bpf {
        return;
    }
    let names: Vec<&str> = match endpoint.selects {
        Selects::AllInterfaces => vec![ANY_INTERFACE],
        _ => selected.iter().map(|link| link.name.as_str()).collect(),
    };
    for family in families(asked.families, ruleset, &selected) {
        for name in &names {
            for (hook, chain) in [
                (Hook::Input, format!("cali-fh-{name}")),
                (Hook::Output, format!("cali-th-{name}")),
            ] {
                if !ruleset.reaches(family, hook, &chain) {
                    missing.insert(Missing::Chain {
                        endpoint: endpoint.name.clone(),
                        chain,
                        family: family.label(),
                    });
                }
            }
        }
    }
}

fn selects(selects: &Selects, link: &Link) -> bool {
    match selects {
        Selects::Interface(name) => *name == link.name,
        Selects::AllInterfaces => link.name != "lo",
        Selects::Addresses(expected) => {
            link.addresses.iter().any(|address| expected.contains(&address.ip))
        }
    }
}

fn families(asked: Families, ruleset: &Ruleset, selected: &[&Link]) -> Vec<Family> {
    match asked {
        Families::Ipv4 => vec![Family::Ip],
        Families::Ipv6 => vec![Family::Ip6],
        Families::Dual => vec![Family::Ip, Family::Ip6],
        Families::Auto => {
            let global6 = |link: &&Link| {
                link.addresses.iter().any(|address| address.global && address.ip.is_ipv6())
            };
            if ruleset.has_calico(Family::Ip6) || selected.iter().any(global6) {
                vec![Family::Ip, Family::Ip6]
            } else {
                vec![Family::Ip]
            }
        }
    }
}

/// When the node is opened: how long everything must have held, and after how
/// long it is opened regardless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For how long nothing may have been missing, with the same endpoints.
    pub stable_for: Duration,
    /// Opt-in: how long after locking the node is opened even if something is missing.
    pub fail_open_after: Option<Duration>,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Something is missing.
    Wait,
    /// Nothing is missing, but it has to hold for this much longer.
    Settle {
        /// How much longer.
        remaining: Duration,
    },
    /// Open the node.
    Release,
    /// Open the node although something is missing: it was asked for.
    FailOpen,
}

/// Turns a sequence of looks into a decision. All times are since the same,
/// arbitrary moment.
#[derive(Clone, Debug)]
pub struct Gate {
    timing: Timing,
    locked_at: Duration,
    complete: Option<Complete>,
}

/// Nothing was missing at the last look.
#[derive(Clone, Debug)]
struct Complete {
    since: Duration,
    /// Since when with these endpoints.
    settled_since: Duration,
    endpoints: Vec<ProtectedEndpoint>,
}

impl Gate {
    /// For a node that was locked at `locked_at`.
    pub fn new(timing: Timing, locked_at: Duration) -> Self {
        Self { timing, locked_at, complete: None }
    }

    /// Takes what was seen at `now`: what is missing, and the endpoints that were
    /// looked at. A change of the endpoints begins the wait anew, even if nothing
    /// was missing before and after: a list that still changes is not stable.
    pub fn step(
        &mut self,
        now: Duration,
        missing: &[Missing],
        endpoints: &[ProtectedEndpoint],
    ) -> Decision {
        if !missing.is_empty() {
            self.complete = None;
            return if self.is_overdue(now) { Decision::FailOpen } else { Decision::Wait };
        }
        let complete = self.complete.get_or_insert_with(|| Complete {
            since: now,
            settled_since: now,
            endpoints: endpoints.to_vec(),
        });
        if complete.endpoints != endpoints {
            complete.settled_since = now;
            complete.endpoints = endpoints.to_vec();
        }
        let remaining =
            self.timing.stable_for.saturating_sub(now.saturating_sub(complete.settled_since));
        if remaining.is_zero() {
            return Decision::Release;
        }
        // An overdue node with everything in place gets its time to settle, so
        // that it is opened in good order; but only once, however often the
        // endpoints change meanwhile.
        let had_its_chance = now.saturating_sub(complete.since) >= self.timing.stable_for;
        if had_its_chance && self.is_overdue(now) {
            Decision::FailOpen
        } else {
            Decision::Settle { remaining }
        }
    }

    fn is_overdue(&self, now: Duration) -> bool {
        self.timing.fail_open_after.is_some_and(|after| now.saturating_sub(self.locked_at) >= after)
    }
}

#[cfg(test)]
mod tests;
