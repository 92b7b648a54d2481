//! Against a real registry, and programs that read what we write.
#![allow(clippy::unwrap_used)]

mod auth;
mod fake;
mod hostile;
mod interop;
mod line;
mod patience;
mod proxy;
mod push;
mod scene;
