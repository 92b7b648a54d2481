//! Trying out what was rendered: applied to a cluster, watched, judged.
//!
//! ```text
//!  manifests ──▶ objects, in the order they need each other ──▶ server-side apply
//!                                                                    │
//!             verdict (pure) ◀── workloads and their pods ◀── observe┘
//!                 └─▶ TEST RESULT: passed | failed
//! ```
//!
//! The verdict looks at what Kubernetes says of generations, readiness and digests. Counting lines
//! that say `Running` passes pods that are not ready, and pods of the version before.

mod apply;
pub mod kind;
pub mod objects;
mod observe;
pub mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kube::Client;
use serde::Serialize;

use crate::image::{ImageError, Images};
use crate::process::Stop;
use verdict::{Patience, Verdict, Workload, verdict};

/// The field manager of everything that is applied.
pub const FIELD_MANAGER: &str = "kubewright-workspace";
/// How often the cluster is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a new CustomResourceDefinition may take until it is served, and a new namespace until it
/// has its ServiceAccount.
const ESTABLISH: Duration = Duration::from_secs(30);

/// Why nothing can be said of a deployment.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// A manifest holds no objects.
    #[error(transparent)]
    Objects(#[from] objects::ObjectsError),
    /// The cluster does not serve a kind.
    #[error("{object}: the cluster serves no {kind} of {api_version}")]
    Kind {
        /// The object.
        object: String,
        /// Its kind.
        kind: String,
        /// Its group and version.
        api_version: String,
    },
    /// The cluster refuses.
    #[error("cannot {verb} {object}")]
    Api {
        /// What was asked for.
        verb: &'static str,
        /// The object.
        object: String,
        /// The answer.
        #[source]
        source: Box<kube::Error>,
    },
    /// An image is not there.
    #[error(transparent)]
    Image(Box<ImageError>),
}

impl DeployError {
    /// Whether it may go better the next time: the cluster did not answer, or not well.
    fn may_pass(&self) -> bool {
        let Self::Api { source, .. } = self else { return false };
        match &**source {
            kube::Error::Api(status) => status.code >= 500 || status.code == 429,
            kube::Error::HyperError(_) | kube::Error::Service(_) => true,
            _ => false,
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

impl From<ImageError> for DeployError {
    fn from(error: ImageError) -> Self {
        Self::Image(Box::new(error))
    }
}

/// What a cluster can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Depth {
    /// It runs pods.
    Pods,
    /// It takes objects, but nothing runs them: what is said of them is that they were accepted.
    ObjectsOnly,
}

/// How it ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conclusion {
    /// Whether it is as wanted.
    pub passed: bool,
    /// How much was looked at.
    pub depth: Depth,
    /// Objects that were applied.
    pub applied: Vec<String>,
    /// Workloads that were judged.
    pub workloads: Vec<String>,
    /// What is wrong, where it failed.
    pub reasons: Vec<String>,
    /// Milliseconds that it took.
    pub milliseconds: u128,
}

/// The digests that an image may run as, by reference: a runtime names the index, the image of its
/// platform, or that one's configuration.
pub type Digests = BTreeMap<String, BTreeSet<String>>;

/// The digests of all images of a workspace, which must be made.
///
/// # Errors
/// When one is not there.
pub fn digests(images: &Images<'_>) -> Result<Digests, DeployError> {
    let mut digests = Digests::new();
    for (name, image) in images.all() {
        let index = images.index(name, image)?;
        let layout = images.layout();
        let closure = layout.closure(&index.descriptor).map_err(ImageError::from)?;
        let mut all = BTreeSet::from([index.digest.clone()]);
        for part in closure {
            if let Ok(manifest) = layout.manifest(&part) {
                all.insert(part.digest.to_string());
                all.insert(manifest.config.digest.to_string());
            }
        }
        let untagged = index.reference.rsplit_once(':').map_or(&index.reference[..], |(n, _)| n);
        digests.insert(format!("{untagged}@{}", index.digest), all.clone());
        digests.insert(index.reference, all);
    }
    Ok(digests)
}

/// What to deploy, and how long to wait.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the cluster can do.
    pub depth: Depth,
    /// How long workloads may take.
    pub timeout: Duration,
    /// Let the API server say whether it would take it, and change nothing.
    pub dry_run: bool,
}

/// Applies manifests and watches what becomes of them; `say` hears what is waited for, once for
/// each change of it.
///
/// # Errors
/// When the cluster cannot be spoken to, or refuses an object. That workloads fail is a conclusion.
pub async fn deploy(
    client: &Client,
    texts: &[String],
    digests: &Digests,
    options: &Options,
    stop: &Stop,
    mut say: impl FnMut(&str),
) -> Result<Conclusion, DeployError> {
    let begin = Instant::now();
    let objects = objects::parse(texts)?;
    let applied = apply::apply(client, &objects, options.dry_run).await?;
    let mut conclusion = Conclusion {
        passed: true,
        depth: options.depth,
        applied: applied.iter().map(|applied| applied.shown.clone()).collect(),
        workloads: Vec::new(),
        reasons: Vec::new(),
        milliseconds: 0,
    };
    if options.depth == Depth::Pods && !options.dry_run {
        let mut said = Vec::new();
        loop {
            let patience = match (stop.stopped(), begin.elapsed() >= options.timeout) {
                (true, _) => Patience::Interrupted,
                (false, true) => Patience::Over,
                (false, false) => Patience::Left,
            };
            let workloads = match observe::workloads(client, &applied).await {
                Ok(workloads) => workloads,
                // What is tried out may be the network that leads to the API server.
                Err(error) if patience == Patience::Left && error.may_pass() => {
                    let reason = chain(&error);
                    if said != [reason.clone()] {
                        say(&reason);
                        said = vec![reason];
                    }
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            conclusion.workloads = workloads.iter().map(Workload::shown).collect();
            match verdict(&workloads, digests, patience) {
                Verdict::Passed => break,
                Verdict::Failed(reasons) => {
                    (conclusion.passed, conclusion.reasons) = (false, reasons);
                    break;
                }
                Verdict::Waiting(reasons) => {
                    if reasons != said {
                        reasons.iter().for_each(|reason| say(reason));
                        said = reasons;
                    }
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    conclusion.milliseconds = begin.elapsed().as_millis();
    Ok(conclusion)
}
