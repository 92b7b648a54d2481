//! Custom resources: their definitions, schemas, versions and columns.
//!
//! ```text
//!  definition (JSON) ──► CustomResourceDefinitions  the strategy: default, prepare, validate
//!        │                establish(crd, others)    names, conditions, stored versions
//!        ▼
//!  Definition::compile ──► Version ──► Schema       once per definition that changed
//! ```
//!
//! A write of a custom resource runs, in this order:
//!
//! 1. **decode**: JSON or YAML to a `Value`; whole floats become integers;
//!    [`Definition::convert`] to the storage version where an object is stored;
//! 2. **prune**: [`Schema::prune`] drops unknown fields (and names them for
//!    `fieldValidation`) and nulls where none may stand;
//! 3. **default**: [`Schema::default`], also when an object is read;
//! 4. **validate**: [`Version::validate`] runs what Kubernetes runs, in its order:
//!    type, metadata findings of the caller, values, scale paths, embedded resources,
//!    list uniqueness and, when nothing blocks them, the CEL rules.
//!
//! Everything here is pure and works on `serde_json::Value`; nothing knows the store.

pub(crate) mod cel;
mod columns;
mod definition;
mod path;
mod schema;
mod version;

pub use columns::{Column, Columns};
pub use definition::{CLEANUP, CustomResourceDefinitions, establish, is_established, terminating};
pub use schema::{Error as SchemaError, Schema};
pub(crate) use version::newest_first;
pub use version::{Conversion, Definition, Error, Names, Scale, Scope, Subresources, Version};
