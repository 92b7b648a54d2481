//! The HostEndpoints of the nodes: that they come, stay as they should be, and go when they
//! should and not otherwise.

use k8s_openapi::api::core::v1::Node;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use kubewright_hostendpoint::api::{
    CONFIRM_MASS_DELETE_ANNOTATION, ConditionType, HostEndpointTemplate,
};
use kubewright_hostendpoint::observed::Limits;
use serde_json::json;

use super::PATIENCE;
use super::controllers::GRACE;
use super::course::{Course, Finding, Wrong};
use super::endpoints::{Endpoints, VPN, WORKER, fault, name};
use super::machine::Machine;
use super::watched::{Watched, some_of};
use crate::nodes::SimulatedNode;

/// Heartbeats that a node at rest is watched for.
const HEARTBEATS: usize = 60;

/// Makes all checks about HostEndpoints.
pub(super) async fn check(machine: &Machine, course: &mut Course<'_>) {
    let mut endpoints = Endpoints::watch(&machine.client);
    let scene = &mut Scene { machine, endpoints: &mut endpoints };
    if course.check("HostEndpoints", scene.appear()).await.is_none() {
        return; // The rest would only say so again.
    }
    course.check("nothing written at rest", scene.rest()).await;
    course.check("drift repaired", scene.drift()).await;
    course.check("VPN node", scene.vpn()).await;
    course.check("node removed", scene.removal()).await;
    course.check("mass deletion held back", scene.mass_deletion()).await;
}

struct Scene<'a> {
    machine: &'a Machine,
    endpoints: &'a mut Endpoints,
}

