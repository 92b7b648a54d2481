//! What a pod asks for: the size its VM must have.
//!
//! Containers add up. Init containers run before them, one by one, so the largest counts, next to
//! the sidecars (init containers with `restartPolicy: Always`) that were started before it. Limits
//! size a VM where they cover the requests: the pod may use that much. Resources of the whole pod
//! (`spec.resources`) win over the sum of its containers.
//!
//! Source: `k8s.io/component-helpers/resource`, KEP-753 (sidecars), KEP-2837 (pod-level resources).

use std::collections::BTreeMap;

use kubewright_quantity::Quantity;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::mutation::{ORIGINALS, Refusal};

/// A resource that sizes a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Processors, whole ones in a VM.
    Cpu,
    /// Memory, in MiB in a VM.
    Memory,
    /// Graphics processors of NVIDIA.
    Gpu,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Gpu];

    /// The kind that a resource of a container is; `None` for one that stays with the node.
    pub fn of(resource: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.resource() == resource)
    }

    /// Its name among a container's resources.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Gpu => "nvidia.com/gpu",
        }
    }

    /// The annotation that gives a VM so much of it.
    pub fn annotation(self) -> &'static str {
        match self {
            Self::Cpu => "io.katacontainers.config.hypervisor.default_vcpus",
            Self::Memory => "io.katacontainers.config.hypervisor.default_memory",
            Self::Gpu => "io.katacontainers.config.hypervisor.default_gpus",
        }
    }

    /// The amount in units of the annotation, rounded up.
    fn units(self, amount: Quantity) -> u64 {
        let whole = u64::try_from(amount.value()).unwrap_or(0);
        match self {
            Self::Cpu | Self::Gpu => whole,
            Self::Memory => whole.div_ceil(1 << 20),
        }
    }
}

/// The size of a VM, in the units of the annotations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand([u64; 3]);

impl Demand {
    /// How much of a kind.
    pub fn of(self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }
}

/// Amounts by kind, as texts of quantities.
type Amounts = BTreeMap<Kind, String>;

/// What the parts of a pod asked for before it was taken from them. This is what stands in the
/// annotation [`ORIGINALS`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Originals {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pod: Amounts,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    containers: BTreeMap<String, Amounts>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    set: Amounts,
}

impl Originals {
    /// Those that an earlier call left in the pod's annotation.
    ///
    /// # Errors
    /// [`Refusal::Originals`] if somebody else wrote there.
    pub fn of_annotation(pod: &Value) -> Result<Self, Refusal> {
        let malformed = |problem: String| Refusal::Originals { problem };
        let originals: Self = match &pod["metadata"]["annotations"][ORIGINALS] {
            Value::Null => return Ok(Self::default()),
            Value::String(text) => {
                serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?
            }
            _ => return Err(malformed("it is not a text".to_owned())),
        };
        let parts = originals.containers.values().chain([&originals.pod]);
        for amount in parts.flat_map(BTreeMap::values) {
            parse(amount).map_err(|problem| malformed(format!("{amount:?}: {problem}")))?;
        }
        Ok(originals)
    }

    /// The text of the annotation.
    pub fn to_annotation(&self) -> String {
        // Maps with keys of plain text always become JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The value that we gave a kind's annotation.
    pub fn set(&self, kind: Kind) -> Option<&str> {
        self.set.get(&kind).map(String::as_str)
    }

    /// Notes that a kind's annotation has a value of ours.
    pub fn remember(&mut self, kind: Kind, value: String) {
        self.set.insert(kind, value);
    }

    /// Notes that a kind's annotation is not ours.
    pub fn forget(&mut self, kind: Kind) {
        self.set.remove(&kind);
    }

    /// Takes in what the parts of a pod ask for now; a part that asks for nothing keeps what it
    /// asked for before.
    ///
    /// # Errors
    /// [`Refusal::Amount`] and [`Refusal::Shape`].
    pub fn take_in(&mut self, spec: &Value) -> Result<(), Refusal> {
        self.pod.extend(asked(&spec["resources"], "spec.resources")?);
        for list in ["initContainers", "containers"] {
            for (index, container) in spec[list].as_array().into_iter().flatten().enumerate() {
                let path = format!("spec.{list}[{index}].resources");
                let amounts = asked(&container["resources"], &path)?;
                if !amounts.is_empty() {
                    self.containers.entry(name(container)).or_default().extend(amounts);
                }
            }
        }
        Ok(())
    }

    /// What all parts of the pod need together.
    ///
    /// # Errors
    /// [`Refusal::Amount`].
    pub fn demand(&self, spec: &Value) -> Result<Demand, Refusal> {
        let mut demand = Demand::default();
        for kind in Kind::ALL {
            let amount = match self.pod.get(&kind) {
                Some(amount) => quantity(amount)?,
                None => self.sum(spec, kind)?,
            };
            demand.0[kind as usize] = kind.units(amount);
        }
        Ok(demand)
    }

    fn sum(&self, spec: &Value, kind: Kind) -> Result<Quantity, Refusal> {
        let of = |container: &Value| match self.containers.get(&name(container)) {
            Some(amounts) => amounts.get(&kind).map_or(Ok(Quantity::whole(0)), |a| quantity(a)),
            None => Ok(Quantity::whole(0)),
        };
        let list = |list: &str| spec[list].as_array().into_iter().flatten();
        let (mut sidecars, mut starting) = (Quantity::whole(0), Quantity::whole(0));
        for container in list("initContainers") {
            let alone = sidecars.plus(of(container)?);
            starting = starting.max(alone);
            if container["restartPolicy"] == "Always" {
                sidecars = alone;
            }
        }
        let mut running = sidecars;
        for container in list("containers") {
            running = running.plus(of(container)?);
        }
        Ok(running.max(starting))
    }
}

fn name(container: &Value) -> String {
    container["name"].as_str().unwrap_or_default().to_owned()
}

/// What a part of a pod asks for, by kind: the limit where it covers the request.
fn asked(resources: &Value, path: &str) -> Result<Amounts, Refusal> {
    let mut amounts = Amounts::new();
    for kind in Kind::ALL {
        let request = amount(resources, "requests", kind, path)?;
        let limit = amount(resources, "limits", kind, path)?;
        if let Some(amount) = request.max(limit) {
            amounts.insert(kind, amount.to_string());
        }
    }
    Ok(amounts)
}

fn amount(
    resources: &Value,
    list: &str,
    kind: Kind,
    path: &str,
) -> Result<Option<Quantity>, Refusal> {
    let value = &resources[list][kind.resource()];
    if value.is_null() {
        return Ok(None);
    }
    let wrong = |problem: String| Refusal::Amount {
        path: format!("{path}.{list}[{}]", kind.resource()),
        value: value.to_string(),
        problem,
    };
    let amount = Quantity::of(value).map_err(|error| wrong(error.to_string()))?;
    if amount.is_negative() { Err(wrong("it is negative".to_owned())) } else { Ok(Some(amount)) }
}

fn parse(text: &str) -> Result<Quantity, String> {
    let amount: Quantity = text.parse().map_err(|error| format!("{error}"))?;
    if amount.is_negative() { Err("it is negative".to_owned()) } else { Ok(amount) }
}

/// An amount of the originals.
fn quantity(text: &str) -> Result<Quantity, Refusal> {
    parse(text).map_err(|problem| Refusal::Originals { problem })
}

#[cfg(test)]
mod tests;
