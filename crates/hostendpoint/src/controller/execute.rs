//! Carrying out what was planned for one node. Everything the API server has
//! to be asked or told happens here, in a task of its own per node.

use futures::future::join_all;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use kubewright_operator::lease::is_not_leading;
use serde_json::json;

use crate::{
    api::{CalicoGroup, FIELD_MANAGER, PROTECTED_CONDITION, UNPROTECTED_TAINT},
    endpoint::PrunedEndpoint,
    labels::Shared,
    plan::DeleteReason,
    protection::Change,
    wanted::{Manifest, Wanted},
};

/// What to do for a node.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) node: Shared,
    pub(super) applies: Vec<Apply>,
    /// Whether to ask for the node itself.
    pub(super) confirm: bool,
    pub(super) deletes: Vec<Delete>,
    pub(super) protection: Option<Change>,
}

impl Task {
    /// How many requests it makes at a time.
    pub(super) fn requests(&self) -> usize {
        self.applies.len().max(1)
    }
}

/// An endpoint to write.
#[derive(Debug)]
pub(super) struct Apply {
    pub(super) wanted: Box<Wanted>,
    pub(super) manifest: Manifest,
    /// `create`, `adopt` or `repair`.
    pub(super) verb: &'static str,
    /// Fields that are to change, for the log.
    pub(super) fields: Vec<String>,
}

/// An endpoint to delete.
#[derive(Debug)]
pub(super) struct Delete {
    pub(super) name: Shared,
    pub(super) uid: Box<str>,
    pub(super) template: Shared,
    pub(super) reason: DeleteReason,
}

/// What came of a task.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) node: Shared,
    /// How many requests were made at a time.
    pub(super) requests: usize,
    pub(super) applied: Vec<(Apply, PrunedEndpoint)>,
    pub(super) deleted: Vec<(Delete, Option<PrunedEndpoint>)>,
    /// Whether the API server has the node, if it was asked and has answered.
    pub(super) exists: Option<bool>,
    pub(super) failures: Vec<Failure>,
}

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// `apply`, `delete`, …
    pub(super) verb: &'static str,
    /// The object, as `kind/name`.
    pub(super) object: String,
    /// Its template; none for nodes.
    pub(super) template: Option<Shared>,
    /// A word: the reason of the Status, or `RequestFailed`.
    pub(super) reason: String,
    /// What the API server said.
    pub(super) message: String,
}

/// Talks to the API server.
#[derive(Clone)]
pub(super) struct Executor {
    pub(super) client: Client,
    pub(super) group: CalicoGroup,
}

impl Executor {
    /// Carries a task out: first what protects, then what removes.
    pub(super) async fn carry_out(self, task: Task) -> Outcome {
        let mut outcome = Outcome {
            node: task.node.clone(),
            requests: task.requests(),
            applied: Vec::new(),
            deleted: Vec::new(),
            exists: None,
            failures: Vec::new(),
        };
        let endpoints = Api::<PrunedEndpoint>::all_with(self.client.clone(), &self.group);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let writes = task.applies.into_iter().map(|apply| async {
            let patch = Patch::Apply(&apply.manifest);
            let result = endpoints.patch(&apply.wanted.name, &parameters, &patch).await;
            (apply, result)
        });
        for (apply, result) in join_all(writes).await {
            match result {
                Ok(object) => outcome.applied.push((apply, object)),
                Err(error) => {
                    let Wanted { name, template, .. } = &*apply.wanted;
                    outcome.fail("apply", "hostendpoint", name, Some(template), &error);
                }
            }
        }
        // What replaces an endpoint has to stand before it goes.
        if outcome.failures.is_empty() {
            for delete in task.deletes {
                let parameters = DeleteParams {
                    preconditions: Some(Preconditions {
                        uid: Some(delete.uid.to_string()),
                        resource_version: None,
                    }),
                    ..DeleteParams::default()
                };
                match endpoints.delete(&delete.name, &parameters).await {
                    Ok(answer) => {
                        // Finalizers keep it for a while.
                        let left = answer.left().filter(|object| {
                            object.meta().finalizers.as_ref().is_some_and(|list| !list.is_empty())
                        });
                        outcome.deleted.push((delete, left));
                    }
                    Err(kube::Error::Api(status)) if status.code == 404 => {
                        outcome.deleted.push((delete, None))
                    }
                    Err(error) => {
                        outcome.fail(
                            "delete",
                            "hostendpoint",
                            &delete.name,
                            Some(&delete.template),
                            &error,
                        );
                    }
                }
            }
        }
        let nodes = Api::<Node>::all(self.client.clone());
        if task.confirm {
            match nodes.get_metadata_opt(&task.node).await {
                Ok(found) => outcome.exists = Some(found.is_some()),
                Err(error) => outcome.fail("get", "node", &task.node, None, &error),
            }
        }
        if let Some(change) = task.protection
            && let Err((verb, error)) = protect(&nodes, &task.node, &change).await
            // A node that has gone meanwhile needs no condition.
            && !matches!(&error, kube::Error::Api(status) if status.code == 404)
        {
            outcome.fail(verb, "node", &task.node, None, &error);
        }
        outcome
    }
}

