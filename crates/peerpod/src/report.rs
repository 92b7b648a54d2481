//! A plan for people and programs: who would get how many, and why, as a difference to what is
//! advertised now.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Serialize;

use crate::controller::decide::Survey;
use crate::controller::world::World;

/// The plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The configs, by name.
    pub configs: Vec<ConfigReport>,
    /// Nodes that no config is for any more.
    pub leaving: Vec<NodeReport>,
}

/// A config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigReport {
    /// `namespace/name`.
    pub config: String,
    /// Why nothing is planned for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Its limit, as written.
    pub limit: String,
    /// What its nodes would advertise together.
    pub total: u64,
    /// Seats that no node may take.
    pub unplaced: u64,
    /// Seats beyond the limit, because so many peer pods run.
    pub overcommitted: u64,
    /// Its nodes, by name.
    pub nodes: Vec<NodeReport>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    /// Its name.
    pub node: String,
    /// What it advertises now.
    pub now: Option<u64>,
    /// What it would advertise; nothing, where the resource would be removed.
    pub then: Option<u64>,
    /// Seats that peer pods hold there.
    pub held: u64,
    /// What decides it.
    pub reason: String,
    /// Whether the number is right, but written by somebody else.
    pub taken_over: bool,
    /// Whether allocatable is to be written too, and is another number.
    pub allocatable: bool,
}

impl NodeReport {
    /// Whether there is something to write.
    pub fn changes(&self) -> bool {
        self.now != self.then || self.taken_over || self.allocatable
    }
}

impl Report {
    pub(crate) fn of(survey: &Survey<'_>, world: &World) -> Self {
        let mut report = Self::default();
        let mut settled = BTreeSet::new();
        for config in &survey.configs {
            let spec = &config.config.spec;
            let problem = if config.config.metadata.deletion_timestamp.is_some() {
                Some("it is being deleted".to_owned())
            } else {
                let older = |key| format!("PeerPodConfig {key} is older and for nodes of it too");
                config.conflict.as_ref().map(older)
            };
            let capacity = &config.capacity;
            let grants = capacity.grants.iter().filter(|_| problem.is_none());
            let nodes: Vec<_> = grants
                .filter_map(|grant| {
                    let record = world.nodes.get(&grant.node)?;
                    settled.insert(grant.node.as_str());
                    let now = record.seats();
                    Some(NodeReport {
                        node: grant.node.clone(),
                        now,
                        then: Some(grant.seats),
                        held: world.running(&grant.node),
                        reason: grant.reason.to_string(),
                        taken_over: now == Some(grant.seats)
                            && !record.managers.contains(&config.manager()),
                        allocatable: (spec.write_allocatable || record.owns_allocatable)
                            && record.allocatable_seats() != Some(grant.seats),
                    })
                })
                .collect();
            report.configs.push(ConfigReport {
                config: config.key.clone(),
                limit: spec.limit.clone(),
                total: nodes.iter().filter_map(|node| node.then).fold(0, u64::saturating_add),
                unplaced: if problem.is_none() { capacity.unplaced } else { 0 },
                overcommitted: if problem.is_none() { capacity.overcommitted } else { 0 },
                problem,
                nodes,
            });
        }
        for unreadable in &survey.unreadable {
            report.configs.push(ConfigReport {
                config: unreadable.key.clone(),
                problem: Some(unreadable.problem.clone()),
                limit: String::new(),
                total: 0,
                unplaced: 0,
                overcommitted: 0,
                nodes: Vec::new(),
            });
        }
        report.configs.sort_by(|a, b| a.config.cmp(&b.config));
        for (name, record) in &world.nodes {
            let kept = record.managers.iter().any(|manager| survey.keeps(manager));
            if record.managers.is_empty() || kept || settled.contains(name.as_str()) {
                continue;
            }
            let held = world.running(name);
            report.leaving.push(NodeReport {
                node: name.clone(),
                now: record.seats(),
                then: (held > 0).then_some(held),
                held,
                reason: "no config is for it".to_owned(),
                taken_over: false,
                allocatable: false,
            });
        }
        report
    }

    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        let nodes = self.configs.iter().flat_map(|config| &config.nodes).chain(&self.leaving);
        !nodes.into_iter().any(NodeReport::changes)
    }

    /// For people.
    pub fn render(&self, colours: bool) -> String {
        let mut text = String::new();
        // Writing into a String does not fail.
        for config in &self.configs {
            let _ = match &config.problem {
                Some(problem) => writeln!(text, "{}: {problem}", config.config),
                None if config.nodes.is_empty() => {
                    writeln!(
                        text,
                        "{}: limit {}, but no node is selected",
                        config.config, config.limit
                    )
                }
                None => writeln!(
                    text,
                    "{}: limit {}, {} on {}{}{}",
                    config.config,
                    config.limit,
                    config.total,
                    count(config.nodes.len()),
                    note(config.unplaced, "of the limit on no node"),
                    note(config.overcommitted, "held beyond the limit"),
                ),
            };
            table(&config.nodes, colours, &mut text);
        }
        if !self.leaving.is_empty() {
            text.push_str("no config:\n");
            table(&self.leaving, colours, &mut text);
        }
        let nodes = || self.configs.iter().flat_map(|config| &config.nodes).chain(&self.leaving);
        let changes = nodes().filter(|node| node.changes()).count();
        let _ = match changes {
            _ if self.configs.is_empty() && self.leaving.is_empty() => {
                writeln!(text, "there is no PeerPodConfig, and no node has capacity of one")
            }
            0 => writeln!(text, "nothing to do"),
            _ => writeln!(text, "{changes} of {} would be written", count(nodes().count())),
        };
        text
    }
}

