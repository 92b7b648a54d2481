//! The controller against the embedded API server.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod cluster;
mod deletions;
mod early;
mod faults;
mod lockout;
mod snapshot;
mod steady;
