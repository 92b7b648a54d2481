//! The engine that drives the real kubeadm.
//!
//! ```text
//!                   ┌───────────────── journal: each step once, resumed when killed ─────────────────┐
//! init   checks ▶ machine ▶ images ▶ preflight ▶ certs ▶ … ▶ kubelet-start ▶ … ▶ tokens ▶ add-ons ▶ done
//! join   checks ▶ machine ▶ images ▶ preflight ▶ [lock ▶ control plane …] ▶ kubelet-start ▶ … ▶ done
//! ```
//!
//! - kubeadm does what it does, one phase after the other in its own order ([`phase`]). What it
//!   would do too early, too late or too generously is a step of ours.
//! - Killed anywhere, the next run goes on at the step that was begun. A finished run again reads
//!   the journal and nothing else.
//! - A step that fails takes back what was done while that is safe, which it is until a kubelet has
//!   started ([`undo`]); from then on it says what is left and what to do.
//! - Secrets are in files of mode 0600 below the state folder while they are needed, never in
//!   arguments; what kubeadm prints is repeated without them.

mod bootstrap;
mod context;
pub mod document;
mod error;
pub mod lock;
mod member;
pub mod phase;
mod purpose;
mod reach;
mod secret;
mod undo;
pub mod version;
mod wait;

use std::time::Duration;

use kube::Client;
use serde::Serialize;

use crate::addon::{self, AddonState, Extras};
use crate::config::{NodeConfiguration, Secret};
use crate::file::FileError;
use crate::host::Host;
use crate::journal::{Journal, Observer, StepError};
use crate::machine;
use crate::preflight::{self, CheckResult};

pub use bootstrap::BootstrapError;
use context::Context;
pub use context::ContextError;
pub(crate) use document::issuer;
pub use error::{EngineError, WorkError};
pub use lock::LockError;
pub use purpose::Purpose;
pub use wait::WaitError;

/// The first step of all; a journal with it is one of this engine.
pub(crate) const CHECKS: &str = "checks";
/// Written by kubeadm, and by nobody else, when it starts a kubelet.
pub(crate) const KUBELET_FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The API server, from its start on.
    pub api_server: Duration,
    /// The kubelet, to make its Node.
    pub node: Duration,
    /// Each add-on, to be ready.
    pub addon: Duration,
    /// Other machines, to become control-plane nodes.
    pub lock: Duration,
    /// Joining: the cluster, to be found, and then whoever decides, to accept this machine. Without
    /// it as long as kubeadm waits itself, or an hour where someone has to accept.
    pub joining: Option<Duration>,
}

impl Default for Patience {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            api_server: minutes(4),
            node: minutes(4),
            addon: minutes(5),
            lock: minutes(15),
            joining: None,
        }
    }
}

/// What `init` or `join` did.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether anything was done.
    pub changed: bool,
    /// Name of the Node.
    pub node: String,
    /// What is to be known about the machine.
    pub warnings: Vec<CheckResult>,
    /// How the add-ons are; while one is not ready, the machine is not done, and running it again
    /// looks again.
    pub addons: Vec<AddonState>,
    /// How other machines join, until [`shown`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
}

impl Report {
    /// Whether everything is as it is to be.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.addons.iter().all(|addon| addon.ready)
    }
}

/// What another machine needs to join.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// Where the API server is.
    pub seeder: String,
    /// Pin of the cluster's authority.
    pub ca_crt_hash: String,
    /// The token; it shows itself only when asked.
    pub token: Secret,
    /// File with the key of the control-plane certificates, where they were uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_key_file: Option<std::path::PathBuf>,
}

/// What is asked of the engine.
pub struct Request<'a> {
    /// The machine.
    pub host: &'a Host,
    /// Whether it becomes the first of a cluster, or one more.
    pub purpose: Purpose,
    /// What it is to become.
    pub configuration: &'a NodeConfiguration,
    /// Add-ons that the program brings along.
    pub extras: &'a Extras,
    /// How long things may take.
    pub patience: Patience,
    /// Hears of each step.
    pub observer: Option<Observer>,
    /// Hears at once of what is to be known, also when the machine is not done in the end.
    pub herald: Option<Herald>,
}

