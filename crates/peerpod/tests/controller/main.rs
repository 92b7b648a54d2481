//! The controller against the embedded API server, or a real one.

#![allow(clippy::unwrap_used)]

mod access;
mod capacity;
mod fixture;
mod lifecycle;
mod owned;
mod trouble;
mod upstream;
