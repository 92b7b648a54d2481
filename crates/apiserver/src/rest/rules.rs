//! One face for the rules of built-in and custom resources.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::Identity;
use crate::builtin::workloads::autoscaler;
use crate::builtin::{Part, Requester, event};
use crate::field;
use crate::names;
use crate::patch::apply::{Set, reset};
use crate::resource::{Resource, Rules};

impl Resource {
    pub(crate) fn default(&self, object: &mut Value) {
        match &self.rules {
            Rules::Builtin { strategy, .. } => self.edit(object, |it| strategy.default(it)),
            Rules::Custom { version, .. } => version.schema.default(object),
        }
    }

    pub(crate) fn prepare_create(&self, object: &mut Value) {
        match &self.rules {
            Rules::Builtin { strategy, .. } => self.edit(object, |it| {
                strategy.prepare_create(it);
                strategy.stamp(Part::Main, it, None, Timestamp::now());
            }),
            Rules::Custom { version, .. } => version.prepare_create(object),
        }
    }

    /// Writes who asks for an object into it, where the kind keeps that.
    pub(crate) fn set_requester(&self, object: &mut Value, identity: &Identity) {
        if let Rules::Builtin { strategy, .. } = &self.rules {
            let requester = Requester {
                username: &identity.user,
                uid: &identity.uid,
                groups: &identity.groups,
                extra: &json!(identity.extra),
            };
            strategy.set_requester(object, &requester);
        }
    }

    pub(crate) fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match &self.rules {
            Rules::Builtin { strategy, .. } => {
                let stored = self.to_rules(stored);
                self.edit(object, |it| {
                    strategy.prepare_update(part, it, &stored);
                    strategy.stamp(part, it, Some(&stored), Timestamp::now());
                });
            }
            Rules::Custom { version, .. } => version.prepare_update(part, object, stored),
        }
    }

    /// Findings on a new object; `metadata` are those on its metadata.
    pub(crate) fn validate_create(&self, object: &Value, metadata: field::Errors) -> field::Errors {
        match &self.rules {
            Rules::Builtin { strategy, .. } => {
                let mut errors = metadata;
                errors.extend(strategy.validate_create(&self.to_rules(object)));
                errors
            }
            Rules::Custom { version, .. } => version.validate(Part::Main, object, None, metadata),
        }
    }

    /// Findings on the next state of an object; `metadata` are those on its metadata.
    pub(crate) fn validate_update(
        &self,
        part: Part<'_>,
        object: &Value,
        stored: &Value,
        metadata: field::Errors,
    ) -> field::Errors {
        match &self.rules {
            Rules::Builtin { strategy, .. } => {
                let (new, old) = (self.to_rules(object), self.to_rules(stored));
                let mut errors = metadata;
                errors.extend(strategy.validate_update(part, &new, &old));
                errors
            }
            Rules::Custom { version, .. } => version.validate(part, object, Some(stored), metadata),
        }
    }

    pub(crate) fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        match &self.rules {
            Rules::Builtin { strategy, .. } => strategy.validate_name(name, prefix),
            Rules::Custom { .. } => names::object_subdomain(name, prefix),
        }
    }

    pub(crate) fn allow_create_on_update(&self) -> bool {
        match &self.rules {
            Rules::Builtin { strategy, .. } => strategy.allow_create_on_update(),
            Rules::Custom { .. } => false,
        }
    }

    pub(crate) fn allow_unconditional_update(&self) -> bool {
        match &self.rules {
            Rules::Builtin { strategy, .. } => strategy.allow_unconditional_update(),
            Rules::Custom { .. } => false,
        }
    }

    pub(crate) fn delete_returns_object(&self) -> bool {
        match &self.rules {
            Rules::Builtin { strategy, .. } => strategy.delete_returns_object(),
            Rules::Custom { .. } => false,
        }
    }

    pub(crate) fn grace_period(&self, object: &Value, requested: Option<i64>) -> Option<i64> {
        match &self.rules {
            Rules::Builtin { strategy, .. } => strategy.grace_period(object, requested),
            Rules::Custom { .. } => None,
        }
    }

    pub(crate) fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        match &self.rules {
            Rules::Builtin { strategy, .. } => strategy.selectable_fields(&self.to_rules(object)),
            Rules::Custom { .. } => Vec::new(),
        }
    }

    /// Sent with every answer of a deprecated version of a custom resource.
    pub(crate) fn deprecation(&self) -> &[String] {
        match &self.rules {
            Rules::Builtin { .. } => &[],
            Rules::Custom { version, .. } => version.deprecation_warning.as_slice(),
        }
    }

    pub(crate) fn warnings(&self, object: &Value) -> Vec<String> {
        match &self.rules {
            Rules::Builtin { strategy, .. } => strategy.warnings(object),
            Rules::Custom { .. } => Vec::new(),
        }
    }

    /// Fields that a write to a subresource ("" for none) throws away, and so cannot own.
    pub(crate) fn reset_fields(&self, subresource: &str) -> Set {
        match &self.rules {
            Rules::Builtin { .. } => reset::built_in(&self.group, &self.kind, subresource),
            Rules::Custom { version, .. } => {
                reset::custom(version.subresources.status, subresource)
            }
        }
    }

    /// Whether objects are stored in another form than the one that this version shows.
    pub(crate) fn converts(&self) -> bool {
        self.is_event() || self.is_old_autoscaler()
    }

    /// Events of both groups are the same objects, stored as those of the core group.
    fn is_event(&self) -> bool {
        self.group == "events.k8s.io"
    }

    /// Autoscalers are stored as `v2`.
    fn is_old_autoscaler(&self) -> bool {
        self.group == "autoscaling" && self.version == "v1" && self.is_builtin()
    }

    /// From the stored form to the one that this version shows.
    pub(crate) fn to_served(&self, mut object: Value) -> Value {
        if self.is_event() {
            return event::from_core(&object);
        }
        if self.is_old_autoscaler() {
            object["apiVersion"] = json!("autoscaling/v2");
            return autoscaler::convert(&object, "v1");
        }
        object
    }

    /// From the form that this version shows to the stored one.
    pub(crate) fn to_stored<'a>(&self, object: &'a Value) -> Cow<'a, Value> {
        if self.is_old_autoscaler() {
            return Cow::Owned(autoscaler::convert(object, "v2"));
        }
        self.to_rules(object)
    }

    /// To the form that the rules of the kind know: those of autoscalers know both versions.
    fn to_rules<'a>(&self, object: &'a Value) -> Cow<'a, Value> {
        if self.is_event() { Cow::Owned(event::to_core(object)) } else { Cow::Borrowed(object) }
    }

    /// Lets a rule change an object.
    fn edit(&self, object: &mut Value, rule: impl FnOnce(&mut Value)) {
        if self.is_event() {
            let mut stored = event::to_core(object);
            rule(&mut stored);
            *object = event::from_core(&stored);
        } else {
            rule(object);
        }
    }
}
