//! One call of one plugin.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Cni;
use crate::config::{NetworkConfig, PluginConfig};
use crate::error::{CniError, ErrorCode};
use crate::exec::{self, ExecError, Invocation};
use crate::result::{CniResult, ResultError};
use crate::runtime::RuntimeConf;
use crate::version::Version;

/// How much of what a plugin wrote is quoted in an error, in characters.
const EXCERPT: usize = 1024;

/// Why a call of a plugin failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no such program.
    #[error("plugin {plugin} is not in {}: install it, or name its folder", folders(.searched))]
    NotFound {
        /// Its type.
        plugin: String,
        /// The folders.
        searched: Vec<PathBuf>,
    },
    /// The search path cannot be handed to plugins.
    #[error("a folder of plugins has ':' in its name, which CNI_PATH cannot say")]
    Path(#[source] std::env::JoinPathsError),
    /// It is there, but of another version.
    #[error("plugin {plugin} does not speak version {wanted} of the configuration, only {spoken}")]
    Version {
        /// Its type.
        plugin: String,
        /// What the configuration asks for.
        wanted: Version,
        /// What it speaks.
        spoken: String,
    },
    /// It did not start, or did not come to its end.
    #[error("plugin {plugin} did not finish{}", quoted(.stderr))]
    Exec {
        /// Its type.
        plugin: String,
        /// The end of its standard error.
        stderr: String,
        /// Why.
        #[source]
        source: ExecError,
    },
    /// It answered with an error.
    #[error("plugin {plugin}: {error}{}", quoted(.stderr))]
    Plugin {
        /// Its type.
        plugin: String,
        /// What it answered.
        error: CniError,
        /// The end of its standard error.
        stderr: String,
    },
    /// It failed without the answer that CNI asks for.
    #[error("plugin {plugin} failed ({status}) without a CNI error{}{}", quoted(.stdout), quoted(.stderr))]
    Failed {
        /// Its type.
        plugin: String,
        /// How it ended.
        status: ExitStatus,
        /// The start of its standard output.
        stdout: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// It succeeded, but what it wrote is no result.
    #[error("plugin {plugin} succeeded without a valid result{}", quoted(.stdout))]
    Result {
        /// Its type.
        plugin: String,
        /// The start of its standard output.
        stdout: String,
        /// What is wrong with it.
        #[source]
        source: ResultError,
    },
    /// The result of the plugin before it, or the one saved, cannot be said in the version of
    /// the configuration.
    #[error("plugin {plugin} cannot be handed the result of ADD")]
    PrevResult {
        /// Its type.
        plugin: String,
        /// Why.
        #[source]
        source: ResultError,
    },
}

impl CallError {
    /// The code of the plugin's answer, if it answered.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Plugin { error, .. } => Some(error.code),
            _ => None,
        }
    }

    /// Whether the plugin was killed at its deadline.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Exec { source: ExecError::Timeout { .. }, .. })
    }

    /// Whether the call was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Exec { source: ExecError::Cancelled, .. })
    }

    /// The signal that ended the plugin, not from here.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        match self {
            Self::Failed { status, .. } => status.signal(),
            _ => None,
        }
    }
}

fn folders(searched: &[PathBuf]) -> String {
    let names: Vec<_> = searched.iter().map(|folder| folder.display().to_string()).collect();
    if names.is_empty() { "any folder, as none is given".to_owned() } else { names.join(", ") }
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("; it wrote {text:?}") }
}

