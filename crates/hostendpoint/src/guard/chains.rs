//! What the kernel's packet filter holds, read from nft's JSON and from
//! iptables-save: which chains exist and which can be reached from a hook.
//! Pure; no I/O.
//!
//! A chain that nothing jumps to protects nothing, so existence is not enough.
//! Felix builds a tree per hook and address family:
//!
//! ```text
//! INPUT ── cali-INPUT ── cali-from-host-endpoint ─┬─ cali-fh-eth0        packets from eth0
//!                                                 └─ cali-from-host-endpoint-b ── cali-fh-bond0
//! OUTPUT ─ cali-OUTPUT ─ cali-to-host-endpoint ───── cali-th-eth0        packets to eth0
//! ```
//!
//! With the iptables backends this is in the table `filter`; in nftables mode it
//! is in the table `calico` of the families `ip` and `ip6`, each chain's name
//! prefixed by its logical table (`filter-cali-fh-eth0`), and the dispatch may
//! go through a verdict map. See `felix/rules/rule_defs.go` and
//! `felix/nftables/table_layer.go` of projectcalico/calico. The wildcard
//! endpoint (`interfaceName: "*"`) has the interface name
//! [`ANY_INTERFACE`] in Felix's chains.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::ruleset::TABLE;

/// How Felix names "every interface" in its chains.
pub const ANY_INTERFACE: &str = "any-interface-at-all";

/// An address family of the packet filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Both.
    Inet,
}

impl Family {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "ip" => Some(Self::Ip),
            "ip6" => Some(Self::Ip6),
            "inet" => Some(Self::Inet),
            _ => None,
        }
    }

    fn covers(self, family: Self) -> bool {
        self == family || self == Self::Inet
    }

    /// How people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ip => "IPv4",
            Self::Ip6 => "IPv6",
            Self::Inet => "IPv4 and IPv6",
        }
    }
}

/// A hook at which base chains see packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Packets for the node itself.
    Input,
    /// Packets passing through the node.
    Forward,
    /// Packets the node sends.
    Output,
}

impl Hook {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "input" | "INPUT" => Some(Self::Input),
            "forward" | "FORWARD" => Some(Self::Forward),
            "output" | "OUTPUT" => Some(Self::Output),
            _ => None,
        }
    }
}

/// What is left of the guard's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BootTable {
    /// There is none: the guard does not hold the node.
    Absent,
    /// Both chains stand, hooked in and closed.
    Locked,
    /// The table is there, but someone has taken away or opened one of its chains.
    Damaged,
}

/// nft's answer was not what libnftables-json(5) says.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot read the ruleset that nft printed as JSON; the guard needs nftables 0.9.1 or newer, built with JSON"
)]
pub struct RulesetError(#[source] serde_json::Error);

/// Chains and their references.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    chains: BTreeMap<ChainId, Chain>,
    maps: BTreeMap<ChainId, BTreeSet<String>>,
    tables: BTreeSet<(Family, String)>,
}

/// Family, table and name; of chains and of verdict maps.
type ChainId = (Family, String, String);

#[derive(Clone, Debug, Default)]
struct Chain {
    hook: Option<Hook>,
    drops: bool,
    targets: BTreeSet<String>,
    maps: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Value>,
}

impl Ruleset {
    /// Reads the output of `nft -j list ruleset`.
    ///
    /// # Errors
    /// [`RulesetError`] when it is no such output.
    pub fn from_nft_json(json: &str) -> Result<Self, RulesetError> {
        // Some versions of nft warn in comments before they print what was asked for.
        let comments = json.lines().take_while(|line| line.starts_with('#'));
        let comments: usize = comments.map(|line| line.len() + 1).sum();
        let json = json.get(comments..).unwrap_or_default();
        let listing: Listing = serde_json::from_str(json).map_err(RulesetError)?;
        let mut ruleset = Self::default();
        for object in &listing.nftables {
            if let Some(table) = object.get("table") {
                if let (Some(family), Some(name)) = (family(table), text(table, "name")) {
                    ruleset.tables.insert((family, name));
                }
            } else if let Some(chain) = object.get("chain") {
                let Some(id) = id(chain, "name") else {
                    continue;
                };
                let entry = ruleset.chains.entry(id).or_default();
                entry.hook = chain.get("hook").and_then(Value::as_str).and_then(Hook::parse);
                entry.drops = chain.get("policy").and_then(Value::as_str) == Some("drop");
            } else if let Some(rule) = object.get("rule") {
                let (Some(id), Some(expressions)) = (id(rule, "chain"), rule.get("expr")) else {
                    continue;
                };
                let entry = ruleset.chains.entry(id).or_default();
                collect_targets(expressions, &mut entry.targets);
                collect_maps(expressions, &mut entry.maps);
            } else if let Some(map) = object.get("map") {
                let (Some(id), Some(elements)) = (id(map, "name"), map.get("elem")) else {
                    continue;
                };
                collect_targets(elements, ruleset.maps.entry(id).or_default());
            }
        }
        Ok(ruleset)
    }

