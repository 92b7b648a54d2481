//! The embedded control plane as a process of its own.

mod directory;
mod process;
mod serve;
mod start;

pub use directory::{Found, Record, RunDir, RunDirError};
pub use process::Process;
pub use serve::{ControlPlane, ServeError, Settings, serve};
pub use start::{StartError, StopError, start, stop};
