//! What the tests of several crates share: clusters, loud skips, network namespaces, containerd and
//! a CNI plugin.
//!
//! ```text
//! require!(require::root(), require::program("nft"))   skip with a reason, or fail in CI
//! Netns::new()? ── exec / run_in ──> a namespace that is gone with the value
//! TestCluster::start().await? ── client() ──> an embedded server of the test's own, or
//!                                             its own namespace of a real cluster
//! TestCluster::alone(groups).await? ──────────> the same, in turns where it is a real cluster
//! cni::plugin_dir() ── cni::Behaviour ────────> a CNI plugin that does what its configuration says
//! Containerd::start().await? ── client() ─────> CRI of a containerd of the test's own
//! Registry::start()? ── host() ───────────────> an image registry of the test's own
//! Federation::create(folder)? ───────────────> ten Go repositories and a workspace of them
//! docs::Page::read(text)? ── docs::run ────────> the commands of a page, on machines of its own
//! ```
//!
//! Invariants: nothing here touches the namespace of the test process, and everything made is
//! removed on drop, also when a test panics.

pub mod cluster;
pub mod cni;
pub mod containerd;
pub mod docs;
pub mod federation;
pub mod netns;
pub mod registry;
pub mod require;
pub mod rights;
pub mod spy;
pub mod turn;
pub mod until;

pub use cluster::TestCluster;
pub use containerd::Containerd;
pub use federation::Federation;
pub use netns::Netns;
pub use registry::Registry;