/// Something that is to be known, as soon as it is.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// About the machine.
    Warning(&'a CheckResult),
    /// How an add-on is.
    Addon(&'a AddonState),
}

/// Hears of it.
pub type Herald = Box<dyn Fn(News<'_>) + Send + Sync>;

impl Request<'_> {
    fn tell(&self, news: News<'_>) {
        if let Some(herald) = &self.herald {
            herald(news);
        }
    }

    fn warn(&self, report: &mut Report, found: impl IntoIterator<Item = CheckResult>) {
        for warning in found {
            self.tell(News::Warning(&warning));
            report.warnings.push(warning);
        }
    }
}

/// Whether this machine has a kubeadm, so that this engine can be used.
#[must_use]
pub fn is_installed(host: &Host, configuration: &NodeConfiguration) -> bool {
    context::program(host, configuration).is_some()
}

/// The names of the steps that would be done, in order; nothing is changed.
///
/// # Errors
/// [`EngineError`] when kubeadm or the configuration cannot be used.
pub async fn plan(
    host: &Host,
    configuration: &NodeConfiguration,
    purpose: Purpose,
) -> Result<Vec<String>, EngineError> {
    let context = Context::look(host, configuration, purpose).await?;
    if purpose == Purpose::Join {
        context.admission()?;
    }
    let mut names = vec![CHECKS.to_owned(), "machine".to_owned()];
    names.extend(context.archives()?.iter().map(|archive| context::image_step(archive)));
    names.extend(context.steps.iter().map(|step| step.name.clone()));
    if purpose == Purpose::Init {
        let network = &configuration.network;
        let driver = serde_json::to_value(network.cni.driver).unwrap_or_default();
        let driver = driver.as_str().unwrap_or_default().to_owned();
        names.extend((driver != "none").then(|| format!("addon-{driver}")));
        let multiple = serde_json::to_value(network.multiple_cni).unwrap_or_default();
        let multiple = multiple.as_str().unwrap_or_default().to_owned();
        names.extend((multiple != "none").then(|| format!("addon-{multiple}")));
        let more = [
            (configuration.addons.dex.enabled, "addon-dex"),
            (!configuration.manager.image.is_empty(), "addon-manager"),
            (!configuration.addons.manifests.is_empty(), "addon-manifests"),
        ];
        names.extend(more.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.to_owned()));
    }
    Ok(names)
}

/// Makes this machine the first of a new cluster, or one more of an existing one, as its
/// configuration says.
///
/// # Errors
/// [`EngineError`]. Doing it again goes on at the step that failed.
pub async fn run(mut request: Request<'_>) -> Result<Report, EngineError> {
    let purpose = request.purpose;
    let state = request.host.path(&request.configuration.paths.state);
    let fingerprint = purpose.fingerprint(request.configuration);
    let mut journal = Journal::open(&state, purpose.name(), &fingerprint)?;
    if journal.is_finished() {
        // Killed right after it had finished, there may be something left.
        context::tidy(purpose, &state)?;
        let invitation = context::unshown(request.host, request.configuration);
        let mut report = Report { invitation, ..Report::default() };
        request.warn(&mut report, kept(&journal));
        return Ok(report);
    }
    if crate::journal::is_finished(&state, purpose.other().name()) {
        return Err(EngineError::Other { other: purpose.other().name() });
    }
    if let Some(observer) = request.observer.take() {
        journal.observe(observer);
    }
    // A kubeadm that outlives us is not to meet that of the next run.
    let host = request.host.holding(journal.lock()?);
    let request = Request { host: &host, ..request };
    let mut context = Context::look(request.host, request.configuration, purpose).await?;
    context.joining = request.patience.joining.unwrap_or_else(|| context.usual_patience());
    let mut report = Report { changed: true, node: context.name.clone(), ..Report::default() };
    let started = host.path(KUBELET_FLAGS).exists();
    // Before anything that joining takes is asked for: a machine that has joined needs none of it.
    let is_worker = match journal.is_blank() && started {
        true => context.is_worker().await?,
        false => false,
    };
    request.warn(&mut report, lost(&journal, started, is_worker));
    if is_worker {
        let settled = context.settle(request.patience.node).await;
        settled.map_err(|source| EngineError::Unsettled(Box::new(source)))?;
        journal.adopt(CHECKS, &fingerprint)?;
        context::tidy(purpose, &state)?;
        return Ok(Report { changed: false, ..report });
    }
    context.prepare()?;
    request.warn(&mut report, context.impatience());
    let worked = work(&request, &context, &mut journal, &mut report).await;
    if let Err(failed) = worked {
        return Err(undo::after(&request, &context, &mut journal, failed).await);
    }
    if purpose == Purpose::Init {
        report.invitation = context.invitation();
    }
    if report.is_done() {
        journal.finish()?;
        context::tidy(purpose, &state)?;
    }
    Ok(report)
}

/// What is to be known of a journal that was lost.
fn lost(journal: &Journal, started: bool, is_worker: bool) -> Option<CheckResult> {
    let (message, look) = match journal.set_aside() {
        Some(aside) => {
            let message = format!("could not be read and is now {}", aside.display());
            (message, "look at the file, and at the disk")
        }
        None if journal.is_blank() && started => (
            "is not there, though kubeadm has started a kubelet here".to_owned(),
            "look at the disk",
        ),
        None => return None,
    };
    let then = match is_worker {
        true => "this node is in its cluster",
        false => "what can be told without it is kept, and every step is done again",
    };
    Some(CheckResult::warning("journal", message, format!("{then}; {look}")))
}

/// What a finished machine was made with and nobody asks for any more.
fn kept(journal: &Journal) -> Option<CheckResult> {
    let keys = journal.kept();
    (!keys.is_empty()).then(|| {
        let message = format!("this machine was made with another {}", keys.join(", "));
        let fix = "it stays as it is, since nothing else was asked for; `kubewright node reset` makes it free";
        CheckResult::warning("configuration", message, fix)
    })
}

