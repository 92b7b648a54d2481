//! A definition compiled for serving: its versions, each with schema, subresources
//! and columns.

mod merge;
mod openapi;
mod order;
mod subresource;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

use super::columns::Columns;
use super::schema::{self, Schema, flag, items, text, texts};
use crate::builtin::Part;
use crate::field::{self, Kind};

pub(crate) use order::newest_first;
pub use subresource::{Scale, Subresources};

/// A definition that cannot be served; one that passed validation always can.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The schema of a version does not compile.
    #[error("version {version}: {source}")]
    Schema {
        /// Name of the version.
        version: String,
        /// What is wrong with its schema.
        #[source]
        source: schema::Error,
    },
    /// No version is marked as the one to store.
    #[error("no version is marked as storage version")]
    NoStorageVersion,
}

/// Where objects of a custom resource live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In namespaces.
    Namespaced,
    /// Beside namespaces.
    Cluster,
}

/// The accepted names of a custom resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// `widgets`, as in paths.
    pub plural: String,
    /// `widget`.
    pub singular: String,
    /// `Widget`.
    pub kind: String,
    /// `WidgetList`.
    pub list_kind: String,
    /// `wd`.
    pub short_names: Vec<String>,
    /// `all`.
    pub categories: Vec<String>,
}

/// How objects come from one version into another.
#[derive(Debug, Clone, PartialEq)]
pub enum Conversion {
    /// Only `apiVersion` changes.
    None,
    /// A webhook converts; carries `spec.conversion.webhook`.
    Webhook(Value),
}

/// A compiled `CustomResourceDefinition`.
#[derive(Debug)]
pub struct Definition {
    /// API group.
    pub group: String,
    /// Accepted names; those of the spec until any are accepted.
    pub names: Names,
    /// Namespaced or cluster-wide.
    pub scope: Scope,
    /// All versions in the order of the definition, also those that are not served.
    pub versions: Vec<Arc<Version>>,
    /// How versions convert.
    pub conversion: Conversion,
    /// The version of the definition object: what was stored later follows these schemas.
    pub since: u64,
}

/// One version of a custom resource.
#[derive(Debug)]
pub struct Version {
    /// `v1`.
    pub name: String,
    /// API group.
    pub group: String,
    /// Accepted names.
    pub names: Names,
    /// Reachable by clients.
    pub served: bool,
    /// Objects are stored in this version.
    pub storage: bool,
    /// Compiled schema.
    pub schema: Schema,
    /// Status and scale.
    pub subresources: Subresources,
    /// Columns of tables.
    pub printer_columns: Columns,
    /// Sent as a warning with every answer.
    pub deprecation_warning: Option<String>,
    raw: Value,
    merge: Arc<crate::schema::Schema>,
}

impl Definition {
    /// Compiles a definition.
    ///
    /// # Errors
    /// When it would not have passed validation.
    pub fn compile(crd: &Value) -> Result<Self, Error> {
        let spec = &crd["spec"];
        let accepted = &crd["status"]["acceptedNames"];
        let names = if text(accepted, "kind").is_some() { accepted } else { &spec["names"] };
        let own = |from: &Value, name: &str| text(from, name).unwrap_or_default().to_owned();
        let names = Names {
            plural: own(names, "plural"),
            singular: own(names, "singular"),
            kind: own(names, "kind"),
            list_kind: own(names, "listKind"),
            short_names: texts(names, "shortNames"),
            categories: texts(names, "categories"),
        };
        let group = own(spec, "group");
        let versions = items(spec, "versions")
            .map(|version| Version::compile(version, spec, &group, &names).map(Arc::new))
            .collect::<Result<Vec<_>, Error>>()?;
        if !versions.iter().any(|version| version.storage) {
            return Err(Error::NoStorageVersion);
        }
        let conversion = match text(&spec["conversion"], "strategy") {
            Some("Webhook") => Conversion::Webhook(spec["conversion"]["webhook"].clone()),
            _ => Conversion::None,
        };
        Ok(Self {
            group,
            names,
            scope: match text(spec, "scope") {
                Some("Cluster") => Scope::Cluster,
                _ => Scope::Namespaced,
            },
            versions,
            conversion,
            since: crate::meta::resource_version(crd).parse().unwrap_or_default(),
        })
    }

    /// The served version of this name.
    pub fn version(&self, name: &str) -> Option<&Arc<Version>> {
        let mut versions = self.versions.iter();
        versions.find(|version| version.served && version.name == name)
    }

