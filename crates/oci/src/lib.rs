//! OCI images without a daemon: written into layouts, joined for several platforms, pushed to
//! registries and pulled from them. Nothing here knows Kubernetes.
//!
//! ```text
//! Tree ──> Layer ─┐                      ┌──> registry (push: children before index)
//! base ───────────┼─> Image ──> Layout ──┤
//! Changes ────────┘             ^   join └──> archive (containerd, docker)
//!                               └── registry (pull)
//! ```
//!
//! Invariants:
//! - The same files give the same digest, on any machine, in any folder, at any time.
//! - A blob is under its digest only when its content has that digest; every read checks again.
//! - What comes from a registry, a tar or a layout is hostile: digests and names are parsed before
//!   they become paths, documents are bounded, and nothing is unpacked.

pub mod archive;
pub mod descriptor;
pub mod digest;
pub mod document;
pub mod gzip;
pub mod image;
pub mod layer;
pub mod layout;
pub mod path;
pub mod platform;
pub mod reference;
pub mod registry;
pub mod scratch;
pub mod tree;

pub use descriptor::Descriptor;
pub use digest::Digest;
pub use image::{Changes, Image};
pub use layout::Layout;
pub use platform::Platform;
pub use reference::Reference;
pub use registry::Registry;
pub use scratch::Scratch;
pub use tree::{Content, Tree};
