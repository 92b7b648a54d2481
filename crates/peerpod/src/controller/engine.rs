//! The loop: what is seen, a pause, a decision, writes.

use jiff::Timestamp;
use kubewright_operator::controller::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::ControllerError;
use super::decide::{Action, Decision, decide};
use super::execute::Executor;
use super::tell::Teller;
use super::watch;
use super::world::World;
use crate::events;
use crate::metrics::PeerPodMetrics;
use crate::mutation::Settings;
use crate::objects::webhook::Address;
use crate::options::{Options, WebhookMode};
use crate::webhook::certificate::Certificate;
use crate::webhook::server::{Server, SharedSettings};
use crate::webhook::tls::Serving;

/// One run of the controller.
pub(super) struct Engine<'o> {
    context: Context,
    executor: Executor<'o>,
    options: &'o Options,
    address: Option<Address>,
    local: Option<LocalWebhook>,
    metrics: PeerPodMetrics,
    world: World,
    teller: Teller,
}

/// A webhook that is served by this process; it ends with this value.
struct LocalWebhook {
    serving: Serving,
    /// The certificate that is served, PEM; none that anybody trusts at first.
    certificate: String,
    settings: SharedSettings,
    _task: JoinSet<()>,
}

impl LocalWebhook {
    async fn start(
        options: &Options,
        listen: std::net::SocketAddr,
        context: &Context,
        metrics: &PeerPodMetrics,
    ) -> Result<(Self, Address), ControllerError> {
        let now = Timestamp::now();
        let authority = Certificate::authority(now, options.lifetimes)?;
        let first = authority.sign(&[listen.ip().to_string()], now, options.lifetimes)?;
        let serving = Serving::new(first.certificate.as_bytes(), first.key().as_bytes())?;
        let settings = Settings { resource: options.resource.clone(), ..Settings::default() };
        let settings = SharedSettings::new(settings);
        let counts = metrics.webhook.clone();
        let server = Server::bind(listen, serving.clone(), settings.clone(), counts).await?;
        let base = format!("https://{}", server.address());
        let mut task = JoinSet::new();
        let shutdown = context.shutdown.clone();
        task.spawn(async move {
            if let Err(error) = server.run(shutdown).await {
                tracing::error!(%error, "the webhook of this process ended");
            }
        });
        let local = Self { serving, certificate: first.certificate, settings, _task: task };
        Ok((local, Address::Url { base }))
    }

    /// Serves what is stored: it may have been made by an earlier run, or by hand.
    fn follow(&mut self, world: &World, settings: Option<Settings>) {
        if let Some(settings) = settings {
            self.settings.exchange(settings);
        }
        let Some(pair) = world.stored_certificates().0.serving else { return };
        if pair.certificate == self.certificate {
            return;
        }
        match self.serving.exchange(pair.certificate.as_bytes(), pair.key().as_bytes()) {
            Ok(()) => self.certificate = pair.certificate,
            Err(error) => tracing::error!(%error, "the webhook cannot serve its certificate"),
        }
    }
}

impl<'o> Engine<'o> {
    pub(super) async fn start(
        mut context: Context,
        options: &'o Options,
        metrics: PeerPodMetrics,
    ) -> Result<Self, ControllerError> {
        context.events = context.events.listed(events::CATALOGUE);
        let (local, address) = match options.webhook {
            WebhookMode::Off => (None, None),
            WebhookMode::Deployed { .. } => {
                (None, Some(Address::Service { namespace: options.namespace.clone() }))
            }
            WebhookMode::InProcess { listen } => {
                let (local, address) =
                    LocalWebhook::start(options, listen, &context, &metrics).await?;
                (Some(local), Some(address))
            }
        };
        let names = address.as_ref().map(Address::names).unwrap_or_default();
        let executor =
            Executor { client: context.client.clone(), options, names, metrics: metrics.clone() };
        let (world, teller) = (World::default(), Teller::default());
        Ok(Self { context, executor, options, address, local, metrics, world, teller })
    }

