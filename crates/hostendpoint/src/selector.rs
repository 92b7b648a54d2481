//! Calico's selector language, as in `spec.selector` of a policy.
//!
//! ```text
//! or        = and { "||" and }
//! and       = term { "&&" term }
//! term      = { "!" } ( "(" or ")" | "all()" | "global()" | "has(" label ")" | label op )
//! op        = "==" string | "!=" string | "in" set | "not in" set
//!           | "contains" string | "starts with" string | "ends with" string
//! ```
//!
//! Semantics from <https://docs.tigera.io/calico/latest/reference/resources/globalnetworkpolicy#selectors>:
//! `!=` and `not in` hold where the label is absent, the other operators do
//! not. An empty selector selects everything.

mod convert;
mod lexer;
mod parser;

pub use convert::Inexpressible;
pub use parser::{Selector, SelectorError};

#[cfg(test)]
mod tests;
