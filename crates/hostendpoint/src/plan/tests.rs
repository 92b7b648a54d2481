#![allow(clippy::unwrap_used)]
mod cluster;
mod deletions;
mod faults;
mod properties;
mod table;
