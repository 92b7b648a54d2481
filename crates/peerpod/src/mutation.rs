//! What the webhook makes of a pod: pure, from the pod as sent to the pod as stored.
//!
//! A peer pod's VM is sized by annotations, and the node only lends it one of the extended
//! resource. So what the containers ask for moves into annotations, and away from the containers:
//! a node need not have that much to be able to start the VM.
//!
//! What each container asked for is kept in [`ORIGINALS`]. When the API server asks again, because
//! another webhook put a container in, the sum is made anew of the originals and of what is new.

use serde_json::{Map, Value, json};

use crate::demand::{Demand, Kind, Originals};

/// Label of pods that this webhook has made peer pods.
pub const PEER_POD_LABEL: &str = "kubewright.io/peer-pod";
/// Annotation with what the containers asked for, and which annotations are ours to change.
pub const ORIGINALS: &str = "kubewright.io/peer-pod-originals";
/// Annotation with the instance type of the VM.
pub const INSTANCE_TYPE: &str = "io.katacontainers.config.hypervisor.machine_type";

/// What a peer pod is, and what it costs its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Pods of this runtime class are peer pods.
    pub runtime_class: String,
    /// Extended resource of which each takes one.
    pub resource: String,
    /// Instance type of VMs whose pod names none.
    pub instance_type: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            runtime_class: "kata-remote".to_owned(),
            resource: "kata.peerpods.io/vm".to_owned(),
            instance_type: None,
        }
    }
}

/// Why a pod cannot be a peer pod.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no container to lend the resource to.
    #[error("a peer pod needs at least one container in spec.containers")]
    NoContainers,
    /// A VM has no part in what is the node's own.
    #[error(
        "spec.{field} is true, but a peer pod runs in a VM of its own and cannot share it with its node; unset it, or choose another runtimeClassName"
    )]
    SharesNode {
        /// `hostNetwork`, `hostPID` or `hostIPC`.
        field: &'static str,
    },
    /// Memory pages of the node cannot be lent to a VM elsewhere.
    #[error(
        "container {container:?} asks for {resource}, which is the node's and cannot be given to a peer pod; ask for memory instead"
    )]
    NodeMemory {
        /// Name of the container.
        container: String,
        /// Name of the resource.
        resource: String,
    },
    /// An amount that is no quantity.
    #[error("{path} is {value}, which is not an amount of a resource: {problem}")]
    Amount {
        /// Where it stands in the pod.
        path: String,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The annotation with the originals is not as it was written.
    #[error(
        "annotation {ORIGINALS} is not as kubewright writes it ({problem}); remove it from the pod"
    )]
    Originals {
        /// What is wrong with it.
        problem: String,
    },
    /// The pod is not built like one.
    #[error("{path} is not {expected}")]
    Shape {
        /// Where it stands in the pod.
        path: String,
        /// What should stand there.
        expected: &'static str,
    },
}

/// The pod as it is to be stored; `None` if it is none of ours.
///
/// Doing it again to its own result changes nothing.
///
/// # Errors
/// [`Refusal`] for a pod that could not work.
pub fn mutate(pod: &Value, settings: &Settings) -> Result<Option<Value>, Refusal> {
    if pod["spec"]["runtimeClassName"].as_str() != Some(&settings.runtime_class) {
        return Ok(None);
    }
    refuse_what_cannot_work(pod)?;
    let mut originals = Originals::of_annotation(pod)?;
    originals.take_in(&pod["spec"])?;
    let demand = originals.demand(&pod["spec"])?;

    let mut mutated = pod.clone();
    let metadata = object_at(&mut mutated, "metadata", "metadata")?;
    object_at(metadata, "labels", "metadata.labels")?[PEER_POD_LABEL] = json!("true");
    let annotations = object_at(metadata, "annotations", "metadata.annotations")?;
    size(annotations, demand, &mut originals);
    if let Some(instance_type) = &settings.instance_type
        && annotations.get(INSTANCE_TYPE).is_none()
    {
        annotations[INSTANCE_TYPE] = json!(instance_type);
    }
    annotations[ORIGINALS] = json!(originals.to_annotation());
    strip(&mut mutated["spec"]);
    lend(&mut mutated["spec"]["containers"], &settings.resource)?;
    Ok(Some(mutated))
}

