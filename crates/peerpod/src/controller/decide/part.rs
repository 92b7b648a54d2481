//! The adaptor and the webhook: one of each in the controller's namespace, after the oldest config
//! that asks for it. When that one goes, the next takes over what is there.

mod adaptor;
mod webhook;

use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::Value;

use super::{Action, Config, Decision, Survey};
use crate::api::PeerPodConfigSpec;
use crate::controller::sighting::Kind;
use crate::controller::world::World;
use crate::options::Options;

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

    /// Plans a write where the object is not as it should be; whether it is.
    fn apply(&mut self, kind: Kind, manifest: Value) -> bool {
        let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
        let fits = self.world.is_applied(kind, &self.key(kind, name), &manifest);
        if !fits {
            self.decision.actions.push(Action::Apply { kind, manifest });
        }
        fits
    }

    /// Plans a deletion of what our field manager wrote; whether it is still there.
    fn delete(&mut self, kind: Kind, name: &str) -> bool {
        let Some(live) = self.live(kind, name).filter(|live| is_ours(live)) else { return false };
        let going = live.metadata.deletion_timestamp.is_some();
        if !going && self.survey.held_back_by().is_none() {
            let uid = live.uid().unwrap_or_default();
            self.decision.actions.push(Action::Delete { kind, uid });
        }
        true
    }
}

/// Whether our field manager wrote it.
fn is_ours(object: &DynamicObject) -> bool {
    let entries = object.metadata.managed_fields.iter().flatten();
    let mut managers = entries.filter_map(|entry| entry.manager.as_deref());
    managers.any(|manager| manager == crate::controller::FIELD_MANAGER)
}
