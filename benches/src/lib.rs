//! What the benchmarks share: a server in a process of its own, and numbers.

pub mod numbers;
pub mod server;
