//! Who calls.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// User name.
    pub user: String,
    /// What tells users of the same name apart; empty where nothing does.
    pub uid: String,
    /// Groups, `system:authenticated` or `system:unauthenticated` among them.
    pub groups: Vec<String>,
    /// Further facts about the user, by name.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The group that may do everything.
pub const MASTERS: &str = "system:masters";
/// Everybody who proved who they are.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// Everybody else.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The name of callers who say nothing about themselves.
pub(crate) const ANONYMOUS: &str = "system:anonymous";

impl Identity {
    /// An authenticated user; `system:authenticated` is added to the groups.
    pub fn new(user: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Self {
        let mut groups: Vec<_> = groups.into_iter().collect();
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        Self { user: user.into(), groups, ..Self::default() }
    }

    /// The administrator.
    pub fn admin() -> Self {
        Self::new("kubernetes-admin", [MASTERS.to_owned()])
    }

    /// A service account, with the groups that all of them have.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let groups = [all_service_accounts(), format!("{}:{namespace}", all_service_accounts())];
        Self::new(service_account_name(namespace, name), groups)
    }

    /// A controller of the control plane, under the name of its service account.
    pub(crate) fn controller(name: &str) -> Self {
        Self::service_account("kube-system", name)
    }

    pub(crate) fn anonymous() -> Self {
        Self {
            user: ANONYMOUS.to_owned(),
            groups: vec![UNAUTHENTICATED.to_owned()],
            ..Self::default()
        }
    }

    /// Whether the caller belongs to a group.
    pub(crate) fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|known| known == group)
    }

    /// As `authentication.k8s.io` shows users: fields without a value are left out.
    pub(crate) fn to_user_info(&self) -> Value {
        let mut user = json!({});
        for (field, text) in [("username", &self.user), ("uid", &self.uid)] {
            if !text.is_empty() {
                user[field] = json!(text);
            }
        }
        if !self.groups.is_empty() {
            user["groups"] = json!(self.groups);
        }
        if !self.extra.is_empty() {
            user["extra"] = json!(self.extra);
        }
        user
    }
}

fn all_service_accounts() -> String {
    "system:serviceaccounts".to_owned()
}

/// The user name of a service account.
pub(crate) fn service_account_name(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// Namespace and name of the service account that a user name stands for.
pub(crate) fn split_service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    let valid = crate::names::object_label(namespace, false).is_empty()
        && crate::names::object_subdomain(name, false).is_empty();
    valid.then_some((namespace, name))
}

/// The node that a user is, as kubelets name themselves.
pub(crate) fn node_name(identity: &Identity) -> Option<&str> {
    let name = identity.user.strip_prefix("system:node:")?;
    identity.is_in("system:nodes").then_some(name)
}
