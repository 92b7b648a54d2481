//! What would make the machine a node again by itself: the units that run `node init` and `join`.

use std::fs;
use std::path::Path;

use super::{Item, Left, Plan};
use crate::cloud_init::{ENVIRONMENT_FILE, Role};
use crate::host::Host;

/// What systemd starts at boot is linked there.
const WANTED: &str = "/etc/systemd/system/multi-user.target.wants";

/// The same from an image: podman makes a unit of it.
const QUADLET: &str = "/etc/containers/systemd/kubewright-node.container";

/// Lists what is enabled, and tells what is left of it.
pub(super) fn found(host: &Host, plan: &mut Plan) {
    let there = |path: &Path| fs::symlink_metadata(host.path(path)).is_ok();
    for unit in [Role::Seeder.unit(), Role::Node.unit()] {
        if there(&Path::new(WANTED).join(unit)) {
            plan.items.push(Item::Unit(unit));
        }
    }
    for (path, why) in [
        (QUADLET, "it makes this machine a node again at the next boot"),
        (ENVIRONMENT_FILE, "it was not written by kubewright, and may hold a token"),
    ] {
        if there(Path::new(path)) {
            plan.left.push(Left::new(path, why, format!("`rm {path}` removes it")));
        }
    }
}
