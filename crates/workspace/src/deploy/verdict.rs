//! Whether a deployment is as wanted. Pure: no clock, no cluster.

use super::Digests;

/// Reasons for which a container waits that no waiting mends.
const FATAL: [&str; 14] = [
    "CrashLoopBackOff",
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
];

/// Something that runs pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// `Deployment`, …
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The generation that was applied.
    pub generation: i64,
    /// The generation that its controller has seen.
    pub observed: Option<i64>,
    /// Pods that there should be; nothing while nobody knows.
    pub wanted: Option<i32>,
    /// Pods of the present version.
    pub updated: i32,
    /// Pods that stay at the version before because the workload says so.
    pub held_back: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Why it will never be as wanted, by what Kubernetes or the workload itself says.
    pub stuck: Option<String>,
    /// For what ends by itself: whether it did, and well.
    pub completed: Option<Result<(), String>>,
    /// Its pods of the present version.
    pub pods: Vec<Pod>,
}

/// One pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Whether all of it is ready, or has ended well.
    pub ready: bool,
    /// Why it has ended, where it failed.
    pub failed: Option<String>,
    /// Why no node takes it.
    pub unschedulable: Option<String>,
    /// Its containers.
    pub containers: Vec<Container>,
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The image that is wanted.
    pub image: String,
    /// The image that runs, as the runtime names it.
    pub image_id: String,
    /// Why it waits: a word and a sentence.
    pub waiting: Option<(String, String)>,
    /// How the last run ended, where it failed.
    pub last_exit: Option<i32>,
    /// How often it was started again.
    pub restarts: i32,
}

/// What can be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is as wanted.
    Passed,
    /// Not yet, because of this.
    Waiting(Vec<String>),
    /// It never will be, because of this.
    Failed(Vec<String>),
}

/// Whether anyone waits any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// There is time.
    Left,
    /// Time is up.
    Over,
    /// Someone asked to stop.
    Interrupted,
}

impl Workload {
    /// `Deployment kube-system/calico-typha`.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// The verdict.
#[must_use]
pub fn verdict(workloads: &[Workload], digests: &Digests, patience: Patience) -> Verdict {
    let mut fatal: Vec<String> = workloads.iter().flat_map(|one| broken(one, digests)).collect();
    if !fatal.is_empty() {
        fatal.sort();
        return Verdict::Failed(fatal);
    }
    let missing: Vec<String> = workloads.iter().flat_map(missing).collect();
    let end = |how: &str| {
        let reasons = missing.iter().map(|reason| format!("{reason} when {how}"));
        Verdict::Failed(reasons.collect())
    };
    match (missing.is_empty(), patience) {
        (true, _) => Verdict::Passed,
        (false, Patience::Left) => Verdict::Waiting(missing),
        (false, Patience::Over) => end("time was up"),
        (false, Patience::Interrupted) => end("it was interrupted"),
    }
}

/// What no waiting mends.
fn broken(workload: &Workload, digests: &Digests) -> Vec<String> {
    let mut broken = Vec::new();
    let shown = workload.shown();
    if let Some(Err(why)) = &workload.completed {
        broken.push(format!("{shown} failed: {why}"));
    }
    // What is said of the generation before says nothing of this one.
    let present = workload.observed.is_none_or(|observed| observed >= workload.generation);
    if let Some(why) = workload.stuck.as_ref().filter(|_| present && !missing(workload).is_empty())
    {
        broken.push(format!("{shown}: {why}"));
    }
    for pod in &workload.pods {
        // Those of others are replaced by their controllers, and counted by them.
        if let Some(why) = pod.failed.as_ref().filter(|_| workload.kind == "Pod") {
            broken.push(format!("{shown} failed: {why}"));
        }
        for container in &pod.containers {
            let place = format!("{shown}: container {} of pod {}", container.name, pod.name);
            if let Some((reason, message)) = &container.waiting
                && FATAL.contains(&&reason[..])
                // How often it may fail is for the Job to say.
                && !(workload.kind == "Job" && reason == "CrashLoopBackOff")
            {
                let exit = container.last_exit.map(|code| format!(", exit code {code}"));
                let (exit, restarts) = (exit.unwrap_or_default(), container.restarts);
                let restarts = match restarts {
                    0 => String::new(),
                    count => format!(", started again {count} times"),
                };
                broken.push(format!("{place}: {reason}{exit}{restarts}: {message}"));
            }
            // Only once it was started the runtime says which image that was.
            if !container.image_id.is_empty() && !right_image(container, digests) {
                let (image, id) = (&container.image, &container.image_id);
                broken.push(format!("{place} runs {id}, which is not what was built as {image}"));
            }
        }
    }
    broken
}

/// Whether a container runs the image that was made, where that is one of ours.
fn right_image(container: &Container, digests: &Digests) -> bool {
    // An admission webhook may have put a mirror before it: the tag has the key.
    let tail = |image: &str| image.rsplit('/').next().map(str::to_owned);
    let ours = digests.get(&container.image).or_else(|| {
        let mut all = digests.iter();
        all.find(|(name, _)| tail(name) == tail(&container.image)).map(|(_, digests)| digests)
    });
    let Some(digests) = ours else { return true };
    let id = &container.image_id;
    match id.rfind("sha256:") {
        Some(at) => digests.contains(&id[at..]),
        // CRI-O says the digits of the configuration alone.
        None => digests.contains(&format!("sha256:{id}")),
    }
}

/// What is not yet as wanted.
fn missing(workload: &Workload) -> Vec<String> {
    let shown = workload.shown();
    match &workload.completed {
        Some(Ok(())) => return Vec::new(),
        Some(Err(_)) => {}
        None if workload.kind == "Job" => return vec![format!("{shown} has not ended")],
        None => {}
    }
    if workload.observed.is_none_or(|observed| observed < workload.generation) {
        return vec![format!("{shown}: its controller has not seen it")];
    }
    let Some(wanted) = workload.wanted else {
        return vec![format!("{shown}: nobody knows yet how many pods there should be")];
    };
    if workload.kind == "DaemonSet" && wanted == 0 {
        // Nothing of it would have been tried.
        return vec![format!("{shown}: there is no node that it is for")];
    }
    let mut missing = Vec::new();
    if workload.updated < wanted - workload.held_back {
        missing.push(format!(
            "{shown}: {} of {wanted} pods are of the present version",
            workload.updated
        ));
    }
    if workload.ready < wanted {
        missing.push(format!("{shown}: {} of {wanted} pods are ready", workload.ready));
    }
    let seen = workload.pods.iter().filter(|pod| pod.failed.is_none()).count();
    let seen = i32::try_from(seen).unwrap_or(i32::MAX);
    let wanted = wanted - workload.held_back;
    if missing.is_empty() && seen < wanted {
        // What is not seen cannot be known to run the right image.
        missing.push(format!("{shown}: {seen} of {wanted} pods are seen"));
    }
    for pod in workload.pods.iter().filter(|pod| pod.failed.is_none()) {
        if let Some(why) = &pod.unschedulable {
            missing.push(format!("{shown}: no node takes pod {}: {why}", pod.name));
        } else if missing.is_empty() && !pod.ready {
            missing.push(format!("{shown}: pod {} is not ready", pod.name));
        }
    }
    missing
}

#[cfg(test)]
mod tests;
