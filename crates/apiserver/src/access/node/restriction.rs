//! What a kubelet may write: its own node without the labels and taints that others rely on,
//! mirror pods and the status of its pods, tokens for its pods, its lease and its CSINode
//! (the admission plugin NodeRestriction).

use serde_json::Value;

use super::graph::Kind;
use super::references::{MIRROR, of_pod};
use super::{LEASES, labels};
use crate::access::identity::node_name;
use crate::error::{Error, Result};
use crate::meta;
use crate::rest::Target;
use crate::store::{ObjectKey, ResourceKey};

/// A write, before validation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Write<'a> {
    /// Of a new object, or of a subresource that takes one.
    Create(&'a Value),
    /// To this from that.
    Update(&'a Value, &'a Value),
    /// Of the object that the target names.
    Delete,
}

/// Fails with 403 when a node writes what is not its own.
pub(crate) fn check(target: &Target<'_>, write: Write<'_>) -> Result<()> {
    let Some(node) = target.identity.and_then(node_name) else {
        return Ok(());
    };
    let guard = Guard { target, node, write };
    if node.is_empty() {
        let user = target.identity.map(|identity| &*identity.user).unwrap_or_default();
        return guard.refuse(format!("could not determine node from user {user:?}"));
    }
    match (&*target.resource.group, &*target.resource.plural, target.subresource) {
        ("", "pods", "") => guard.pod(),
        ("", "pods", "status") => guard.pod_status(),
        ("", "pods", "eviction") => guard.eviction(),
        ("", "pods", other) => guard.refuse(format!(
            "unexpected pod subresource {other:?}, only 'status' and 'eviction' are allowed"
        )),
        ("", "nodes", _) => guard.node(),
        ("", "persistentvolumeclaims", "status") => guard.claim_status(),
        ("", "persistentvolumeclaims", _) => guard.refuse("may only update PVC status"),
        ("", "serviceaccounts", "token") => guard.token(),
        ("coordination.k8s.io", "leases", _) => guard.lease(),
        ("storage.k8s.io", "csinodes", _) => guard.csi_node(),
        _ => Ok(()),
    }
}