    /// Served versions, the preferred one first (`v2`, `v1`, `v1beta1`, `v1alpha1`).
    pub fn served(&self) -> Vec<&Arc<Version>> {
        let mut served: Vec<_> = self.versions.iter().filter(|it| it.served).collect();
        served.sort_by(|left, right| newest_first(&left.name, &right.name));
        served
    }

    /// The version in which objects are stored.
    pub fn storage(&self) -> &Arc<Version> {
        let stored = self.versions.iter().find(|version| version.storage);
        stored.expect("a definition without a storage version does not compile")
    }
}

impl Version {
    fn compile(raw: &Value, spec: &Value, group: &str, names: &Names) -> Result<Self, Error> {
        let name = text(raw, "name").unwrap_or_default().to_owned();
        let schema_raw = &raw["schema"]["openAPIV3Schema"];
        let schema = Schema::compile(schema_raw)
            .map_err(|source| Error::Schema { version: name.clone(), source })?;
        let warning = flag(raw, "deprecated").then(|| {
            let own = raw.get("deprecationWarning").and_then(Value::as_str);
            own.map_or_else(|| deprecation(&name, spec, group, &names.kind), str::to_owned)
        });
        Ok(Self {
            merge: Arc::new(merge::root(&schema)),
            schema,
            group: group.to_owned(),
            names: names.clone(),
            served: flag(raw, "served"),
            storage: flag(raw, "storage"),
            subresources: Subresources::of(&raw["subresources"]),
            printer_columns: Columns::of(items(raw, "additionalPrinterColumns")),
            deprecation_warning: warning,
            raw: schema_raw.clone(),
            name,
        })
    }

    /// `group/version`.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }

    /// The shape of objects as patches and server-side apply walk it.
    pub fn merge_schema(&self) -> Arc<crate::schema::Schema> {
        Arc::clone(&self.merge)
    }

    /// Runs every check of a write. `found` are the caller's findings on `metadata`;
    /// they come back in their place. Status writes check values of `status` only, with
    /// paths from there, and all CEL rules.
    pub fn validate(
        &self,
        part: Part<'_>,
        object: &Value,
        stored: Option<&Value>,
        found: field::Errors,
    ) -> field::Errors {
        let schema = &self.schema;
        let mut errors = found;
        if part == Part::Sub("status") {
            let status = schema.properties.get("status").zip(object.get("status"));
            if let Some((schema, status)) = status {
                errors.extend(schema.validate_values(status));
            }
            errors.extend(self.validate_scale(object, true));
        } else {
            let kind = self.validate_kind(object);
            if kind.is_empty() {
                errors.extend(schema.validate_values(object));
                errors.extend(self.validate_scale(object, false));
            } else {
                errors = kind;
            }
            errors.extend(schema.validate_embedded(object));
        }
        let lists = schema.validate_lists(object);
        // What was stored with such lists may stay so.
        if !lists.is_empty() && stored.is_none_or(|old| schema.validate_lists(old).is_empty()) {
            errors.extend(lists);
        }
        if schema.ruled {
            if errors.iter().any(blocks) {
                let words = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
                errors.push(field::Error::invalid("<nil>", &Value::Null, words));
            } else {
                errors.extend(schema.validate_rules(object, stored));
            }
        }
        errors
    }

    fn validate_kind(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        for (name, wanted) in [("kind", &self.names.kind), ("apiVersion", &self.api_version())] {
            let actual = object.get(name).and_then(Value::as_str).unwrap_or_default();
            if actual != wanted {
                let detail = format!("must be {wanted}");
                errors.push(field::Error::invalid(name, &Value::from(actual), detail));
            }
        }
        errors
    }
}

/// Findings that leave the object in no state to run rules on.
fn blocks(error: &field::Error) -> bool {
    matches!(
        error.kind,
        Kind::NotSupported(..)
            | Kind::Required
            | Kind::TooLong(_)
            | Kind::TooMany(..)
            | Kind::TypeInvalid(_)
    )
}

fn deprecation(version: &str, spec: &Value, group: &str, kind: &str) -> String {
    let newer = items(spec, "versions")
        .filter(|other| flag(other, "served") && !flag(other, "deprecated"))
        .filter_map(|other| text(other, "name"))
        .filter(|other| newest_first(other, version).is_lt())
        .min_by(|left, right| newest_first(left, right));
    let message = format!("{group}/{version} {kind} is deprecated");
    match newer {
        Some(newer) => format!("{message}; use {group}/{newer} {kind}"),
        None => message,
    }
}
