//! What the server serves: built-in resources and those that CRDs define.

mod catalog;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::builtin::Strategy;
use crate::crd;
use crate::error::GroupName;
use crate::schema::Schema;
use crate::store::ResourceKey;

pub use catalog::{Catalog, Group};

/// A served resource in one version.
pub struct Resource {
    /// Where its objects are stored.
    pub key: ResourceKey,
    /// API group; empty for the core group.
    pub group: String,
    /// Version, for example `v1`.
    pub version: String,
    /// Plural name, as in paths.
    pub plural: String,
    /// Singular name.
    pub singular: String,
    /// Kind of the objects.
    pub kind: String,
    /// Kind of a list of them.
    pub list_kind: String,
    /// Objects live in namespaces.
    pub namespaced: bool,
    /// Short names for people.
    pub short_names: Vec<String>,
    /// Categories, for example `all`.
    pub categories: Vec<String>,
    /// Verbs served, in discovery order.
    pub verbs: Vec<String>,
    /// Subresources by name.
    pub subresources: BTreeMap<String, Subresource>,
    /// Rules of the objects.
    pub rules: Rules,
}

/// A subresource as discovery shows it.
#[derive(Debug, Clone)]
pub struct Subresource {
    /// Group of the body; empty with an empty version: that of the resource.
    pub group: String,
    /// Version of the body.
    pub version: String,
    /// Kind of the body.
    pub kind: String,
    /// Verbs served.
    pub verbs: Vec<String>,
}

/// Where the rules of a resource come from.
pub enum Rules {
    /// Kubernetes itself.
    Builtin {
        /// Type of the objects, by name.
        schema: Schema,
        /// Defaults, validation, lifecycle.
        strategy: &'static dyn Strategy,
    },
    /// A CustomResourceDefinition.
    Custom {
        /// The served version.
        version: Arc<crd::Version>,
        /// Type of the objects.
        schema: Arc<Schema>,
        /// All versions, and how objects come from one into another.
        definition: Arc<crd::Definition>,
    },
}

impl Resource {
    /// `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        group_version(&self.group, &self.version)
    }

    /// Group and plural name, for messages.
    pub fn group_resource(&self) -> GroupName {
        GroupName::new(&*self.group, &*self.plural)
    }

    /// Group and kind, for messages about values: those of the group that stores the kind.
    pub fn group_kind(&self) -> GroupName {
        GroupName::new(&*self.key.group, &*self.kind)
    }

    /// Type of the objects.
    pub fn schema(&self) -> &Schema {
        match &self.rules {
            Rules::Builtin { schema, .. } => schema,
            Rules::Custom { schema, .. } => schema,
        }
    }

    /// Whether Kubernetes defines this resource (and not a CRD).
    pub fn is_builtin(&self) -> bool {
        matches!(self.rules, Rules::Builtin { .. })
    }

    /// Whether a verb is served.
    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }
}

/// `v1` for the core group, else `group/version`.
pub fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}