impl Cni {
    /// The versions a plugin speaks.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn versions(&self, plugin_type: &str) -> Result<Vec<String>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "supportedVersions", default)]
            supported_versions: Vec<String>,
        }
        let config = Map::from_iter([("cniVersion".to_owned(), json!(Version::CURRENT))]);
        let stdout = match self.call("VERSION", plugin_type, config, None) {
            Ok(stdout) => stdout,
            // As of 0.1.0, which had no such command.
            Err(CallError::Plugin { error, .. }) if error.msg.contains("unknown CNI_COMMAND") => {
                return Ok(vec![Version::V0_1_0.to_string()]);
            }
            Err(error) => return Err(error),
        };
        let answer: Answer =
            serde_json::from_slice(&stdout).map_err(|source| CallError::Result {
                plugin: plugin_type.to_owned(),
                stdout: start(&stdout),
                source: source.into(),
            })?;
        Ok(answer.supported_versions)
    }

    /// Calls a plugin of a network for an attachment; what it wrote to standard output.
    pub(super) fn call_for(
        &self,
        command: &str,
        network: &NetworkConfig,
        plugin: &PluginConfig,
        previous: Option<&CniResult>,
        runtime: &RuntimeConf,
    ) -> Result<Vec<u8>, CallError> {
        let mut config = request(network, plugin);
        if let Some(previous) = previous {
            let failed =
                |source| CallError::PrevResult { plugin: plugin.plugin_type().to_owned(), source };
            let previous = previous.to_version(network.version()).map_err(failed)?;
            config.insert("prevResult".to_owned(), json!(previous));
        }
        let wanted = plugin.capabilities().iter().filter_map(|name| {
            let value = runtime.capability_args.get(name)?;
            Some((name.clone(), value.clone()))
        });
        let wanted: Map<_, _> = wanted.collect();
        if !wanted.is_empty() {
            config.insert("runtimeConfig".to_owned(), Value::Object(wanted));
        }
        self.call(command, plugin.plugin_type(), config, Some(runtime))
    }

    /// Calls a plugin; what it wrote to standard output.
    pub(super) fn call(
        &self,
        command: &str,
        plugin: &str,
        config: Map<String, Value>,
        runtime: Option<&RuntimeConf>,
    ) -> Result<Vec<u8>, CallError> {
        let program = self.find(plugin)?;
        let path = std::env::join_paths(self.bin_dirs.iter()).map_err(CallError::Path)?;
        let mut env = vec![("CNI_COMMAND", OsString::from(command)), ("CNI_PATH", path)];
        env.extend(self.mark.clone());
        if let Some(runtime) = runtime {
            env.push(("CNI_CONTAINERID", runtime.container_id().into()));
            env.push(("CNI_IFNAME", runtime.ifname().into()));
            env.push(("CNI_NETNS", runtime.netns().map(OsString::from).unwrap_or_default()));
            env.push(("CNI_ARGS", runtime.args.to_string().into()));
        }
        let invocation = Invocation {
            program,
            env,
            stdin: Value::Object(config).to_string().into_bytes(),
            timeout: self.timeout,
            cancel: self.cancel.clone(),
        };
        let output = self.exec.run(&invocation).map_err(|source| {
            let stderr = match &source {
                ExecError::Timeout { stderr, .. } => end(stderr),
                _ => String::new(),
            };
            CallError::Exec { plugin: plugin.to_owned(), stderr, source }
        })?;
        let said = end(&output.stderr);
        tracing::debug!(plugin, command, status = %output.status, stderr = said, "plugin called");
        if output.status.success() {
            return Ok(output.stdout);
        }
        let (plugin, stderr) = (plugin.to_owned(), said);
        Err(match serde_json::from_slice(&output.stdout) {
            Ok(error) => CallError::Plugin { plugin, error, stderr },
            Err(_) => {
                let (status, stdout) = (output.status, start(&output.stdout));
                CallError::Failed { plugin, status, stdout, stderr }
            }
        })
    }

    /// Kills plugins that work on an attachment still, called with the same mark (see
    /// [`Cni::with_mark`]) by a process that is gone; how many there were. What they did is theirs to have
    /// undone by DEL.
    ///
    /// Whoever calls this sees to it that nobody else works on the attachment.
    pub fn kill_orphans(&self, runtime: &RuntimeConf) -> usize {
        let Some((mark, value)) = &self.mark else { return 0 };
        exec::kill_orphans(&[
            (mark, value),
            ("CNI_CONTAINERID", runtime.container_id().as_ref()),
            ("CNI_IFNAME", runtime.ifname().as_ref()),
        ])
    }

    /// Whether there is a program for this type of plugin, where plugins run.
    #[must_use]
    pub fn has(&self, plugin: &str) -> bool {
        self.find(plugin).is_ok()
    }

    /// Path of a plugin: the first program of that name in the folders.
    pub(super) fn find(&self, plugin: &str) -> Result<PathBuf, CallError> {
        let valid = crate::name::check_type(plugin).is_ok();
        self.bin_dirs
            .iter()
            .map(|folder| folder.join(plugin))
            .find(|path| valid && self.exec.has(path))
            .ok_or_else(|| CallError::NotFound {
                plugin: plugin.to_owned(),
                searched: self.bin_dirs.to_vec(),
            })
    }
}

/// The configuration of a plugin as it is handed over, before what belongs to one call.
pub(super) fn request(network: &NetworkConfig, plugin: &PluginConfig) -> Map<String, Value> {
    let mut config = plugin.raw().clone();
    // Keys of the protocol, which a configuration must not set.
    config.retain(|key, _| key != "prevResult" && !key.starts_with("cni.dev/"));
    config.remove("cniVersions");
    config.insert("name".to_owned(), Value::from(network.name()));
    config.insert("cniVersion".to_owned(), json!(network.version()));
    config
}

pub(super) fn start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().chars().take(EXCERPT).collect()
}

fn end(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    text.chars().skip(text.chars().count().saturating_sub(EXCERPT)).collect()
}
