//! The engine that needs nothing but this program: a local control plane on the seeder, and nodes
//! that join it as they would join any cluster. It starts no pods.
//!
//! ```text
//!  init:  control-plane ─▶ rights ─▶ token ─▶ cluster-info ─▶ node ─▶ finished
//!  join:  discover ─▶ request ─▶ certificate ─▶ register ─▶ finished
//! ```
//!
//! Each arrow is a point at which the process may be killed: the journal says what is done, every
//! step can be done again, and what a later step needs is on disk.
//!
//! The control plane itself is brought in by who calls, as a [`ControlPlane`]: this crate knows how
//! to make a cluster of an API server, not how one is kept running on a machine.

mod again;
mod claim;
mod init;
mod join;
mod member;
mod restored;

pub use again::{Kept, kept};
pub use claim::{Claimed, check, has_kubelet, is_ours};
pub use init::{CONTROL_PLANE_LABEL, ControlPlane, InitError, Running, Seed, Seeded, init};
pub use join::{Forgotten, Given, Join, JoinError, Joined, Progress, join, sought};
pub use member::Member;

/// Purpose of the journal of a seeder.
pub const INIT: &str = "init";

/// Purpose of the journal of a node that joins.
pub const JOIN: &str = "join";
