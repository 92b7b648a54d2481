//! Whether a deployment is as wanted. Pure: no clock, no cluster.

use super::Digests;

/// Reasons for which a container waits that no waiting mends.
const FATAL: [&str; 9] = [
    "CrashLoopBackOff",
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
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
    /// Pods that are ready.
    pub ready: i32,
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

impl Workload {
    /// `Deployment kube-system/calico-typha`.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// The verdict; `over` says that nobody waits any longer.
#[must_use]
pub fn verdict(workloads: &[Workload], digests: &Digests, over: bool) -> Verdict {
    let mut fatal: Vec<String> = workloads.iter().flat_map(|one| broken(one, digests)).collect();
    if !fatal.is_empty() {
        fatal.sort();
        return Verdict::Failed(fatal);
    }
    let missing: Vec<String> = workloads.iter().flat_map(missing).collect();
    match (missing.is_empty(), over) {
        (true, _) => Verdict::Passed,
        (false, false) => Verdict::Waiting(missing),
        (false, true) => Verdict::Failed(
            missing.into_iter().map(|reason| format!("{reason} when time was up")).collect(),
        ),
    }
}

/// What no waiting mends.
fn broken(workload: &Workload, digests: &Digests) -> Vec<String> {
    let mut broken = Vec::new();
    let shown = workload.shown();
    if let Some(Err(why)) = &workload.completed {
        broken.push(format!("{shown} failed: {why}"));
    }
    for pod in &workload.pods {
        for container in &pod.containers {
            let place = format!("{shown}: container {} of pod {}", container.name, pod.name);
            if let Some((reason, message)) = &container.waiting
                && FATAL.contains(&&reason[..])
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
    let Some(digests) = digests.get(&container.image) else { return true };
    match container.image_id.rfind("sha256:") {
        Some(at) => digests.contains(&container.image_id[at..]),
        None => false,
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
    let mut missing = Vec::new();
    if workload.updated < wanted {
        missing.push(format!(
            "{shown}: {} of {wanted} pods are of the present version",
            workload.updated
        ));
    }
    if workload.ready < wanted {
        missing.push(format!("{shown}: {} of {wanted} pods are ready", workload.ready));
    }
    let seen = i32::try_from(workload.pods.len()).unwrap_or(i32::MAX);
    if missing.is_empty() && seen < wanted {
        // What is not seen cannot be known to run the right image.
        missing.push(format!("{shown}: {seen} of {wanted} pods are seen"));
    }
    for pod in &workload.pods {
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
