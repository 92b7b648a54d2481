//! What Go says about a component: its `go.mod`, and what its sources import.

mod file;
mod imports;
mod inner;

pub use file::{ModFile, ModFileError, Replace, Require, Target};
pub use imports::{Imports, of_source, scan};
pub use inner::inner;