fn refuse_what_cannot_work(pod: &Value) -> Result<(), Refusal> {
    let spec = &pod["spec"];
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        return Err(Refusal::NoContainers);
    }
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[field] == json!(true) {
            return Err(Refusal::SharesNode { field });
        }
    }
    for container in containers(spec) {
        for list in ["requests", "limits"] {
            let amounts = container["resources"][list].as_object();
            if let Some((resource, _)) = amounts
                .into_iter()
                .flatten()
                .find(|(resource, _)| resource.starts_with("hugepages-"))
            {
                return Err(Refusal::NodeMemory {
                    container: container["name"].as_str().unwrap_or_default().to_owned(),
                    resource: resource.clone(),
                });
            }
        }
    }
    Ok(())
}

fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["containers", "initContainers"].into_iter().filter_map(|list| spec[list].as_array()).flatten()
}

/// Writes the size of the VM, where the user has not.
fn size(annotations: &mut Value, demand: Demand, originals: &mut Originals) {
    for kind in Kind::ALL {
        let name = kind.annotation();
        let present = annotations.get(name);
        let ours = present.is_none() || present.and_then(Value::as_str) == originals.set(kind);
        if !ours {
            originals.forget(kind);
            continue;
        }
        match demand.of(kind) {
            0 => {
                originals.forget(kind);
                annotations.as_object_mut().and_then(|all| all.remove(name));
            }
            amount => {
                annotations[name] = json!(amount.to_string());
                originals.remember(kind, amount.to_string());
            }
        }
    }
}

/// Takes away what has become the VM's size. Other resources and claims stay.
fn strip(spec: &mut Value) {
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            strip_resources(container);
        }
    }
    strip_resources(spec);
}

fn strip_resources(owner: &mut Value) {
    let Some(resources) = owner.get_mut("resources").and_then(Value::as_object_mut) else {
        return;
    };
    for list in ["requests", "limits"] {
        let Some(amounts) = resources.get_mut(list).and_then(Value::as_object_mut) else {
            continue;
        };
        amounts.retain(|resource, _| Kind::of(resource).is_none());
        if amounts.is_empty() {
            resources.remove(list);
        }
    }
}

/// Lends the pod one of the resource: to the container that has it already, else to the first.
fn lend(containers: &mut Value, resource: &str) -> Result<(), Refusal> {
    let has = |container: &Value| {
        ["requests", "limits"]
            .iter()
            .any(|list| container["resources"][*list].get(resource).is_some())
    };
    let all = containers.as_array_mut().ok_or(Refusal::NoContainers)?;
    let borrower = all.iter().position(has).unwrap_or(0);
    for (index, container) in all.iter_mut().enumerate() {
        let lent = index == borrower;
        if !lent && !has(container) {
            continue;
        }
        let path = format!("spec.containers[{index}].resources");
        let resources = object_at(container, "resources", &path)?;
        for list in ["requests", "limits"] {
            let amounts = object_at(resources, list, &format!("{path}.{list}"))?;
            if lent {
                amounts[resource] = json!("1");
            } else if let Some(amounts) = amounts.as_object_mut() {
                amounts.remove(resource);
            }
        }
    }
    Ok(())
}

/// The object in a field, made where there is none.
fn object_at<'a>(owner: &'a mut Value, field: &str, path: &str) -> Result<&'a mut Value, Refusal> {
    let shape = || Refusal::Shape { path: path.to_owned(), expected: "an object" };
    let slot = owner.as_object_mut().ok_or_else(shape)?.entry(field).or_insert(Value::Null);
    if slot.is_null() {
        *slot = Value::Object(Map::new());
    }
    if slot.is_object() { Ok(slot) } else { Err(shape()) }
}

#[cfg(test)]
mod tests;
