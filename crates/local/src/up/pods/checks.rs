//! A pod gets its sandbox; a network is plugged into it while it runs, and unplugged; it goes.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::thread;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use kubewright_attachment::status::{NETWORK_ERRORS, NETWORK_STATUS, parse};
use kubewright_podnet::api::{Network, NetworkSpec, crds};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::json;

use super::Pods;
use crate::up::PATIENCE;
use crate::up::course::{Course, Finding, Wrong};
use crate::up::resources::{self, FIELD_MANAGER};
use crate::up::watched::{Objects, Watched, some_of};

/// The pod.
const POD: &str = "kubewright-up";
const NAMESPACE: &str = "default";

/// The network that is plugged.
const NETWORK: &str = "data";
/// What podagent calls its interface: `net` and 12 digits of the MD5 of its name.
const INTERFACE: &str = "net8d777f385d3d";

/// Annotation of podagent.
const NETWORKS: &str = "networks";

/// The checks about pods.
pub(super) const NAMES: [&str; 4] = [SANDBOX, PLUGGED, UNPLUGGED, DELETED];
const SANDBOX: &str = "pod sandbox";
const PLUGGED: &str = "network plugged";
const UNPLUGGED: &str = "network unplugged";
const DELETED: &str = "pod deleted";

/// Makes all checks about pods. One that needs another that did not pass is told as skipped.
pub(super) async fn check(client: &Client, pods: &Pods, course: &mut Course<'_>) {
    let mut scene = Scene::new(client, pods);
    let sandbox = course.check(SANDBOX, scene.sandbox()).await;
    let plugged = async {
        let sandbox = sandbox.as_ref().ok_or(Wrong::needs(SANDBOX))?;
        let ((), seen) = scene.plugged(sandbox).await?;
        Ok((sandbox, seen))
    };
    let plugged = course.check(PLUGGED, plugged).await;
    let unplugged = async {
        let sandbox = plugged.ok_or(Wrong::needs(PLUGGED))?;
        scene.unplugged(sandbox).await
    };
    course.check(UNPLUGGED, unplugged).await;
    course.check(DELETED, scene.deleted()).await;
}

struct Scene<'a> {
    client: &'a Client,
    api: Api<Pod>,
    watched: Watched<Pod>,
    pods: &'a Pods,
}

/// The sandbox of the pod.
struct Sandbox {
    uid: String,
    id: String,
    netns: PathBuf,
}

impl<'a> Scene<'a> {
    fn new(client: &'a Client, pods: &'a Pods) -> Self {
        let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
        Self { client, watched: Watched::start(api.clone()), api, pods }
    }

