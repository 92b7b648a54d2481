//! RBAC: roles and their bindings.

use serde_json::Value;

use super::part::{at, default_to, list, list_mut, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::names;

const GROUP: &str = "rbac.authorization.k8s.io";

/// Rules of Roles and ClusterRoles. Whether the requester may grant what a role says is
/// the business of the authorizer.
pub struct Role {
    /// ClusterRole.
    pub cluster: bool,
}

impl Strategy for Role {
    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        for (at, rule) in list(object, "/rules").iter().enumerate() {
            errors.extend(validate_rule(rule, &field::index("rules", at), !self.cluster));
        }
        if self.cluster && at(object, "/aggregationRule").is_some() {
            let path = "aggregationRule.clusterRoleSelectors";
            let selectors = list(object, "/aggregationRule/clusterRoleSelectors");
            if selectors.is_empty() {
                let detail =
                    "at least one clusterRoleSelector required if aggregationRule is non-nil";
                errors.push(Error::required(path, detail));
            }
            for (at, selector) in selectors.iter().enumerate() {
                let path = field::index(path, at);
                errors.extend(names::validate_label_selector(Some(selector), &path, true));
            }
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        self.validate_create(object)
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::path_segment(name, prefix)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}

fn validate_rule(rule: &Value, path: &str, namespaced: bool) -> field::Errors {
    let mut errors = Vec::new();
    let count = |field: &str| list(rule, &format!("/{field}")).len();
    let required = |field: &str, detail: &str| Error::required(field::child(path, field), detail);
    if count("verbs") == 0 {
        errors.push(required("verbs", "verbs must contain at least one value"));
    }
    if count("nonResourceURLs") > 0 {
        let shown: Vec<_> = list(rule, "/nonResourceURLs").iter().map(Value::to_string).collect();
        let mut wrong = |detail: &str| {
            errors.push(Error::invalid_go(
                field::child(path, "nonResourceURLs"),
                format!("[]string{{{}}}", shown.join(", ")),
                detail,
            ));
        };
        if namespaced {
            wrong("namespaced rules cannot apply to non-resource URLs");
        }
        if count("apiGroups") + count("resources") + count("resourceNames") > 0 {
            wrong("rules cannot apply to both regular resources and non-resource URLs");
        }
        return errors;
    }
    if count("apiGroups") == 0 {
        errors.push(required("apiGroups", "resource rules must supply at least one api group"));
    }
    if count("resources") == 0 {
        errors.push(required("resources", "resource rules must supply at least one resource"));
    }
    errors
}

/// Rules of RoleBindings and ClusterRoleBindings.
pub struct Binding {
    /// ClusterRoleBinding.
    pub cluster: bool,
}

impl Strategy for Binding {
    fn default(&self, object: &mut Value) {
        if object["roleRef"].is_object() {
            default_to(&mut object["roleRef"], "apiGroup", GROUP);
        }
        for subject in list_mut(object, "/subjects") {
            if ["User", "Group"].contains(&text(subject, "/kind")) {
                default_to(subject, "apiGroup", GROUP);
            }
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let reference = &object["roleRef"];
        if text(reference, "/apiGroup") != GROUP {
            let group = text(reference, "/apiGroup").into();
            errors.push(Error::not_supported("roleRef.apiGroup", &group, &[GROUP]));
        }
        let kinds: &[&str] = if self.cluster { &["ClusterRole"] } else { &["Role", "ClusterRole"] };
        let kind = text(reference, "/kind");
        if !kinds.contains(&kind) {
            errors.push(Error::not_supported("roleRef.kind", &kind.into(), kinds));
        }
        let name = text(reference, "/name");
        if name.is_empty() {
            errors.push(Error::required("roleRef.name", ""));
        }
        for complaint in names::path_segment(name, false) {
            errors.push(Error::invalid("roleRef.name", &name.into(), complaint));
        }
        for (at, subject) in list(object, "/subjects").iter().enumerate() {
            let path = field::index("subjects", at);
            errors.extend(validate_subject(subject, &path, self.cluster));
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let mut errors = self.validate_create(object);
        if object["roleRef"] != stored["roleRef"] {
            let part =
                |field: &str| object["roleRef"][field].as_str().unwrap_or_default().to_owned();
            let shown = format!(
                "rbac.RoleRef{{APIGroup:{:?}, Kind:{:?}, Name:{:?}}}",
                part("apiGroup"),
                part("kind"),
                part("name")
            );
            errors.push(Error::invalid_go("roleRef", shown, "cannot change roleRef"));
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::path_segment(name, prefix)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}

fn validate_subject(subject: &Value, path: &str, cluster: bool) -> field::Errors {
    let mut errors = Vec::new();
    let child = |field: &str| field::child(path, field);
    let name = text(subject, "/name");
    if name.is_empty() {
        errors.push(Error::required(child("name"), ""));
    }
    let group = text(subject, "/apiGroup");
    let kind = text(subject, "/kind");
    let wanted = if kind == "ServiceAccount" { "" } else { GROUP };
    match kind {
        "ServiceAccount" | "User" | "Group" => {
            if kind == "ServiceAccount" && !name.is_empty() {
                for complaint in names::object_subdomain(name, false) {
                    errors.push(Error::invalid(child("name"), &name.into(), complaint));
                }
            }
            if group != wanted {
                errors.push(Error::not_supported(child("apiGroup"), &group.into(), &[wanted]));
            }
            if kind == "ServiceAccount" && cluster && text(subject, "/namespace").is_empty() {
                errors.push(Error::required(child("namespace"), ""));
            }
        }
        _ => {
            let kinds = ["ServiceAccount", "User", "Group"];
            errors.push(Error::not_supported(child("kind"), &kind.into(), &kinds));
        }
    }
    errors
}