    /// Adds the rules of iptables' older interface: the output of
    /// `iptables-legacy-save` or `ip6tables-legacy-save`.
    pub fn add_iptables_save(&mut self, family: Family, saved: &str) {
        let mut table = None;
        for line in saved.lines() {
            if let Some(name) = line.strip_prefix('*') {
                // Apart from a table of the same name that nft lists.
                table = Some(format!("{name} (legacy)"));
                continue;
            }
            let Some(table) = &table else { continue };
            let chain = |name: &str| (family, table.clone(), name.to_owned());
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some(declared) if declared.starts_with(':') => {
                    let entry = self.chains.entry(chain(&declared[1..])).or_default();
                    // Chains of users have the policy "-".
                    let policy = words.next();
                    if policy != Some("-") {
                        entry.hook = Hook::parse(&declared[1..]);
                        entry.drops = policy == Some("DROP");
                    }
                }
                Some("-A") => {
                    let Some(name) = words.next() else { continue };
                    if let Some(target) = target_of_rule(words) {
                        self.chains.entry(chain(name)).or_default().targets.insert(target);
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether a packet of `family` at `hook` can reach a chain called `name`,
    /// or `filter-name` as Felix calls it in nftables mode.
    pub fn reaches(&self, family: Family, hook: Hook, name: &str) -> bool {
        let wanted = |chain: &str| chain == name || chain.strip_prefix("filter-") == Some(name);
        let mut seen: BTreeSet<&ChainId> = BTreeSet::new();
        let mut open: Vec<&ChainId> = self
            .chains
            .iter()
            .filter(|((of, ..), chain)| of.covers(family) && chain.hook == Some(hook))
            .map(|(id, _)| id)
            .collect();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            if wanted(&id.2) {
                return true;
            }
            let Some(chain) = self.chains.get(id) else {
                continue;
            };
            let through_maps = chain
                .maps
                .iter()
                .filter_map(|map| self.maps.get(&(id.0, id.1.clone(), map.clone())));
            for target in chain.targets.iter().chain(through_maps.flatten()) {
                let next = (id.0, id.1.clone(), target.clone());
                if let Some((next, _)) = self.chains.get_key_value(&next) {
                    open.push(next);
                }
            }
        }
        false
    }

    /// Whether Felix has written anything for this address family.
    pub fn has_calico(&self, family: Family) -> bool {
        self.chains.keys().any(|(of, _, name)| {
            of.covers(family) && name.strip_prefix("filter-").unwrap_or(name).starts_with("cali-")
        })
    }

    /// What is left of the guard's own table.
    pub fn boot_table(&self) -> BootTable {
        if !self.tables.contains(&(Family::Inet, TABLE.to_owned())) {
            return BootTable::Absent;
        }
        let closed = |name: &str, hook| {
            self.chains
                .get(&(Family::Inet, TABLE.to_owned(), name.to_owned()))
                .is_some_and(|chain| chain.hook == Some(hook) && chain.drops)
        };
        if closed("input", Hook::Input) && closed("forward", Hook::Forward) {
            BootTable::Locked
        } else {
            BootTable::Damaged
        }
    }
}

fn text(object: &Value, key: &str) -> Option<String> {
    object.get(key)?.as_str().map(str::to_owned)
}

fn family(object: &Value) -> Option<Family> {
    object.get("family").and_then(Value::as_str).and_then(Family::parse)
}

fn id(object: &Value, name: &str) -> Option<ChainId> {
    Some((family(object)?, text(object, "table")?, text(object, name)?))
}

/// Every chain that an expression, or the elements of a map, jumps or goes to.
fn collect_targets(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_targets(item, into)),
        Value::Object(fields) => {
            for (key, field) in fields {
                match (key.as_str(), field.get("target").and_then(Value::as_str)) {
                    ("jump" | "goto", Some(target)) => {
                        into.insert(target.to_owned());
                    }
                    _ => collect_targets(field, into),
                }
            }
        }
        _ => {}
    }
}

/// Every verdict map that an expression looks a packet up in.
fn collect_maps(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_maps(item, into)),
        Value::Object(fields) => {
            for (key, field) in fields {
                match (key.as_str(), field.get("data").and_then(Value::as_str)) {
                    ("vmap", Some(map)) => {
                        into.insert(map.trim_start_matches('@').to_owned());
                    }
                    _ => collect_maps(field, into),
                }
            }
        }
        _ => {}
    }
}

/// The chain behind `-j` or `-g`. A comment is one quoted word or more and may
/// hold anything, so what is between quotes is passed over.
fn target_of_rule<'a>(words: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut quoted = false;
    let mut target_follows = false;
    for word in words {
        let quotes = word.replace("\\\"", "").matches('"').count();
        if quoted || quotes > 0 {
            quoted ^= quotes % 2 == 1;
            continue;
        }
        if target_follows {
            return Some(word.to_owned());
        }
        target_follows = matches!(word, "-j" | "-g");
    }
    None
}

#[cfg(test)]
mod tests;