impl Outcome {
    fn fail(
        &mut self,
        verb: &'static str,
        kind: &str,
        name: &str,
        template: Option<&Shared>,
        error: &kube::Error,
    ) {
        let reason = match error {
            kube::Error::Api(status) if !status.reason.is_empty() => status.reason.clone(),
            error if is_not_leading(error) => "NotLeading".to_owned(),
            _ => "RequestFailed".to_owned(),
        };
        self.failures.push(Failure {
            verb,
            object: format!("{kind}/{name}"),
            template: template.cloned(),
            reason,
            message: match error {
                kube::Error::Api(status) => status.message.clone(),
                other => other.to_string(),
            },
        });
    }
}

/// Writes the condition, then removes the taint.
async fn protect(
    nodes: &Api<Node>,
    name: &str,
    change: &Change,
) -> Result<(), (&'static str, kube::Error)> {
    if let Some(condition) = &change.condition {
        let now = format!("{:.0}", jiff::Timestamp::now());
        // Since when a node is protected, or is not, is what people ask: another reason for the
        // same is no transition.
        let node = nodes.get(name).await.map_err(|error| ("read", error))?;
        let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
        let since = conditions
            .into_iter()
            .find(|it| it.type_ == PROTECTED_CONDITION && it.status == condition.status())
            .and_then(|it| it.last_transition_time)
            .map_or_else(|| now.clone(), |since| format!("{:.0}", since.0));
        // Only our condition is in the patch, and only it is owned.
        let patch = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name},
            "status": {"conditions": [{
                "type": PROTECTED_CONDITION,
                "status": condition.status(),
                "reason": condition.reason,
                "message": condition.message,
                "lastTransitionTime": since,
                "lastHeartbeatTime": now,
            }]},
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        nodes
            .patch_status(name, &parameters, &Patch::Apply(&patch))
            .await
            .map_err(|error| ("patch status of", error))?;
    }
    if change.remove_taint {
        remove_taint(nodes, name).await.map_err(|error| ("remove taint from", error))?;
    }
    Ok(())
}

/// Removes the startup taint and nothing else: the list of taints is atomic,
/// so the patch tests that the taint is where it was seen.
async fn remove_taint(nodes: &Api<Node>, name: &str) -> kube::Result<()> {
    let node = nodes.get(name).await?;
    let taints = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
    let Some(at) = taints.iter().position(|taint| taint.key == UNPROTECTED_TAINT) else {
        return Ok(());
    };
    let patch: json_patch::Patch = serde_json::from_value(json!([
        {"op": "test", "path": format!("/spec/taints/{at}/key"), "value": UNPROTECTED_TAINT},
        {"op": "remove", "path": format!("/spec/taints/{at}")},
    ]))
    .map_err(kube::Error::SerdeError)?;
    let parameters =
        PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    nodes.patch(name, &parameters, &Patch::<()>::Json(patch)).await?;
    Ok(())
}
