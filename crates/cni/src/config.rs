//! Network configurations: what they say, read strictly, and handed on without loss.

mod folder;
mod list;

pub use folder::{ConfDir, FileError, Loaded};
pub use list::{ConfigError, NetworkConfig, PluginConfig};

#[cfg(test)]
mod tests;
