//! The webhook: its certificates, what serves it, and its registration.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kube::core::DynamicObject;

use super::{Keeper, Part, Progress};
use crate::controller::decide::{Action, Config, Target};
use crate::controller::sighting::Kind;
use crate::mutation::Settings;
use crate::objects::webhook::{self, Address};
use crate::options::{Options, WebhookMode};
use crate::webhook::rotation::{Stored, next_step};

impl<'w> Keeper<'_, 'w> {
    /// Plans the webhook.
    pub(in crate::controller::decide) fn webhook(
        &mut self,
        address: Option<&Address>,
        now: Timestamp,
    ) -> Part {
        let Some(config) = self.source(|spec| spec.webhook.enabled) else {
            return Part { progress: Progress::Off, of: None, left: self.remove_webhook() };
        };
        let progress = match address {
            Some(address) => self.serve(config, address, now),
            None => {
                let message = "no image is known to run the webhook with; set KUBEWRIGHT_IMAGE for the controller";
                Progress::Not("NoImage", message.to_owned())
            }
        };
        Part { progress, of: Some(config.key.clone()), left: false }
    }

    fn serve(&mut self, config: &Config<'w>, address: &Address, now: Timestamp) -> Progress {
        let (options, spec) = (self.options, &config.config.spec);
        let settings = Settings {
            runtime_class: spec.webhook.runtime_class_name.clone(),
            resource: options.resource.clone(),
            instance_type: spec.instance_type.clone().filter(|text| !text.is_empty()),
        };
        let held = config.is_held();
        let stored = self.certificates(address, held, now);
        let owner = config.owner(&options.namespace);
        let mut fits = true;
        if let WebhookMode::Deployed { image } = &options.webhook {
            let namespace = &options.namespace;
            let replicas = spec.webhook.replicas;
            let deployment =
                webhook::deployment(&settings, replicas, image, namespace, owner.as_ref());
            fits &= self.apply(Kind::Services, webhook::service(namespace, owner.as_ref()), held);
            fits &= self.apply(Kind::Deployments, deployment, held);
        }
        self.decision.webhook = Some(settings);
        let bundle = stored.bundle();
        if bundle.is_empty() || stored.serving.is_none() {
            let making = || Progress::Not("Pending", "its certificate is being made".to_owned());
            return self.refused(&[Target::Certificates]).unwrap_or_else(making);
        }
        let bundle = STANDARD.encode(bundle);
        let registration = webhook::configuration(&spec.webhook, address, &bundle);
        fits &= self.apply(Kind::Registrations, registration, held);
        if !fits {
            let writing = || Progress::Not("Applying", "its objects are being written".to_owned());
            return self.refused(&OBJECTS.map(owned)).unwrap_or_else(writing);
        }
        if matches!(options.webhook, WebhookMode::Deployed { .. }) {
            let live = self.live(Kind::Deployments, webhook::NAME);
            let available = live.and_then(|live| live.data["status"]["availableReplicas"].as_u64());
            if available.unwrap_or(0) == 0 {
                let message = "no replica of the webhook is available; pods of its runtime class are refused until one is";
                return Progress::Not("Unavailable", message.to_owned());
            }
        }
        Progress::Ready
    }

    /// Plans the next step of the certificates; those there are now.
    fn certificates(&mut self, address: &Address, held: bool, now: Timestamp) -> Stored {
        let registered = self.live(Kind::Registrations, webhook::NAME).and_then(trusted);
        let (stored, problems) = self.world.stored_certificates();
        for problem in problems {
            tracing::warn!(%problem, "a certificate of the webhook is made anew");
        }
        let (names, lifetimes) = (address.names(), self.options.lifetimes);
        let step = next_step(&stored, registered.as_deref(), &names, now, lifetimes);
        if let Some(step) = step.filter(|_| held) {
            self.decision.actions.push(Action::Certificates(step));
        }
        // Looks again before anything runs out, whatever happens in between.
        let due = [&stored.current, &stored.serving].into_iter().flatten().map(|pair| pair.due());
        for at in due.chain(settled(&stored, self.options)).filter(|at| *at > now) {
            self.decision.look_again(at);
        }
        stored
    }

    /// Whether something of the webhook is left. The registration goes before what answers it, and
    /// the certificates last: another config has new ones made, which its registration trusts from
    /// the start.
    fn remove_webhook(&mut self) -> bool {
        if self.delete(Kind::Registrations, webhook::NAME) {
            return true;
        }
        let service = self.delete(Kind::Services, webhook::NAME);
        if self.delete(Kind::Deployments, webhook::NAME) || service {
            return true;
        }
        // Nothing waits for them: they can still go when their config is gone.
        for name in [webhook::SECRET, webhook::AUTHORITIES] {
            self.delete(Kind::Secrets, name);
        }
        false
    }
}

/// What is applied of it.
const OBJECTS: [Kind; 3] = [Kind::Services, Kind::Deployments, Kind::Registrations];

fn owned(kind: Kind) -> Target {
    Target::Owned(kind, webhook::NAME.to_owned())
}

/// When the previous authority may be forgotten.
fn settled(stored: &Stored, options: &Options) -> Option<Timestamp> {
    let serving = stored.serving.as_ref().filter(|_| stored.previous.is_some())?;
    let overlap = jiff::SignedDuration::try_from(options.lifetimes.overlap).ok()?;
    serving.facts.from.checked_add(overlap).ok()
}

/// The authorities that a registration trusts, PEM.
fn trusted(registration: &DynamicObject) -> Option<String> {
    let bundle = registration.data["webhooks"][0]["clientConfig"]["caBundle"].as_str()?;
    let pem = STANDARD.decode(bundle).ok()?;
    String::from_utf8(pem).ok()
}
