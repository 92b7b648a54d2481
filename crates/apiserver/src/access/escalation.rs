//! Nobody may hand out rights that they do not have: checks on writes of roles and bindings.

use serde_json::Value;

use super::attributes::{Attributes, On, Place};
use super::authorize::Authorizer;
use super::identity::{Identity, MASTERS};
use super::rbac::cover::{describe, missing, quoted};
use super::rbac::{GROUP, RoleRef, Rule};
use crate::error::{Error, GroupName, Result};
use crate::meta;
use crate::rest::Target;

/// What stands for every right there is.
fn everything() -> [Rule; 2] {
    let all = || vec!["*".to_owned()];
    [
        Rule { verbs: all(), api_groups: all(), resources: all(), ..Rule::default() },
        Rule { verbs: all(), urls: all(), ..Rule::default() },
    ]
}

/// Fails with 403 when a write of a role or binding, as it is about to be stored, would give
/// away more than the caller has.
pub(crate) fn check(target: &Target<'_>, object: &Value, live: Option<&Value>) -> Result<()> {
    let Some(identity) = target.identity else {
        return Ok(());
    };
    if target.resource.group != GROUP || identity.is_in(MASTERS) {
        return Ok(());
    }
    if live.is_some_and(|live| only_collected(object, live)) {
        return Ok(());
    }
    let guard = Guard { authorizer: &target.core.authorizer, identity, target, object };
    match &*target.resource.plural {
        "roles" | "clusterroles" => guard.role(live),
        "rolebindings" | "clusterrolebindings" => guard.binding(),
        _ => Ok(()),
    }
}

struct Guard<'a> {
    authorizer: &'a Authorizer,
    identity: &'a Identity,
    target: &'a Target<'a>,
    object: &'a Value,
}

impl Guard<'_> {
    fn role(&self, live: Option<&Value>) -> Result<()> {
        let plural = &*self.target.resource.plural;
        let escalate = Place {
            group: GROUP,
            resource: plural,
            namespace: self.target.namespace,
            // On create, the name is not part of the request.
            name: self.target.name,
            ..Place::default()
        };
        if self.may("escalate", escalate) {
            return Ok(());
        }
        let rules = serde_json::from_value::<Option<Vec<Rule>>>(self.object["rules"].clone());
        self.holds(&rules.ok().flatten().unwrap_or_default())?;
        let aggregates = |object: &Value| !object["aggregationRule"].is_null();
        if plural == "clusterroles"
            && (aggregates(self.object) || live.is_some_and(aggregates))
            && self.holds(&everything()).is_err()
        {
            // It may gather anything, so whoever sets it must be allowed everything.
            return Err(
                self.forbidden("must have cluster-admin privileges to use the aggregationRule")
            );
        }
        Ok(())
    }

    fn binding(&self) -> Result<()> {
        let role: RoleRef =
            serde_json::from_value(self.object["roleRef"].clone()).unwrap_or_default();
        let plural = match &*role.kind {
            "ClusterRole" => "clusterroles",
            "Role" => "roles",
            // Validation refuses it.
            _ => return Ok(()),
        };
        let bind = Place {
            group: &role.api_group,
            resource: plural,
            namespace: self.target.namespace,
            name: &role.name,
            ..Place::default()
        };
        if self.may("bind", bind) {
            return Ok(());
        }
        let rules = self.authorizer.rbac.rules_of(&role, self.target.namespace);
        let missing = || Error::not_found(&GroupName::new(GROUP, plural), &role.name);
        self.holds(&rules.ok_or_else(missing)?)
    }

    fn may(&self, verb: &str, place: Place<'_>) -> bool {
        let asked = Attributes { identity: self.identity, verb, on: On::Resource(place) };
        self.authorizer.decide(&asked).allowed
    }

    /// Fails unless the caller has all these rights where the role would give them.
    fn holds(&self, wanted: &[Rule]) -> Result<()> {
        let held = self.authorizer.rbac.grants(self.identity, self.target.namespace);
        let missing = missing(&held.rules, wanted).map_err(|error| self.forbidden(error))?;
        if missing.is_empty() {
            return Ok(());
        }
        let mut why = format!(
            "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            self.identity.user,
            quoted(&self.identity.groups),
            describe(&missing)
        );
        if !held.problems.is_empty() {
            why.push_str(&format!("; resolution errors: [{}]", held.problems.join(" ")));
        }
        Err(self.forbidden(why))
    }

    fn forbidden(&self, why: impl std::fmt::Display) -> Error {
        Error::forbidden(&self.target.resource.group_resource(), meta::name(self.object), why)
    }
}

/// A write that only lets the garbage collector do its work changes nobody's rights.
fn only_collected(object: &Value, live: &Value) -> bool {
    let strip = |object: &Value| {
        let mut object = object.clone();
        let metadata = meta::metadata_mut(&mut object);
        for field in ["ownerReferences", "finalizers", "managedFields", "resourceVersion"] {
            metadata.remove(field);
        }
        object
    };
    strip(object) == strip(live)
}
