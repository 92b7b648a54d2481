//! The attachment engine: what the interfaces of a pod should be, are, and how one becomes the
//! other.
//!
//! A pod asks for networks by annotations. Objects in the cluster say what those networks are,
//! records on disk what has been attached, the kernel what is there. The engine makes the last
//! two follow the first two, in a pod that runs, and takes everything back when it goes.
//!
//! ```text
//!  annotation::parse ──> Requests ─┐
//!  definition (by Lookup) ─────────┴─ Resolution::resolve ─> Desired ─┐
//!  record::Store ─────────────────────────────────────────> Records ─┤
//!  link::list (in the netns) ─────────────────────────────> Links ───┴─ plan ─> Action ...
//!                                                                                  │
//!   Engine::reconcile   a pod that runs: plan, and do it                           │
//!   Engine::create      a sandbox that is made: all networks, or none  <───────────┘
//!   Engine::teardown    a sandbox that goes: DEL of all, by records alone
//!   Engine::check, Engine::gc
//!                └─> Outcome: changes, failures, network-status
//! ```
//!
//! What always holds:
//! - Before a plugin's ADD is called, a record that suffices for DEL is written, and it is durable
//!   before ADD counts as done; it is removed after DEL has succeeded, and only then. Killed in
//!   between, the next run finds the record and calls DEL, then ADD if that is still wanted.
//! - DEL needs no pod, definition, network namespace or API server.
//! - Nothing is attached twice, whoever attached it first.
//! - One process at a time works on a sandbox; a sandbox that hangs holds up no other.
//! - Names and addresses are checked before they become paths or arguments.
//! - A record that cannot be read is set aside and reported, and holds up nobody.
//!
//! Everything here is synchronous and small: the plugin that the container runtime calls for each
//! pod links it, too.

pub mod annotation;
pub mod attachment;
pub mod backoff;
pub mod default_network;
pub mod definition;
pub mod desired;
pub mod engine;
pub mod link;
pub mod meta_plugin;
pub mod name;
pub mod netns;
pub mod network;
pub mod plan;
pub mod pod;
pub mod problem;
pub mod protocol;
pub mod record;
pub mod route;
pub mod status;

mod netlink;
