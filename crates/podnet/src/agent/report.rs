//! What a meta-plugin tells of a sandbox that it has made: whoever looks into the sandbox before that
//! is seen would attach all of it again.
//!
//! Multus writes it into `network-status` before it answers the runtime, so it is known to the API
//! server by then, if not yet to this agent's watch.

use std::time::Duration;

use kubewright_attachment::annotation::Dialect;
use kubewright_attachment::pod::SandboxId;
use kubewright_attachment::record::Record;
use kubewright_attachment::status::Entry;
use tokio::time::Instant;

/// How long it may take to be seen. Some pods are told nothing: Multus leaves out namespaces of the
/// system, for one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Since when a sandbox waits for it.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Option<(SandboxId, Instant)>);

impl Waiting {
    /// Whether the sandbox is not to be looked into yet, if a report `is_missing`.
    pub(crate) fn is_too_early(
        &mut self,
        sandbox: &SandboxId,
        is_missing: bool,
        now: Instant,
    ) -> bool {
        let since = self.0.take().filter(|(of, _)| of == sandbox);
        let since = since.unwrap_or_else(|| (sandbox.clone(), now));
        let waited = now.saturating_duration_since(since.1);
        self.0 = is_missing.then_some(since);
        is_missing && waited < PATIENCE
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// Whether a report of the sandbox is to come, or to be seen. `follows`: the dialect that the
/// network follows which the runtime gives to sandboxes without us; `records` are those of the pod.
pub(crate) fn is_missing(
    sandbox: &SandboxId,
    records: &[Record],
    follows: Option<Dialect>,
    reported: &[Entry],
) -> bool {
    let mut known = records.iter().filter(|record| record.sandbox == *sandbox);
    match (known.next(), known.next()) {
        (None, _) => {
            follows == Some(Dialect::Standard) && !reported.iter().any(|entry| entry.default)
        }
        (Some(made), None) => {
            made.follows() == Some(Dialect::Standard)
                && !reported.iter().any(|entry| entry.is_report_of(made))
        }
        // What it has attached is on record.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn record(interface: &str, plugin: &str) -> Record {
        let role = match interface {
            "eth0" => json!("default"),
            _ => json!({ "network": { "dialect": "Standard", "namespace": "a", "name": "b" } }),
        };
        let record = json!({ "pod": { "namespace": "a", "name": "p", "uid": "u" },
            "sandbox": "s", "netns": "/n", "bootId": "b", "interface": interface, "role": role,
            "state": "attached", "digest": "", "config": { "plugins": [{ "type": plugin }] },
            "result": { "cniVersion": "1.0.0", "ips": [{ "address": "10.0.0.5/24" }] },
            "link": { "index": 2, "mac": "02:00:00:00:00:05" } });
        serde_json::from_value(record).unwrap()
    }

    fn reported(ip: &str, mac: &str) -> Vec<Entry> {
        let entry = json!({ "name": "cluster", "interface": "eth0", "ips": [ip], "mac": mac,
            "default": true });
        vec![serde_json::from_value(entry).unwrap()]
    }

    #[test]
    fn it_is_missing_until_it_is_of_this_sandbox() {
        let sandbox = SandboxId::new("s").unwrap();
        let missing =
            |records: &[Record], reported: &[Entry]| is_missing(&sandbox, records, None, reported);
        let multus = [record("eth0", "multus")];
        assert!(missing(&multus, &[]));
        assert!(missing(&multus, &reported("10.0.0.4", "")));
        assert!(missing(&multus, &reported("10.0.0.5", "02:00:00:00:00:04")));
        assert!(!missing(&multus, &reported("10.0.0.5", "02:00:00:00:00:05")));
        assert!(!missing(&multus, &reported("10.0.0.5", "")));
        assert!(!missing(&[record("eth0", "bridge")], &[]));
        assert!(!missing(&[record("eth0", "multus"), record("x0", "bridge")], &[]));
        // A sandbox that the runtime has made without us.
        for (follows, is) in
            [(None, false), (Some(Dialect::Kaloom), false), (Some(Dialect::Standard), true)]
        {
            assert_eq!(is_missing(&sandbox, &[], follows, &[]), is);
            assert!(!is_missing(&sandbox, &[], follows, &reported("10.0.0.5", "")));
        }
    }

    #[test]
    fn each_sandbox_waits_for_it_but_not_for_ever() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        let [first, second] = ["s", "t"].map(|id| SandboxId::new(id).unwrap());
        assert!(waiting.is_too_early(&first, true, now));
        assert!(!waiting.is_too_early(&first, true, now + PATIENCE));
        assert!(!waiting.is_too_early(&first, true, now + PATIENCE), "nor does it begin again");
        assert!(waiting.is_too_early(&second, true, now + PATIENCE));
        assert!(!waiting.is_too_early(&second, false, now + PATIENCE) && waiting.is_empty());
    }
}
