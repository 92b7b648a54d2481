//! A network configuration, single or list, parsed and validated.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::name::{NameError, check_network, check_type};
use crate::version::Version;

/// Why a configuration is not valid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not JSON.
    #[error("not valid JSON")]
    Json(#[from] serde_json::Error),
    /// It is JSON, but of another kind than an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A field has another type than the specification says.
    #[error("field {field:?} must be {wanted}")]
    Field {
        /// Where, `plugins[1].type` for example.
        field: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A network needs a name.
    #[error("field \"name\" is missing: every network needs a name")]
    NoName,
    /// The network or the type of a plugin has a name that may not be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// None of its versions is spoken here.
    #[error("none of its versions ({0}) is known here: use one of 0.1.0 to 1.1.0")]
    Version(String),
    /// A list without plugins does nothing.
    #[error("it has no plugins: fill the list \"plugins\"")]
    NoPlugins,
}

/// One plugin of a network: its type, what it can take, and its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginConfig {
    plugin_type: String,
    capabilities: BTreeSet<String>,
    raw: Map<String, Value>,
}

impl PluginConfig {
    /// Reads the configuration of one plugin in a list; `field` says where it stands.
    pub(crate) fn parse(value: Value, field: &str) -> Result<Self, ConfigError> {
        let Value::Object(raw) = value else {
            return Err(ConfigError::Field { field: field.to_owned(), wanted: "an object" });
        };
        let wrong = |name: &str, wanted| ConfigError::Field {
            field: if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") },
            wanted,
        };
        let plugin_type = match raw.get("type") {
            Some(Value::String(text)) => text.clone(),
            _ => return Err(wrong("type", "the name of a plugin")),
        };
        check_type(&plugin_type)?;
        let mut capabilities = BTreeSet::new();
        match raw.get("capabilities") {
            None | Some(Value::Null) => {}
            Some(Value::Object(declared)) => {
                for (name, value) in declared {
                    match value {
                        Value::Bool(true) => drop(capabilities.insert(name.clone())),
                        Value::Bool(false) => {}
                        _ => return Err(wrong(&format!("capabilities.{name}"), "true or false")),
                    }
                }
            }
            Some(_) => return Err(wrong("capabilities", "an object")),
        }
        Ok(Self { plugin_type, capabilities, raw })
    }

    /// Name of its program.
    #[must_use]
    pub fn plugin_type(&self) -> &str {
        &self.plugin_type
    }

    /// The capabilities it declares.
    #[must_use]
    pub fn capabilities(&self) -> &BTreeSet<String> {
        &self.capabilities
    }

    /// Its configuration as written.
    #[must_use]
    pub fn raw(&self) -> &Map<String, Value> {
        &self.raw
    }
}

/// A network: one or several plugins that are called in order.
///
/// A configuration of a single plugin becomes a list of one. What is not understood here is kept,
/// for plugins and for [`NetworkConfig::to_json`].
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkConfig {
    name: String,
    version: Version,
    disable_check: bool,
    disable_gc: bool,
    load_only_inlined_plugins: bool,
    plugins: Vec<PluginConfig>,
    raw: Map<String, Value>,
}