fn count(nodes: usize) -> String {
    if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") }
}

fn note(count: u64, what: &str) -> String {
    if count == 0 { String::new() } else { format!("; {count} {what}") }
}

fn table(nodes: &[NodeReport], colours: bool, text: &mut String) {
    let width = nodes.iter().map(|node| node.node.len()).max().unwrap_or(0);
    let amount = |seats: Option<u64>| seats.map_or_else(|| "-".to_owned(), |n| n.to_string());
    for node in nodes {
        let (sign, code) = match (node.now, node.then) {
            (now, then) if now == then && node.changes() => ("=", "33"),
            (now, then) if now == then => (" ", ""),
            (now, then) if now < then => ("+", "32"),
            _ => ("-", "31"),
        };
        let (begin, end) = if colours && !code.is_empty() {
            (format!("\x1b[{code}m"), "\x1b[0m")
        } else {
            (String::new(), "")
        };
        let mut reason = node.reason.clone();
        if node.taken_over {
            reason.push_str("; taken over from whoever wrote it");
        }
        if node.allocatable {
            reason.push_str("; allocatable too");
        }
        let _ = writeln!(
            text,
            "{begin}{sign} {:<width$}  {:>7} -> {:<7}  {:>5} held  {reason}{end}",
            node.node,
            amount(node.now),
            amount(node.then),
            node.held,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, now: Option<u64>, then: Option<u64>) -> NodeReport {
        let reason = "share of the limit".to_owned();
        let node = name.to_owned();
        NodeReport { node, now, then, held: 2, reason, taken_over: false, allocatable: false }
    }

    #[test]
    fn a_plan_is_a_difference() {
        let mut taken = node("same", Some(3), Some(3));
        let same = ConfigReport {
            config: "ns/a".to_owned(),
            problem: None,
            limit: "11".to_owned(),
            total: 11,
            unplaced: 0,
            overcommitted: 1,
            nodes: vec![taken.clone()],
        };
        let mut report = Report { configs: vec![same], leaving: Vec::new() };
        assert!(report.is_empty());
        assert!(report.render(false).ends_with("\nnothing to do\n"));
        assert!(Report::default().render(false).starts_with("there is no PeerPodConfig"));
        taken.allocatable = true;
        assert!(taken.changes(), "capacity is right, allocatable is not");
        taken.taken_over = true;
        report.configs[0].nodes =
            vec![taken, node("more", None, Some(4)), node("less", Some(9), Some(4))];
        report.leaving.push(node("gone", Some(1), None));
        assert!(!report.is_empty());
        insta::assert_snapshot!(report.render(false));
        assert!(report.render(true).contains("\x1b[32m+ more"));
    }
}
