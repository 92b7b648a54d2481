//! A call as a plugin sees it: environment and standard input, checked.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::args::CniArgs;
use crate::error::{CniError, ErrorCode};
use crate::name::{check_network, check_type};
use crate::network::Attachment;
use crate::result::CniResult;
use crate::runtime::RuntimeConf;
use crate::version::Version;

/// A configuration is some kilobytes; with this many a runtime is out of its mind.
const MAX_STDIN: u64 = 16 << 20;

/// What a plugin is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Add a container to a network.
    Add,
    /// Remove it.
    Del,
    /// Check that it is as ADD left it.
    Check,
    /// Whether ADD can be served.
    Status,
    /// Remove what is no longer valid.
    Gc,
    /// Which versions are spoken.
    Version,
}

impl Command {
    /// The value of `CNI_COMMAND`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Status => "STATUS",
            Self::Gc => "GC",
            Self::Version => "VERSION",
        }
    }

    /// The version it came with.
    pub(super) fn since(self) -> Version {
        match self {
            Self::Add | Self::Del | Self::Version => Version::V0_1_0,
            Self::Check => Version::V0_4_0,
            Self::Status | Self::Gc => Version::V1_1_0,
        }
    }

    pub(super) fn from_env(env: &impl Fn(&str) -> Option<OsString>) -> Result<Self, CniError> {
        let all = [Self::Add, Self::Del, Self::Check, Self::Status, Self::Gc, Self::Version];
        let named = text(env, "CNI_COMMAND")?;
        all.into_iter().find(|command| command.as_str() == named).ok_or_else(|| {
            let msg = match named.is_empty() {
                true => {
                    "CNI_COMMAND is not set: this program is a CNI plugin, called by a container runtime".to_owned()
                }
                false => format!("unknown CNI_COMMAND: {named}"),
            };
            CniError::new(ErrorCode::InvalidEnvironment, msg)
        })
    }

    /// Whether it is about one attachment.
    fn has_attachment(self) -> bool {
        matches!(self, Self::Add | Self::Del | Self::Check)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A call, checked.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked for.
    pub command: Command,
    /// For whom. Only ADD, DEL and CHECK have one; its capability arguments are `runtimeConfig`.
    pub runtime: Option<RuntimeConf>,
    /// Where other plugins are.
    pub path: Vec<PathBuf>,
    /// Version of the configuration.
    pub version: Version,
    /// The network.
    pub network: String,
    /// The result of the plugin before, or on DEL and CHECK that of ADD.
    pub prev_result: Option<CniResult>,
    /// For GC: what must stay.
    pub valid_attachments: BTreeSet<Attachment>,
    /// The configuration as it came.
    pub config: Map<String, Value>,
}

impl Request {
    pub(super) fn new(
        command: Command,
        env: &impl Fn(&str) -> Option<OsString>,
        config: Map<String, Value>,
    ) -> Result<Self, CniError> {
        let path = env("CNI_PATH").unwrap_or_default();
        let path: Vec<_> =
            std::env::split_paths(&path).filter(|p| !p.as_os_str().is_empty()).collect();
        let runtime = match command.has_attachment() {
            true => Some(runtime(command, env, &path, &config)?),
            false => None,
        };
        let invalid = |msg: String| CniError::new(ErrorCode::InvalidConfig, msg);
        let string = |field: &str| match config.get(field) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(invalid(format!("field {field:?} must be a string"))),
        };
        let version = string("cniVersion")?;
        let version = version.parse().map_err(|error: crate::version::UnknownVersion| {
            CniError::new(ErrorCode::IncompatibleVersion, error.to_string())
        })?;
        let network = string("name")?.to_owned();
        check_network(&network).map_err(|error| invalid(error.to_string()))?;
        check_type(string("type")?).map_err(|error| invalid(error.to_string()))?;
        let prev_result = match config.get("prevResult") {
            None | Some(Value::Null) => None,
            Some(value) => match CniResult::from_value(value.clone(), version) {
                Ok(result) => Some(result),
                // DEL must clean up what it can, with a result or without.
                Err(_) if command == Command::Del => None,
                // Without the cause, which may quote a value.
                Err(error) => {
                    return Err(CniError::new(ErrorCode::DecodingFailure, error.to_string()));
                }
            },
        };
        let valid_attachments = match command {
            Command::Gc => valid_attachments(&config)?,
            _ => BTreeSet::new(),
        };
        Ok(Self {
            command,
            runtime,
            path,
            version,
            network,
            prev_result,
            valid_attachments,
            config,
        })
    }

    /// The attachment of ADD, DEL or CHECK.
    ///
    /// # Errors
    /// For a command that is about none.
    pub fn attachment(&self) -> Result<&RuntimeConf, CniError> {
        self.runtime.as_ref().ok_or_else(|| {
            let msg = format!("{} is not about one container", self.command);
            CniError::new(ErrorCode::InvalidEnvironment, msg)
        })
    }
}