impl Scene<'_> {
    /// The first worker; there is at least one.
    fn worker(&self) -> &SimulatedNode {
        &self.machine.nodes[0]
    }

    /// The node that comes and goes, after the workers.
    fn late(&self) -> SimulatedNode {
        SimulatedNode::worker(u16::try_from(self.machine.nodes.len()).unwrap_or(u16::MAX))
    }

    async fn appear(&mut self) -> Finding {
        let nodes = self.machine.nodes.iter().map(|node| node.name.as_str());
        self.endpoints.stand(nodes, &WORKER, PATIENCE).await?;
        let nodes = self.machine.nodes.len();
        let each = some_of(WORKER.map(|role| role.interface));
        Ok(((), format!("{} for {nodes} nodes ({each})", nodes * WORKER.len())))
    }

    /// Heartbeats come first and then a node: when its endpoints stand, the controller has seen
    /// every heartbeat, and whatever it made of them was written before.
    async fn rest(&mut self) -> Finding {
        let workers = self.machine.nodes.iter().map(|node| node.name.as_str());
        let before = self.endpoints.stand(workers, &WORKER, PATIENCE).await?;
        let mut heartbeats = 0;
        while heartbeats < HEARTBEATS {
            let beaten = self.machine.heartbeats.beat().await;
            heartbeats += beaten.map_err(Wrong::during("sending heartbeats"))?;
        }
        let late = self.late();
        let joined = self.machine.heartbeats.join([late.clone()]).await;
        joined.map_err(Wrong::during(format!("joining {}", late.name)))?;
        let after = self.endpoints.stand([late.name.as_str()], &WORKER, PATIENCE).await?;

        let touched: Vec<&String> = before
            .iter()
            .filter(|(name, version)| after.get(*name) != Some(version))
            .map(|(name, _)| name)
            .collect();
        if !touched.is_empty() {
            let names = some_of(touched);
            return Err(Wrong::failed(format!("{heartbeats} heartbeats changed {names}")));
        }
        // Since the controller started each endpoint was due to be written once at most. Writes
        // without effect change no version, but they count; and Nodes are not ours to write.
        let writes = |resource| self.machine.controllers.writes(resource);
        let (endpoints, nodes) = (writes("hostendpoints"), writes("nodes"));
        if endpoints > after.len() as u64 || nodes > 0 {
            let due = after.len();
            return Err(Wrong::failed(format!(
                "{endpoints} writes of HostEndpoints and {nodes} of Nodes, where {due} and 0 were due"
            )));
        }
        let news = after.len() - before.len();
        Ok(((), format!("{heartbeats} heartbeats, 0 writes; then a new node, {news}")))
    }

    async fn drift(&mut self) -> Finding {
        let worker = self.worker().name.clone();
        let [changed, deleted] = WORKER.map(|role| name(&worker, &role));
        let api = &self.endpoints.api;
        let label = json!({ "metadata": { "labels": { "host-endpoint": "by-hand" } } });
        let patched = api.patch(&changed, &PatchParams::default(), &Patch::Merge(&label)).await;
        let patched = patched.map_err(Wrong::during(format!("changing hostendpoint {changed}")))?;
        let gone = api.get(&deleted).await?.uid();
        let deletion = api.delete(&deleted, &DeleteParams::default()).await;
        deletion.map_err(Wrong::during(format!("deleting hostendpoint {deleted}")))?;

        let tampered = patched.resource_version();
        self.endpoints
            .until(PATIENCE, |seen| {
                let is = seen.get(&changed).ok_or_else(|| format!("{changed} is missing"))?;
                // What was there before the hand came is no repair, nor is what it left.
                let stale = seen.get(&deleted).is_some_and(|it| it.uid() == gone);
                if newer(tampered.as_deref(), is.resource_version().as_deref()) || stale {
                    return Err("the watch has not seen the changes".to_owned());
                }
                match WORKER.iter().find_map(|role| fault(seen, &worker, role)) {
                    None => Ok(()),
                    Some(fault) => Err(fault),
                }
            })
            .await?;
        Ok(((), format!("label of {changed} and deleted {deleted} are back")))
    }

    async fn vpn(&mut self) -> Finding {
        let worker = self.worker().name.clone();
        let nodes: Api<Node> = Api::all(self.machine.client.clone());
        let label = async |value: Option<&str>| {
            let label = json!({ "metadata": { "labels": { "nodetype": value } } });
            let patched =
                nodes.patch(&worker, &PatchParams::default(), &Patch::Merge(&label)).await;
            patched.map(drop).map_err(Wrong::during(format!("labelling node {worker}")))
        };
        label(Some("vpn")).await?;
        let with = self.endpoints.stand([worker.as_str()], &VPN, PATIENCE).await;
        label(None).await?;
        with?;
        self.endpoints.are_gone([worker.as_str()], &VPN, PATIENCE).await?;
        self.endpoints.stand([worker.as_str()], &WORKER, PATIENCE).await?;
        let names = some_of(VPN.map(|role| name(&worker, &role)));
        Ok(((), format!("{names} came with the label and went with it")))
    }

    /// The node that [`Scene::rest`] brought leaves.
    async fn removal(&mut self) -> Finding {
        let late = self.late();
        // Again, in case that check did not get as far.
        let joined = self.machine.heartbeats.join([late.clone()]).await;
        joined.map_err(Wrong::during(format!("joining {}", late.name)))?;
        let before = self.endpoints.stand([late.name.as_str()], &WORKER, PATIENCE).await?;
        let left = self.machine.heartbeats.leave(std::slice::from_ref(&late.name)).await;
        left.map_err(Wrong::during(format!("deleting node {}", late.name)))?;
        let after = self.endpoints.are_gone([late.name.as_str()], &WORKER, PATIENCE).await?;

        let gone: Vec<&String> = before
            .iter()
            .filter(|(name, it)| after.get(*name) != Some(it))
            .map(|it| it.0)
            .collect();
        if gone.len() != WORKER.len() {
            let what = some_of(gone);
            return Err(Wrong::failed(format!("{} left, and with it {what}", late.name)));
        }
        let stayed = after.len();
        Ok(((), format!("{} gone {GRACE:?} after its node, {stayed} stay", some_of(gone))))
    }

    /// More nodes vanish at once than may: their endpoints stay until someone confirms.
    async fn mass_deletion(&mut self) -> Finding {
        let limits = Limits::default();
        let count = (limits.mass_nodes + 1).max(self.machine.nodes.len() / 8 + 1);
        let spares: Vec<SimulatedNode> = (0..count).map(SimulatedNode::spare).collect();
        let names: Vec<String> = spares.iter().map(|node| node.name.clone()).collect();
        let nodes = || names.iter().map(String::as_str);
        let joined = self.machine.heartbeats.join(spares).await;
        joined.map_err(Wrong::during(format!("joining {}", some_of(&names))))?;
        self.endpoints.stand(nodes(), &WORKER, PATIENCE).await?;
        let left = self.machine.heartbeats.leave(&names).await;
        left.map_err(Wrong::during(format!("deleting {}", some_of(&names))))?;

        let held = self.is_held().await;
        let stay = self.endpoints.stay(nodes(), &WORKER, 2 * GRACE).await;
        // Whatever came of it, they must not stay for the next check or the next `up`.
        self.confirm(Some("true")).await?;
        let gone = self.endpoints.are_gone(nodes(), &WORKER, PATIENCE).await;
        self.confirm(None).await?;
        held?;
        stay?;
        gone?;
        let endpoints = count * WORKER.len();
        Ok(((), format!("{count} nodes vanished, {endpoints} endpoints stayed until confirmed")))
    }

    /// Waits until the templates say that deletions are held back.
    async fn is_held(&self) -> Result<(), Wrong> {
        let api = Api::<HostEndpointTemplate>::all(self.machine.client.clone());
        let blocked = ConditionType::DeletionBlocked.as_str();
        let mut templates = Watched::start(api);
        templates
            .until(PATIENCE, |templates| {
                let mut conditions = templates.values().flat_map(|template| {
                    template.status.iter().flat_map(|status| status.conditions.iter())
                });
                let held = conditions.any(|c| c.type_ == blocked && c.status == "True");
                held.then_some(()).ok_or_else(|| format!("no template has {blocked}=True"))
            })
            .await
    }

    async fn confirm(&self, value: Option<&str>) -> Result<(), Wrong> {
        let api = Api::<HostEndpointTemplate>::all(self.machine.client.clone());
        let annotation = json!({ "metadata": {
            "annotations": { CONFIRM_MASS_DELETE_ANNOTATION: value } } });
        for template in api.list(&kube::api::ListParams::default()).await? {
            let name = template.name_any();
            let patch = Patch::Merge(&annotation);
            let patched = api.patch(&name, &PatchParams::default(), &patch).await;
            patched.map_err(Wrong::during(format!("annotating hostendpointtemplate {name}")))?;
        }
        Ok(())
    }
}

/// Whether `version` comes after `than`. Versions of one server of ours are numbers; where they
/// are not, nobody can tell, and the answer is no.
fn newer(version: Option<&str>, than: Option<&str>) -> bool {
    let number = |version: Option<&str>| version.and_then(|version| version.parse::<u64>().ok());
    match (number(version), number(than)) {
        (Some(version), Some(than)) => version > than,
        _ => false,
    }
}
