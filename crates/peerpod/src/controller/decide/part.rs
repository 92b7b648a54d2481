//! The adaptor and the webhook: one of each in the controller's namespace, after the oldest config
//! that asks for it. When that one goes, the next takes over what is there.

mod adaptor;
mod webhook;

use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Action, Config, Decision, Survey, Target};
use crate::api::PeerPodConfigSpec;
use crate::controller::sighting::Kind;
use crate::controller::sighting::record::is_ours;
use crate::controller::world::World;
use crate::options::Options;

/// Annotation of owned objects: the digest of what was applied.
const DIGEST: &str = "kubewright.io/applied-digest";

/// Sixteen digits are enough to tell what is applied next from what was.
fn digest(manifest: &Value) -> String {
    let digest = Sha256::digest(manifest.to_string().as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// How far a part is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Progress {
    /// As it should be.
    Ready,
    /// Not asked for.
    #[default]
    Off,
    /// Not yet, or not possible: a word and a sentence.
    Not(&'static str, String),
}

/// A part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) progress: Progress,
    /// The config that it is made after.
    pub(super) of: Option<String>,
    /// Something of it is still there and should not be.
    pub(super) left: bool,
}

/// Plans the writes of parts. While a config that had something cannot be read nothing is deleted.
pub(super) struct Keeper<'k, 'w> {
    pub(super) world: &'w World,
    pub(super) options: &'k Options,
    pub(super) survey: &'k Survey<'w>,
    pub(super) decision: &'k mut Decision,
}

impl<'k, 'w> Keeper<'k, 'w> {
    /// The config that a part is made after.
    fn source(&self, asks: impl Fn(&PeerPodConfigSpec) -> bool) -> Option<&'k Config<'w>> {
        let survey = self.survey;
        let live = survey.live().find(|config| asks(&config.config.spec));
        live.or_else(|| survey.retiring(self.world).filter(|config| asks(&config.config.spec)))
    }

    fn live(&self, kind: Kind, name: &str) -> Option<&'w DynamicObject> {
        self.world.owned.get(&(kind, self.key(kind, name)))
    }

    fn key(&self, kind: Kind, name: &str) -> String {
        match kind {
            Kind::Registrations => name.to_owned(),
            _ => format!("{}/{name}", self.options.namespace),
        }
    }

    /// Plans a write where the object is not as it should be; whether it is. What is to be there no
    /// more shows in nothing but the digest.
    fn apply(&mut self, kind: Kind, mut manifest: Value, held: bool) -> bool {
        manifest["metadata"]["annotations"][DIGEST] = json!(digest(&manifest));
        let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
        let fits = self.world.is_applied(kind, &self.key(kind, name), &manifest);
        // What a config that is not held yet owns could be left behind.
        if !fits && held {
            self.decision.actions.push(Action::Apply { kind, manifest });
        }
        fits
    }

    /// The first of these that could not be written, and what the API server said.
    fn refused(&self, targets: &[Target]) -> Option<Progress> {
        let why = |target: &Target| {
            let why = self.world.backoff.why(target)?;
            Some(match target {
                Target::Owned(_, name) => format!("{name} cannot be written: {why}"),
                _ => format!("its certificates cannot be stored: {why}"),
            })
        };
        targets.iter().find_map(why).map(|message| Progress::Not("Refused", message))
    }

    /// Plans a deletion of what our field manager wrote; whether it is still there.
    fn delete(&mut self, kind: Kind, name: &str) -> bool {
        let found = match kind {
            Kind::Secrets => {
                let ours = self.world.certificate(name).filter(|record| record.ours);
                ours.map(|record| (record.uid.clone(), record.going))
            }
            _ => {
                let ours = self.live(kind, name).filter(|live| is_ours(&live.metadata));
                ours.map(|live| {
                    (live.uid().unwrap_or_default(), live.metadata.deletion_timestamp.is_some())
                })
            }
        };
        let Some((uid, going)) = found else { return false };
        if !going && self.survey.held_back_by().is_none() {
            self.decision.actions.push(Action::Delete { kind, name: name.to_owned(), uid });
        }
        true
    }
}