    pub(super) async fn run(mut self) {
        let (sender, mut sightings) = mpsc::channel(1024);
        let (client, options) = (&self.context.client, self.options);
        let _watches = watch::start(client, &options.namespace, &options.resource, &sender);
        drop(sender);
        self.context.ready.not_ready("reading the cluster");
        let mut due: Option<Instant> = None;
        loop {
            tokio::select! {
                () = self.context.shutdown.triggered() => return,
                sighting = sightings.recv() => {
                    let Some(sighting) = sighting else { return };
                    let mut changed = self.world.take(sighting);
                    while let Ok(sighting) = sightings.try_recv() {
                        changed |= self.world.take(sighting);
                    }
                    self.say_readiness();
                    if changed {
                        // The first change after a pause starts the clock: a stream of changes
                        // cannot put the decision off for ever.
                        let soon = Instant::now() + options.debounce;
                        due = Some(due.map_or(soon, |due| due.min(soon)));
                    }
                }
                () = until(due) => due = self.look().await,
            }
        }
    }

    fn say_readiness(&self) {
        if self.world.is_whole() {
            self.context.ready.ready();
            return;
        }
        let unseen: Vec<String> = self.world.unseen().map(|kind| format!("{kind:?}")).collect();
        let trouble = self.world.unseen().find_map(|kind| self.world.troubles.get(&kind));
        let trouble = trouble.map(|why| format!(": {why}")).unwrap_or_default();
        self.context.ready.not_ready(format!("not read yet: {}{trouble}", unseen.join(", ")));
    }

    fn decide(&mut self) -> Decision {
        let now = Timestamp::now();
        let mut decision = decide(&self.world, self.options, self.address.as_ref(), now);
        self.world.obstacles = std::mem::take(&mut decision.obstacles);
        self.metrics.tally(&decision.tally);
        if let Some(local) = &mut self.local {
            local.follow(&self.world, decision.webhook.take());
        }
        decision
    }

    /// Looks at the whole world and writes what is not as it should be. Returns when to look again.
    async fn look(&mut self) -> Option<Instant> {
        if !self.world.is_whole() {
            return None;
        }
        let started = Instant::now();
        self.teller.remember(&self.world);
        let mut tried = Tried::default();
        let mut decision = self.decide();
        // A config is held first. The rest is decided, or decided anew, when that is done: what is
        // said is what came of it, not what was about to be.
        for now in [is_hold, is_write] {
            let actions: Vec<_> = decision.actions.iter().filter(|a| now(a)).cloned().collect();
            if !actions.is_empty() {
                self.attempt(actions, &mut tried).await;
                decision = self.decide();
            }
        }
        let statuses = decision.actions.iter().filter(|action| !is_write(action));
        self.attempt(statuses.cloned().collect(), &mut tried).await;
        self.world.backoff.keep_only(&decision.actions);
        self.teller.tell(&self.world, &decision.tally.orphans, &self.context.events).await;
        let result = if tried.failed == 0 { Ok(()) } else { Err(()) };
        self.context.metrics.reconciled(started.elapsed(), &result);
        // The answers may ask for more, such as the next step of a rotation.
        let more = (tried.done > 0).then(|| Instant::now() + self.options.debounce);
        let again = decision
            .again
            .map(|at| Instant::now() + at.duration_since(Timestamp::now()).unsigned_abs());
        more.into_iter().chain(self.world.backoff.next()).chain(again).min()
    }

    /// Carries out those actions that are not waiting after a failure.
    async fn attempt(&mut self, actions: Vec<Action>, tried: &mut Tried) {
        let actions = self.world.backoff.due(actions, Instant::now());
        for action in &actions {
            tracing::debug!(?action, "writing");
        }
        let count = actions.len();
        let failed = self.executor.carry_out(actions, &mut self.world).await;
        tried.failed += failed;
        tried.done += count - failed;
    }
}

/// What became of the writes of a look.
#[derive(Default)]
struct Tried {
    done: usize,
    failed: usize,
}

fn is_hold(action: &Action) -> bool {
    matches!(action, Action::AddFinalizer { .. })
}

fn is_write(action: &Action) -> bool {
    !matches!(action, Action::Status { .. })
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
