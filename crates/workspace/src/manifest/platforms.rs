//! Platforms as people write them: `["linux/amd64", "linux/arm64"]`.

use kubewright_oci::Platform;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(
    platforms: &[Platform],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(platforms.iter().map(ToString::to_string))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Platform>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

/// A platform as part of a file name: `linux-amd64`.
#[must_use]
pub fn file_name(platform: &Platform) -> String {
    platform.to_string().replace('/', "-")
}