impl NetworkConfig {
    /// Reads a configuration, single (`type`) or list (`plugins`).
    ///
    /// # Errors
    /// [`ConfigError`] with the field.
    pub fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        Self::from_value(serde_json::from_slice(json)?)
    }

    /// The same for one that may lack its `name`, as a NetworkAttachmentDefinition may: then it
    /// gets this one.
    ///
    /// # Errors
    /// [`ConfigError`] with the field.
    pub fn parse_or_named(json: &[u8], name: &str) -> Result<Self, ConfigError> {
        let mut value = serde_json::from_slice(json)?;
        if let Value::Object(raw) = &mut value
            && raw.get("name").is_none_or(|present| present == "")
        {
            raw.insert("name".to_owned(), Value::from(name));
        }
        Self::from_value(value)
    }

    /// The same from parsed JSON.
    ///
    /// # Errors
    /// [`ConfigError`] with the field.
    pub fn from_value(value: Value) -> Result<Self, ConfigError> {
        let network = Self::without_folder(value)?;
        match network.plugins.is_empty() {
            true => Err(ConfigError::NoPlugins),
            false => Ok(network),
        }
    }

    /// Reads what stands in the file of a network; its plugins may stand in files of their own.
    pub(super) fn without_folder(value: Value) -> Result<Self, ConfigError> {
        let Value::Object(raw) = value else { return Err(ConfigError::NotAnObject) };
        let is_list = raw.contains_key("plugins") || !raw.contains_key("type");
        let name = match raw.get("name") {
            None => return Err(ConfigError::NoName),
            Some(Value::String(name)) => name.clone(),
            Some(_) => return Err(wrong("name", "a string")),
        };
        check_network(&name)?;
        let version = negotiate(&raw)?;
        let load_only_inlined_plugins = flag(&raw, "loadOnlyInlinedPlugins")?;
        if !is_list {
            let plugin = PluginConfig::parse(Value::Object(raw.clone()), "")?;
            let raw = Map::from_iter([
                ("cniVersion".to_owned(), Value::from(version.as_str())),
                ("name".to_owned(), Value::from(name.as_str())),
            ]);
            return Ok(Self {
                name,
                version,
                disable_check: false,
                disable_gc: false,
                // It stands alone: plugins cannot be added to a configuration that is no list.
                load_only_inlined_plugins: true,
                plugins: vec![plugin],
                raw,
            });
        }
        let inlined = match raw.get("plugins") {
            None => Vec::new(),
            Some(Value::Array(plugins)) if plugins.is_empty() => {
                return Err(ConfigError::NoPlugins);
            }
            Some(Value::Array(plugins)) => plugins.clone(),
            Some(_) => return Err(wrong("plugins", "an array")),
        };
        let plugins = inlined
            .into_iter()
            .enumerate()
            .map(|(index, plugin)| PluginConfig::parse(plugin, &format!("plugins[{index}]")))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name,
            version,
            disable_check: flag(&raw, "disableCheck")?,
            disable_gc: flag(&raw, "disableGC")?,
            load_only_inlined_plugins,
            plugins,
            raw,
        })
    }

    /// The same network with these plugins after its own.
    pub(super) fn with_more(mut self, plugins: Vec<PluginConfig>) -> Self {
        self.plugins.extend(plugins);
        self
    }

    /// Whether plugins in the folder named after the network belong to it.
    pub(super) fn takes_folder(&self) -> bool {
        !self.load_only_inlined_plugins
    }

    /// Name of the network.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The highest version that the configuration offers and this crate speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether CHECK must not be called.
    #[must_use]
    pub fn disable_check(&self) -> bool {
        self.disable_check
    }

    /// Whether GC must not be called, as when two runtimes share the network.
    #[must_use]
    pub fn disable_gc(&self) -> bool {
        self.disable_gc
    }

    /// Its plugins, in the order of ADD; there is at least one.
    #[must_use]
    pub fn plugins(&self) -> &[PluginConfig] {
        &self.plugins
    }

    /// The capabilities that some plugin of it declares.
    #[must_use]
    pub fn capabilities(&self) -> BTreeSet<&str> {
        let declared = self.plugins.iter().flat_map(|plugin| &plugin.capabilities);
        declared.map(String::as_str).collect()
    }

    /// The configuration as it is used, complete in itself: plugins that came from a folder stand
    /// in the list. It can be stored, and read back by this crate and by others.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let plugins: Vec<_> = self.plugins.iter().map(|plugin| json!(plugin.raw)).collect();
        let mut raw = self.raw.clone();
        // Else the plugins of the folder would come in a second time.
        if raw.get("plugins").and_then(Value::as_array).is_some_and(|own| own.len() < plugins.len())
            || !raw.contains_key("plugins")
        {
            raw.insert("loadOnlyInlinedPlugins".to_owned(), Value::Bool(true));
        }
        raw.insert("plugins".to_owned(), Value::Array(plugins));
        Value::Object(raw)
    }
}

fn wrong(field: &str, wanted: &'static str) -> ConfigError {
    ConfigError::Field { field: field.to_owned(), wanted }
}

/// A boolean; also as a string, which the reference implementation takes too.
fn flag(raw: &Map<String, Value>, field: &str) -> Result<bool, ConfigError> {
    match raw.get(field) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(wrong(field, "true or false")),
    }
}

/// The highest known one of `cniVersion` and `cniVersions`; the first ever when there is neither.
fn negotiate(raw: &Map<String, Value>) -> Result<Version, ConfigError> {
    let mut offered = Vec::new();
    match raw.get("cniVersion") {
        None => {}
        Some(Value::String(version)) => offered.push(version.as_str()),
        Some(_) => return Err(wrong("cniVersion", "a string")),
    }
    match raw.get("cniVersions") {
        None => {}
        Some(Value::Array(versions)) => {
            for version in versions {
                let version = version.as_str();
                offered.push(version.ok_or_else(|| wrong("cniVersions", "an array of strings"))?);
            }
        }
        Some(_) => return Err(wrong("cniVersions", "an array of strings")),
    }
    if offered.is_empty() {
        return Ok(Version::V0_1_0);
    }
    let known = offered.iter().filter_map(|version| version.parse().ok());
    known.max().ok_or_else(|| ConfigError::Version(offered.join(", ")))
}
