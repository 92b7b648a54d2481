//! What webhooks are told of a request.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::access::Identity;
use crate::decode::Kind;
use crate::resource::Resource;
use crate::rest::Target;

/// What a request does, in the words of webhook rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// A request, as far as admission goes; the object itself is kept apart.
#[derive(Clone)]
pub(crate) struct Attributes<'a> {
    pub(crate) operation: Operation,
    pub(crate) resource: &'a Arc<Resource>,
    pub(crate) subresource: &'a str,
    /// Kind of what the request carries.
    pub(crate) kind: Kind,
    /// For a namespace its own name.
    pub(crate) namespace: String,
    /// Empty where the server will draw the name, and in a deletion of many.
    pub(crate) name: String,
    /// `CreateOptions` and so on; null for none.
    pub(crate) options: Value,
    pub(crate) dry_run: bool,
    pub(crate) user: &'a Identity,
}

impl<'a> Attributes<'a> {
    /// `None` for the server's own writes, which no webhook sees.
    pub(crate) fn of(target: &Target<'a>, operation: Operation, name: &str) -> Option<Self> {
        let resource = target.resource;
        let kind = match resource.subresources.get(target.subresource) {
            Some(sub) if !sub.version.is_empty() => Kind::new(&sub.group, &sub.version, &sub.kind),
            Some(sub) if sub.kind != resource.kind => {
                Kind::new(&resource.group, &resource.version, &sub.kind)
            }
            _ => Kind::new(&resource.group, &resource.version, &resource.kind),
        };
        let of_namespace = resource.group.is_empty() && resource.plural == "namespaces";
        Some(Self {
            operation,
            resource,
            subresource: target.subresource,
            kind,
            namespace: if of_namespace { name } else { target.namespace }.to_owned(),
            name: name.to_owned(),
            options: Value::Null,
            dry_run: false,
            user: target.identity?,
        })
    }

    /// Whether the request carries objects of the resource, which exist in all its versions.
    pub(super) fn is_of_resource(&self) -> bool {
        self.kind.kind == self.resource.kind && self.kind.group == self.resource.group
    }

    /// Configurations of webhooks pass no webhook: a broken one could not be mended.
    pub(super) fn is_exempt(&self) -> bool {
        self.kind.group == "admissionregistration.k8s.io"
    }

    /// The `request` of a review for a webhook that asked for `seen`, without the objects.
    pub(super) fn request(&self, uid: &str, seen: &Resource) -> Value {
        let asked = self.resource;
        let mut kind = self.kind.clone();
        if self.is_of_resource() {
            kind = Kind::new(&seen.group, &seen.version, &seen.kind);
        }
        let mut request = json!({
            "uid": uid,
            "kind": gvk(&kind),
            "resource": gvr(seen),
            "requestKind": gvk(&self.kind),
            "requestResource": gvr(asked),
            "operation": self.operation.as_str(),
            "userInfo": user_info(self.user),
            "dryRun": self.dry_run,
            "options": self.options,
        });
        let texts = [
            ("subResource", self.subresource),
            ("requestSubResource", self.subresource),
            ("name", &self.name),
            ("namespace", &self.namespace),
        ];
        for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            request[name] = json!(text);
        }
        request
    }
}

fn gvk(kind: &Kind) -> Value {
    json!({ "group": kind.group, "version": kind.version, "kind": kind.kind })
}

fn gvr(resource: &Resource) -> Value {
    json!({ "group": resource.group, "version": resource.version, "resource": resource.plural })
}

fn user_info(user: &Identity) -> Value {
    let mut info = json!({ "username": user.user, "groups": user.groups });
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}