/// The attachment, and all of the variables that are missing at once.
fn runtime(
    command: Command,
    env: &impl Fn(&str) -> Option<OsString>,
    path: &[PathBuf],
    config: &Map<String, Value>,
) -> Result<RuntimeConf, CniError> {
    let environment = |msg: String| CniError::new(ErrorCode::InvalidEnvironment, msg);
    let (container_id, ifname) = (text(env, "CNI_CONTAINERID")?, text(env, "CNI_IFNAME")?);
    let netns = env("CNI_NETNS").filter(|netns| !netns.is_empty()).map(PathBuf::from);
    let mut missing = Vec::new();
    missing.extend(container_id.is_empty().then_some("CNI_CONTAINERID"));
    missing.extend(ifname.is_empty().then_some("CNI_IFNAME"));
    missing.extend((netns.is_none() && command != Command::Del).then_some("CNI_NETNS"));
    missing.extend(path.is_empty().then_some("CNI_PATH"));
    if !missing.is_empty() {
        return Err(environment(format!("{command} needs {}", missing.join(", "))));
    }
    let args: CniArgs = text(env, "CNI_ARGS")?
        .parse()
        .map_err(|error: crate::args::ArgsError| environment(error.to_string()))?;
    let capability_args = match config.get("runtimeConfig") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(values)) => values.clone(),
        Some(_) => {
            let msg = "field \"runtimeConfig\" must be an object";
            return Err(CniError::new(ErrorCode::InvalidConfig, msg));
        }
    };
    Ok(RuntimeConf::new(container_id, netns, ifname)
        .map_err(|error| environment(error.to_string()))?
        .with_args(args)
        .with_capability_args(capability_args))
}

/// What must stay. Without a list nothing can be told from what is stale, so that is an error.
fn valid_attachments(config: &Map<String, Value>) -> Result<BTreeSet<Attachment>, CniError> {
    let list =
        config.get("cni.dev/valid-attachments").or_else(|| config.get("cni.dev/attachments"));
    let list = list.ok_or_else(|| {
        CniError::new(ErrorCode::InvalidConfig, "GC needs \"cni.dev/valid-attachments\"")
    })?;
    serde_json::from_value(list.clone()).map_err(|_| {
        let msg = "\"cni.dev/valid-attachments\" must be a list of containerID and ifname";
        CniError::new(ErrorCode::DecodingFailure, msg)
    })
}

fn text(env: &impl Fn(&str) -> Option<OsString>, name: &str) -> Result<String, CniError> {
    let value = env(name).unwrap_or_default();
    value.into_string().map_err(|_| {
        CniError::new(ErrorCode::InvalidEnvironment, format!("{name} is not valid UTF-8"))
    })
}

/// The configuration on standard input. VERSION may come without any.
pub(super) fn read(stdin: impl Read) -> Result<Map<String, Value>, CniError> {
    let mut bytes = Vec::new();
    stdin
        .take(MAX_STDIN + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| CniError::new(ErrorCode::IoFailure, format!("reading stdin: {error}")))?;
    if bytes.len() as u64 > MAX_STDIN {
        let msg = format!("the configuration is longer than {MAX_STDIN} bytes");
        return Err(CniError::new(ErrorCode::IoFailure, msg));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        // The error itself may quote a value, which may be secret.
        let (line, column) = (error.line(), error.column());
        let msg = format!("the configuration is not a JSON object (line {line}, column {column})");
        CniError::new(ErrorCode::DecodingFailure, msg)
    })
}
