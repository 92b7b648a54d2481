//! Lockout preflight: would an endpoint cut its node off?
//!
//! Felix denies everything at a host endpoint that no policy and no profile
//! allows, except the failsafe ports. This module looks at the policies that
//! select the endpoint, at its profiles and at the failsafe ports, and says
//! which connections a node cannot do without would be cut.
//!
//! It looks at ports, not at peers: a policy that lets port 10250 through
//! from one network counts as letting it through. `NetworkPolicy` is left
//! out on purpose, it never selects host endpoints.

mod check;
mod failsafe;
mod policy;

pub use check::{Direction, Essential, Finding, Preflight};
pub use failsafe::{Failsafe, FailsafePort, Felix};
pub use policy::{Policy, PolicyRule, PortRange, RuleAction};

#[cfg(test)]
mod tests;
