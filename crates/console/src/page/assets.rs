//! The style sheet, the script and the icon, under a path that changes with them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

/// A file that is served as it is.
pub(crate) struct Asset {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) content: &'static str,
}

const ALL: [Asset; 3] = [
    Asset {
        name: "console.css",
        kind: "text/css; charset=utf-8",
        content: include_str!("assets/console.css"),
    },
    Asset {
        name: "console.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("assets/console.js"),
    },
    Asset { name: "icon.svg", kind: "image/svg+xml", content: include_str!("assets/icon.svg") },
];

static PREFIX: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    for asset in &ALL {
        asset.content.hash(&mut hasher);
    }
    format!("/assets/{:016x}", hasher.finish())
});

/// The folder of this version's assets.
pub(crate) fn prefix() -> &'static str {
    &PREFIX
}

/// An asset by its name.
pub(crate) fn find(name: &str) -> Option<&'static Asset> {
    const { &ALL }.iter().find(|asset| asset.name == name)
}
