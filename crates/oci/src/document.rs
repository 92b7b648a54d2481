//! The JSON documents of an image: index, manifest, configuration.
//!
//! Fields that this crate has no use for are kept, so a base image loses nothing on its way into
//! an image built on it. Fields that Docker writes as `null` are read as absent.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::descriptor::{Descriptor, media_type};
use crate::digest::Digest;
use crate::platform::Platform;

/// The most bytes of a document that are read: what registries accept for a manifest.
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// Manifests, one per platform; also the `index.json` of a layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// 2.
    pub schema_version: u32,
    /// [`media_type::INDEX`]; Docker's, or absent in old ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What it lists.
    #[serde(default, deserialize_with = "null_as_default")]
    pub manifests: Vec<Descriptor>,
    /// What is said about the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Default for Index {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Index {
    /// Of these.
    #[must_use]
    pub fn of(manifests: Vec<Descriptor>) -> Self {
        let media_type = Some(media_type::INDEX.to_owned());
        Self { schema_version: 2, media_type, manifests, annotations: None, rest: Map::new() }
    }
}

/// A configuration and layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2.
    pub schema_version: u32,
    /// [`media_type::MANIFEST`]; Docker's, or absent in old ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub layers: Vec<Descriptor>,
    /// What is said about the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What an image is and how it is started.
/// <https://github.com/opencontainers/image-spec/blob/main/config.md>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When it was made, as RFC 3339 has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// For which platform.
    #[serde(flatten)]
    pub platform: ConfigPlatform,
    /// How it is started.
    #[serde(default, deserialize_with = "null_as_default")]
    pub config: Runtime,
    /// Its layers, unpacked.
    pub rootfs: RootFs,
    /// How its layers came to be.
    #[serde(default, deserialize_with = "null_as_default")]
    pub history: Vec<History>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The platform, as a configuration has it. Without the rest of [`Platform`], whose flattened
/// fields would swallow those of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigPlatform {
    /// `GOARCH`.
    pub architecture: String,
    /// `GOOS`.
    pub os: String,
    /// As in `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl From<&Platform> for ConfigPlatform {
    fn from(platform: &Platform) -> Self {
        let Platform { architecture, os, variant, .. } = platform.clone();
        Self { architecture, os, variant }
    }
}

impl From<&ConfigPlatform> for Platform {
    fn from(platform: &ConfigPlatform) -> Self {
        let ConfigPlatform { architecture, os, variant } = platform.clone();
        Self { architecture, os, variant, rest: Map::new() }
    }
}

/// How an image is started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Runtime {
    /// User, or user:group, by name or number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Ports such as `8080/tcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed_ports: Option<BTreeMap<String, Value>>,
    /// `NAME=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    /// What is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Its arguments, unless others are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Where volumes are expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volumes: Option<BTreeMap<String, Value>>,
    /// The folder it is started in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The layers of an image by the digests of their tars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Lowest first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub diff_ids: Vec<Digest>,
}

/// How one layer came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Whether there is no layer for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_layer: Option<bool>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn docker_nulls_are_absent_and_unknown_fields_are_kept() {
        let text = r#"{"architecture":"amd64","os":"linux","config":{"Env":null,"Healthcheck":{"Test":["x"]}},
            "rootfs":{"type":"layers","diff_ids":null},"history":null,"docker_version":"20"}"#;
        let config: ImageConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.platform.architecture, "amd64");
        assert_eq!((&config.config.env, config.history.len()), (&None, 0));
        let back: Value = serde_json::to_value(&config).unwrap();
        assert_eq!(back["docker_version"], "20");
        assert_eq!(back["config"]["Healthcheck"]["Test"][0], "x");
        assert_eq!(back["architecture"], "amd64");
    }

    #[test]
    fn a_configuration_may_be_absent() {
        for text in [
            r#"{"architecture":"arm64","os":"linux","variant":"v8","rootfs":{"type":"layers"}}"#,
            r#"{"architecture":"arm64","os":"linux","variant":"v8","config":null,"rootfs":{"type":"layers"}}"#,
        ] {
            let config: ImageConfig = serde_json::from_str(text).unwrap();
            assert_eq!(config.config, Runtime::default());
            assert!(
                !serde_json::to_value(&config)
                    .unwrap()
                    .as_object()
                    .unwrap()
                    .contains_key("created")
            );
        }
    }
}
