//! Failsafe ports: what Felix lets through whatever the policies say.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

/// A port that is always open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailsafePort {
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// The port.
    pub port: u16,
}

/// The failsafe ports of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failsafe {
    /// Connections to the node.
    pub inbound: Vec<FailsafePort>,
    /// Connections from the node.
    pub outbound: Vec<FailsafePort>,
}

const TCP_BOTH: &[u16] = &[179, 2379, 2380, 5473, 6443, 6666, 6667];

impl Default for Failsafe {
    /// Felix's defaults, from
    /// <https://docs.tigera.io/calico/latest/reference/host-endpoints/failsafe>.
    fn default() -> Self {
        let of = |protocol: &str, ports: &[u16]| -> Vec<FailsafePort> {
            ports
                .iter()
                .map(|port| FailsafePort { protocol: protocol.to_owned(), port: *port })
                .collect()
        };
        Self {
            inbound: [of("tcp", &[22]), of("tcp", TCP_BOTH), of("udp", &[68])].concat(),
            outbound: [of("tcp", TCP_BOTH), of("udp", &[53, 67])].concat(),
        }
    }
}

impl Failsafe {
    /// The ports with the overrides of a FelixConfiguration's `spec`. A list
    /// that is there replaces the default one, an empty list too.
    pub fn overridden(&self, spec: &Value) -> Self {
        let list = |field: &str, default: &[FailsafePort]| match spec[field].as_array() {
            None => default.to_vec(),
            Some(ports) => ports.iter().filter_map(port).collect(),
        };
        Self {
            inbound: list("failsafeInboundHostPorts", &self.inbound),
            outbound: list("failsafeOutboundHostPorts", &self.outbound),
        }
    }
}

/// FelixConfigurations, as far as they decide about failsafe ports. What holds
/// for the whole cluster is kept worked out: every endpoint asks for it.
#[derive(Clone, Debug, Default)]
pub struct Felix {
    specs: BTreeMap<String, Value>,
    cluster: Failsafe,
}

/// Name of the configuration of the whole cluster.
const CLUSTER: &str = "default";

impl Felix {
    /// A configuration (`default`, `node.<name>`) has this `spec`. Returns
    /// whether that is new.
    pub fn set(&mut self, name: &str, spec: &Value) -> bool {
        if self.specs.get(name) == Some(spec) {
            return false;
        }
        self.specs.insert(name.to_owned(), spec.clone());
        self.work_out();
        true
    }

    /// A configuration is gone. Returns whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let was_there = self.specs.remove(name).is_some();
        self.work_out();
        was_there
    }

    /// Names of the configurations.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.specs.keys().map(String::as_str)
    }

    /// The failsafe ports of a node.
    pub fn failsafe(&self, node: &str) -> Cow<'_, Failsafe> {
        // Few clusters have any of a node.
        let any = self.specs.len() > usize::from(self.specs.contains_key(CLUSTER));
        match any.then(|| self.specs.get(&format!("node.{node}"))).flatten() {
            Some(spec) => Cow::Owned(self.cluster.overridden(spec)),
            None => Cow::Borrowed(&self.cluster),
        }
    }

    fn work_out(&mut self) {
        let builtin = Failsafe::default();
        self.cluster = match self.specs.get(CLUSTER) {
            Some(spec) => builtin.overridden(spec),
            None => builtin,
        };
    }
}

fn port(value: &Value) -> Option<FailsafePort> {
    // An entry with a net opens the port for that network only; it still
    // counts, peers are not looked at.
    Some(FailsafePort {
        protocol: value["protocol"].as_str().unwrap_or("tcp").to_ascii_lowercase(),
        port: value["port"].as_u64()?.try_into().ok()?,
    })
}
