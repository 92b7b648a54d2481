//! A CNI plugin for tests: speaks every version with CHECK, STATUS and GC, touches no interface,
//! and does what its configuration says.
//!
//! ```
//! use kubewright_testkit::cni::{PLUGIN, calls, plugin_dir};
//! use serde_json::json;
//!
//! # fn main() -> std::io::Result<()> {
//! let files = std::env::temp_dir();
//! let network = json!({
//!     "cniVersion": "1.1.0",
//!     "name": "blue",
//!     "plugins": [{"type": PLUGIN, "testkit": {
//!         "record": files.join("calls"),
//!         "on": {"ADD": {"fail": {"code": 11, "msg": "come back later"}}},
//!     }}],
//! });
//! // Call it in any way, with `plugin_dir()` as the folder of plugins; then:
//! let add = calls(&files.join("calls"))?.into_iter().find(|call| call.command == "ADD");
//! # assert!(add.is_none() && network.is_object() && plugin_dir().join(PLUGIN).is_file());
//! # Ok(())
//! # }
//! ```
//!
//! The program is built with this crate, so it is there for the tests of every crate that depends
//! on it, and never older than this crate.

mod behaviour;

use std::path::Path;
use std::{fs, io};

pub use behaviour::{Behaviour, Call, Step};

/// Its type, which is the name of its program.
pub const PLUGIN: &str = "testkit-cni-plugin";

/// The folder it is in, to be given where plugins are looked for.
#[must_use]
pub fn plugin_dir() -> &'static Path {
    Path::new(env!("TESTKIT_CNI_BIN_DIR"))
}

/// The calls recorded in a file so far, in order; none when there is no file yet.
///
/// # Errors
/// When the file cannot be read, or is no such record.
pub fn calls(file: &Path) -> io::Result<Vec<Call>> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    text.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
}