/// The invitation of a machine that is done has been shown: the token that was made for it stands
/// nowhere on the machine any more. Until then each run shows it again.
///
/// # Errors
/// [`FileError`] when it cannot be removed.
pub fn shown(host: &Host, configuration: &NodeConfiguration) -> Result<(), FileError> {
    let state = host.path(&configuration.paths.state);
    // One that is not done goes on with the token that it has.
    match crate::journal::is_finished(&state, Purpose::Init.name()) {
        true => secret::forget_token(&state),
        false => Ok(()),
    }
}

type Failed = StepError<WorkError>;

async fn work(
    request: &Request<'_>,
    context: &Context<'_>,
    journal: &mut Journal,
    report: &mut Report,
) -> Result<(), Failed> {
    let (host, configuration) = (request.host, request.configuration);
    journal
        .run(CHECKS, async || {
            let facts = preflight::of_machine(host, configuration).await;
            let found = preflight::check(configuration, &facts);
            request.warn(report, found.warnings().cloned());
            if !found.is_fine() {
                return Err(WorkError::Preflight(found));
            }
            context.validate().await
        })
        .await?;
    journal
        .run("machine", async || {
            machine::prepare(host, &context.state, configuration, &context.reach.direct).await?;
            Ok::<_, WorkError>(())
        })
        .await?;
    let archives = context.archives().map_err(|source| StepError::Failed {
        step: "images".to_owned(),
        source: WorkError::Context(source),
    })?;
    for archive in archives {
        journal
            .run(&context::image_step(&archive), async || {
                host.run(&machine::import(configuration, &archive)).await?;
                Ok::<_, WorkError>(())
            })
            .await?;
    }
    phases(request, context, journal, report).await?;
    if context.purpose == Purpose::Init {
        install(request, context, journal, report).await?;
    }
    Ok(())
}

async fn phases(
    request: &Request<'_>,
    context: &Context<'_>,
    journal: &mut Journal,
    report: &mut Report,
) -> Result<(), Failed> {
    let mut lock = None;
    let done = one_by_one(request, context, journal, report, &mut lock).await;
    // Also when it failed: other machines need not wait for this one to be mended.
    if let Some(lock) = lock
        && let Err(error) = lock.release().await
    {
        tracing::warn!(%error, "the lock of control-plane nodes is left to expire");
    }
    done
}

async fn one_by_one(
    request: &Request<'_>,
    context: &Context<'_>,
    journal: &mut Journal,
    report: &mut Report,
    lock: &mut Option<lock::Lock>,
) -> Result<(), Failed> {
    for step in &context.steps {
        if phase::changes_members(&step.name) && !journal.is_done(&step.name) && lock.is_none() {
            let taken = async {
                let client = context.client().await?;
                Ok(lock::Lock::take(&client, &context.name, request.patience.lock).await?)
            };
            let failed = |source| StepError::Failed { step: step.name.clone(), source };
            *lock = Some(taken.await.map_err(failed)?);
        }
        let resumed = journal.progress(&step.name).is_some();
        journal
            .run(&step.name, async || {
                context.undoable(&step.name)?;
                match &step.work {
                    // kubeadm refuses a machine whose Node is ready; then this has happened, but
                    // perhaps for its end.
                    phase::Work::Kubeadm(_) if resumed && context.has_joined(&step.name) => {
                        context.settle(request.patience.node).await?;
                    }
                    phase::Work::Kubeadm(calls) => {
                        for call in calls {
                            request.warn(report, context.call(call).await?);
                        }
                    }
                    phase::Work::ApiServer => {
                        let client = context.client().await?;
                        wait::for_api_server(&client, request.patience.api_server).await?;
                    }
                    phase::Work::Node => {
                        let client = context.client().await?;
                        wait::for_node(&client, &context.name, request.patience.node).await?;
                    }
                    phase::Work::Tokens => context.tokens().await?,
                }
                Ok::<_, WorkError>(())
            })
            .await?;
    }
    Ok(())
}

async fn install(
    request: &Request<'_>,
    context: &Context<'_>,
    journal: &mut Journal,
    report: &mut Report,
) -> Result<(), Failed> {
    let failed = |source| StepError::Failed { step: "addons".to_owned(), source };
    let addons = addon::wanted(request.host, request.configuration, request.extras);
    let addons = addons.map_err(|error| failed(error.into()))?;
    if addons.is_empty() {
        return Ok(());
    }
    let client: Client = context.client().await.map_err(|error| failed(error.into()))?;
    for addon in &addons {
        journal
            .run(&format!("addon-{}", addon.name), async || {
                addon::apply(&client, &addon.objects).await?;
                Ok::<_, WorkError>(())
            })
            .await?;
    }
    for addon in &addons {
        let state = addon::state(&client, addon, request.patience.addon).await;
        request.tell(News::Addon(&state));
        report.addons.push(state);
    }
    Ok(())
}