struct Guard<'a> {
    target: &'a Target<'a>,
    node: &'a str,
    write: Write<'a>,
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Guard<'_> {
    fn refuse<T>(&self, why: impl std::fmt::Display) -> Result<T> {
        let name = match self.write {
            Write::Create(object) if self.target.name.is_empty() => meta::name(object),
            _ => self.target.name,
        };
        Err(Error::forbidden(&self.target.resource.group_resource(), name, why))
    }

    /// The name of the object, which on create stands in the object.
    fn name(&self) -> &str {
        match self.write {
            Write::Create(object) if self.target.subresource.is_empty() => meta::name(object),
            _ => self.target.name,
        }
    }

    fn stored(&self, plural: &str, namespace: &str, name: &str) -> Result<Value> {
        let resource = ResourceKey::new("", plural);
        let found = self.target.core.store.latest(&resource, &ObjectKey::new(namespace, name));
        let missing = || Error::not_found(&crate::error::GroupName::new("", plural), name);
        found.map(|stored| stored.value()).ok_or_else(missing)
    }

    fn pod(&self) -> Result<()> {
        let node = self.node;
        match self.write {
            Write::Create(pod) => self.mirror_pod(pod),
            Write::Delete => {
                let pod = self.stored("pods", self.target.namespace, self.target.name)?;
                if text(&pod, "/spec/nodeName") == node {
                    return Ok(());
                }
                self.refuse(format!(
                    "node {node:?} can only delete pods with spec.nodeName set to itself"
                ))
            }
            Write::Update(..) => self.refuse(format!(
                "unexpected operation \"UPDATE\", node {node:?} can only create and delete mirror pods"
            )),
        }
    }

    fn mirror_pod(&self, pod: &Value) -> Result<()> {
        let node = self.node;
        if pod["metadata"]["annotations"][MIRROR].is_null() {
            return self.refuse(format!(
                "pod does not have {MIRROR:?} annotation, node {node:?} can only create mirror pods"
            ));
        }
        if text(pod, "/spec/nodeName") != node {
            return self.refuse(format!(
                "node {node:?} can only create pods with spec.nodeName set to itself"
            ));
        }
        self.mirror_owner(pod)?;
        // Such a pod must not lead to anything else.
        let mut plain = pod.clone();
        if let Some(map) = plain["metadata"]["annotations"].as_object_mut() {
            map.remove(MIRROR);
        }
        let found = of_pod(&ObjectKey::new(self.target.namespace, meta::name(pod)), &plain);
        let names = [
            (Kind::ServiceAccount, "a service account"),
            (Kind::Secret, "secrets"),
            (Kind::ConfigMap, "configmaps"),
            (Kind::Claim, "persistentvolumeclaims"),
        ];
        for (kind, what) in names {
            if found.iter().any(|(found, _)| *found == kind) {
                return self
                    .refuse(format!("node {node:?} can not create pods that reference {what}"));
            }
        }
        Ok(())
    }

    fn mirror_owner(&self, pod: &Value) -> Result<()> {
        let node = self.node;
        let owners = pod["metadata"]["ownerReferences"].as_array();
        let own =
            |what: &str| format!("node {node:?} can only create pods with {what} set to itself");
        let owner = match owners.map(Vec::as_slice).unwrap_or_default() {
            [owner] => owner,
            [] => return self.refuse(own("an owner reference")),
            _ => return self.refuse(own("a single owner reference")),
        };
        let named = text(owner, "/apiVersion") == "v1"
            && text(owner, "/kind") == "Node"
            && text(owner, "/name") == node;
        if !named {
            return self.refuse(own("an owner reference"));
        }
        if owner["controller"] != true {
            return self.refuse(own("a controller owner reference"));
        }
        if owner["blockOwnerDeletion"] == true {
            return self.refuse(format!(
                "node {node:?} must not set blockOwnerDeletion on an owner reference"
            ));
        }
        let stored = self.stored("nodes", "", node)?;
        let (uid, claimed) = (meta::uid(&stored), text(owner, "/uid"));
        if uid == claimed {
            return Ok(());
        }
        self.refuse(format!("node {node} UID mismatch: expected {uid} got {claimed}"))
    }

    fn pod_status(&self) -> Result<()> {
        let node = self.node;
        let Write::Update(pod, live) = self.write else {
            return self.refuse("unexpected operation");
        };
        if text(live, "/spec/nodeName") != node {
            return self.refuse(format!(
                "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
            ));
        }
        let labels =
            |pod: &Value| pod["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        if labels(pod) != labels(live) {
            return self.refuse(format!("node {node:?} cannot update labels through pod status"));
        }
        Ok(())
    }

    fn eviction(&self) -> Result<()> {
        let node = self.node;
        let pod = self.stored("pods", self.target.namespace, self.target.name)?;
        if text(&pod, "/spec/nodeName") == node {
            return Ok(());
        }
        self.refuse(format!("node {node} can only evict pods with spec.nodeName set to itself"))
    }

    fn node(&self) -> Result<()> {
        let node = self.node;
        if let Write::Create(object) = self.write {
            let forbidden = labels::forbidden(object, None);
            if !forbidden.is_empty() {
                return self.refuse(format!(
                    "is not allowed to set the following labels: {}",
                    forbidden.join(", ")
                ));
            }
        }
        let name = self.name();
        if name != node {
            return self.refuse(format!("node {node:?} is not allowed to modify node {name:?}"));
        }
        if let Write::Update(object, live) = self.write {
            let taints = |object: &Value| match &object["spec"]["taints"] {
                Value::Array(list) => list.clone(),
                _ => Vec::new(),
            };
            if taints(object) != taints(live) {
                return self.refuse(format!("node {node:?} is not allowed to modify taints"));
            }
            let forbidden = labels::forbidden(object, Some(live));
            if !forbidden.is_empty() {
                return self
                    .refuse(format!("is not allowed to modify labels: {}", forbidden.join(", ")));
            }
        }
        Ok(())
    }

    fn claim_status(&self) -> Result<()> {
        let Write::Update(object, live) = self.write else {
            return self.refuse("unexpected operation");
        };
        let rest = |object: &Value| {
            let mut object = object.clone();
            let status = meta::child_mut(&mut object, "status");
            for field in ["capacity", "conditions", "allocatedResourceStatuses"] {
                status.remove(field);
            }
            let metadata = meta::metadata_mut(&mut object);
            for field in ["managedFields", "resourceVersion"] {
                metadata.remove(field);
            }
            object
        };
        if rest(object) == rest(live) {
            return Ok(());
        }
        self.refuse(format!(
            "node {:?} is not allowed to update fields other than status.capacity and status.conditions",
            self.node
        ))
    }

    fn token(&self) -> Result<()> {
        let Write::Create(request) = self.write else {
            return Ok(());
        };
        let bound = &request["spec"]["boundObjectRef"];
        let pod = text(bound, "/name");
        let to_pod = text(bound, "/apiVersion") == "v1" && text(bound, "/kind") == "Pod";
        if !to_pod || pod.is_empty() {
            return self.refuse("node requested token not bound to a pod");
        }
        let uid = text(bound, "/uid");
        if uid.is_empty() {
            return self.refuse("node requested token with a pod binding without a uid");
        }
        let pod = self.stored("pods", self.target.namespace, pod)?;
        if uid != meta::uid(&pod) {
            return self.refuse(format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
            ));
        }
        if text(&pod, "/spec/nodeName") != self.node {
            return self
                .refuse("node requested token bound to a pod scheduled on a different node");
        }
        Ok(())
    }

    fn lease(&self) -> Result<()> {
        if self.target.namespace != LEASES {
            let why = format!("can only access leases in the {LEASES:?} system namespace");
            return self.refuse(why);
        }
        if self.name() != self.node {
            return self
                .refuse("can only access node lease with the same name as the requesting node");
        }
        Ok(())
    }

    fn csi_node(&self) -> Result<()> {
        if self.name() == self.node {
            return Ok(());
        }
        self.refuse("can only access CSINode with the same name as the requesting node")
    }
}