    async fn sandbox(&mut self) -> Finding<Sandbox> {
        // One that was killed has left it in a durable cluster.
        self.delete().await?;
        let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": POD },
            "spec": { "nodeName": self.pods.place.node,
                "containers": [{ "name": "nothing", "image": "nothing.invalid/nothing" }] } });
        let pod: Pod = serde_json::from_value(pod)?;
        let made = self.api.create(&PostParams::default(), &pod).await;
        let made = made.map_err(Wrong::during(format!("creating pod {POD}")))?;
        let address = self.watched.until(PATIENCE, running).await?;
        let uid = made.uid().unwrap_or_default();
        let found = self.pods.runtime.ready_sandbox(&uid).await?;
        let found = found.ok_or_else(|| Wrong::failed(format!("no sandbox of pod {POD}")))?;
        let netns = self.pods.runtime.sandbox(&found.id).await?.netns()?.to_owned();
        let links = links(&netns)?;
        if !links.iter().any(|link| link == "eth0") {
            return Err(Wrong::failed(format!("no eth0 in sandbox {}: {links:?}", found.id)));
        }
        let seen = format!("{POD} at {address}, sandbox {}", short(&found.id));
        Ok((Sandbox { uid, id: found.id, netns }, seen))
    }

    async fn plugged(&mut self, sandbox: &Sandbox) -> Finding {
        self.define().await?;
        self.annotate(Some(json!([{ "name": NETWORK }]).to_string())).await?;
        self.watched.until(PATIENCE, |pods| told(pods, true)).await?;
        self.same(sandbox).await?;
        let links = links(&sandbox.netns)?;
        if !links.iter().any(|link| link == INTERFACE) {
            let what = format!("the status tells of {INTERFACE}, but there are {links:?}");
            return Err(Wrong::failed(what));
        }
        let links = some_of(links);
        Ok(((), format!("{NETWORK} as {INTERFACE} beside the others, no restart: {links}")))
    }

    async fn unplugged(&mut self, sandbox: &Sandbox) -> Finding {
        self.annotate(None).await?;
        self.watched.until(PATIENCE, |pods| told(pods, false)).await?;
        self.same(sandbox).await?;
        let links = links(&sandbox.netns)?;
        match links.iter().any(|link| link == INTERFACE) {
            true => Err(Wrong::failed(format!("{INTERFACE} is still there"))),
            false => Ok(((), format!("left: {}", some_of(links)))),
        }
    }

    async fn deleted(&mut self) -> Finding {
        self.delete().await?;
        let networks: Api<Network> = Api::namespaced(self.client.clone(), NAMESPACE);
        match networks.delete(NETWORK, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other.map_err(Wrong::during(format!("deleting network {NETWORK}")))?),
        }
        Ok(((), "pod and sandbox are gone".to_owned()))
    }

    /// Deletes the pod and waits until the kubelet has let it go, after its sandbox.
    async fn delete(&mut self) -> Result<(), Wrong> {
        match self.api.delete(POD, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other.map_err(Wrong::during(format!("deleting pod {POD}")))?),
        }
        let gone = |pods: &Objects<Pod>| match pods.contains_key(POD) {
            true => Err(format!("pod {POD} is still there")),
            false => Ok(()),
        };
        self.watched.until(PATIENCE, gone).await
    }

    /// Defines the network as one would for podagent. Networks in the standard's form can be
    /// defined from then on, too.
    async fn define(&self) -> Result<(), Wrong> {
        resources::serve(self.client, &crds()).await?;
        let networks: Api<Network> = Api::namespaced(self.client.clone(), NAMESPACE);
        let config = self.pods.folder.data().to_string();
        let network = Network::new(NETWORK, NetworkSpec { plugin: "bridge".to_owned(), config });
        let apply = PatchParams::apply(FIELD_MANAGER).force();
        let applied = networks.patch(NETWORK, &apply, &Patch::Apply(&network)).await;
        applied.map(drop).map_err(Wrong::during(format!("applying network {NETWORK}")))
    }

    async fn annotate(&self, networks: Option<String>) -> Result<(), Wrong> {
        let patch = json!({ "metadata": { "annotations": { NETWORKS: networks } } });
        let patched = self.api.patch(POD, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.map(drop).map_err(Wrong::during(format!("annotating pod {POD}")))
    }

    /// The pod still has the sandbox that it had.
    async fn same(&self, sandbox: &Sandbox) -> Result<(), Wrong> {
        let now = self.pods.runtime.ready_sandbox(&sandbox.uid).await?.map(|found| found.id);
        match now {
            Some(id) if id == sandbox.id => Ok(()),
            now => Err(Wrong::failed(format!("the sandbox was {} and is {now:?}", sandbox.id))),
        }
    }
}

/// The address of the pod, when it runs.
fn running(pods: &Objects<Pod>) -> Result<String, String> {
    let status = pods.get(POD).and_then(|pod| pod.status.clone());
    let status = status.ok_or_else(|| format!("pod {POD} has no status"))?;
    match (status.phase.as_deref(), status.pod_ip) {
        (Some("Running"), Some(address)) => Ok(address),
        (phase, _) => Err(format!("pod {POD} is {}", phase.unwrap_or("without a phase"))),
    }
}

/// Whether the agent tells, or tells no more, of the interface.
fn told(pods: &Objects<Pod>, plugged: bool) -> Result<(), String> {
    let pod = pods.get(POD).ok_or_else(|| format!("pod {POD} is gone"))?;
    let annotation = |name: &str| pod.annotations().get(name).map_or("", String::as_str);
    let told = annotation(NETWORK_STATUS);
    let found = parse(told).iter().any(|entry| entry.interface == INTERFACE);
    match found == plugged {
        true => Ok(()),
        false => Err(format!(
            "the status of networks is {told:?}, and errors {:?}",
            annotation(NETWORK_ERRORS)
        )),
    }
}

/// Names of the interfaces in a network namespace, loopback apart.
fn links(netns: &Path) -> io::Result<Vec<String>> {
    let file = File::open(netns)?;
    let table = thread::scope(|scope| {
        // The thread ends in there.
        let thread = scope.spawn(move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
            std::fs::read_to_string("/proc/thread-self/net/dev")
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let names = table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()));
    let mut names: Vec<_> = names.filter(|name| name != "lo").collect();
    names.sort();
    Ok(names)
}

/// As people recognise it.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
