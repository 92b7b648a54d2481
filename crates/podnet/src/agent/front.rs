//! Who makes the networks of sandboxes: the container runtime uses the first configuration of its
//! folder. That is our plugin's where it is installed, unless others put theirs before it or move it
//! away.
//!
//! Cilium does so unless it is told `cni.exclusive=false`. Pods that start then silently get the
//! cluster's network alone; what runs is plugged and unplugged as ever. Where the plugin was never
//! installed, that is as it should be.

use std::path::{Path, PathBuf};

use kubewright_attachment::annotation::Dialect;
use kubewright_attachment::default_network;
use kubewright_cni::{Cni, ConfDir, Loaded};

use crate::install::{CONFIGURATION, PLUGIN};

/// What the folders of the runtime say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// The first configuration calls our plugin.
    first: bool,
    /// The plugin is installed.
    program: bool,
    /// Our configuration is there, but not as the first, or under another name.
    aside: Option<PathBuf>,
    /// In which dialect the cluster's network follows annotations itself.
    follows: Option<Dialect>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Front {
    was_first: bool,
    displaced: bool,
    follows: Option<Dialect>,
}

/// What has become of our place since the last look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Another configuration has it, and ours may be here.
    Displaced(Option<PathBuf>),
    /// It is ours again, or the plugin is gone as well.
    Over,
}

impl Front {
    /// Looks into the folders.
    pub(crate) fn look(&mut self, conf_dir: &Path, cni: &Cni) -> Option<Turn> {
        // Folders that cannot be read tell nothing.
        self.turn(see(conf_dir, cni)?)
    }

    /// Whether another configuration has the plugin's place.
    pub(crate) fn is_displaced(&self) -> bool {
        self.displaced
    }

    /// In which dialect the cluster's network follows annotations itself, when a sandbox is made.
    pub(crate) fn follows(&self) -> Option<Dialect> {
        self.follows
    }

    fn turn(&mut self, seen: Seen) -> Option<Turn> {
        self.follows = seen.follows;
        // Uninstalling takes the configuration first and then the plugin.
        self.was_first = seen.first || self.was_first && seen.program;
        let expected = seen.program && (self.was_first || seen.aside.is_some());
        let displaced = expected && !seen.first;
        let before = std::mem::replace(&mut self.displaced, displaced);
        match (before, displaced) {
            (false, true) => Some(Turn::Displaced(seen.aside)),
            (true, false) => Some(Turn::Over),
            _ => None,
        }
    }
}

fn see(conf_dir: &Path, cni: &Cni) -> Option<Seen> {
    let read = ConfDir::read(conf_dir).ok()?;
    let calls_us = |loaded: &Loaded| {
        loaded.network.plugins().iter().any(|plugin| plugin.plugin_type() == PLUGIN)
    };
    let first = read.networks.first().is_some_and(calls_us);
    let clusters = read.networks.iter().find(|loaded| !calls_us(loaded));
    let plugin = clusters.and_then(|loaded| loaded.network.plugins().first());
    let follows = plugin.and_then(|plugin| default_network::follows(plugin.plugin_type()));
    let behind = read.networks.iter().find(|loaded| calls_us(loaded));
    let renamed = || {
        // As Cilium does it, with an ending that no runtime reads.
        let files = conf_dir.read_dir().ok()?.flatten().map(|file| file.path());
        let name = |path: &PathBuf| path.file_name()?.to_str().map(str::to_owned);
        let mut files = files.filter(|path| {
            name(path).is_some_and(|name| name != CONFIGURATION && name.starts_with(CONFIGURATION))
        });
        files.next()
    };
    let aside = match first {
        true => None,
        false => behind.map(|loaded| loaded.path.clone()).or_else(renamed),
    };
    Some(Seen { first, program: cni.has(PLUGIN), aside, follows })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_meta_plugin_behind_ours_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut front = Front::default();
        for (kind, follows) in [
            ("bridge", None),
            ("multus", Some(Dialect::Standard)),
            ("multus-shim", Some(Dialect::Standard)),
            ("kactus", Some(Dialect::Kaloom)),
        ] {
            for (name, kind) in [(CONFIGURATION, PLUGIN), ("10-cluster.conf", kind)] {
                let network = format!(r#"{{"cniVersion":"1.0.0","name":"n","type":"{kind}"}}"#);
                fs::write(folder.path().join(name), network).unwrap();
            }
            assert_eq!(front.look(folder.path(), &Cni::new([folder.path()])), None);
            assert_eq!(front.follows(), follows);
        }
    }

    #[test]
    fn whoever_takes_our_place_is_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let (conf, bin) = (folder.path().join("net.d"), folder.path().join("bin"));
        for made in [&conf, &bin] {
            fs::create_dir(made).unwrap();
        }
        let network =
            |kind: &str| format!(r#"{{"cniVersion":"1.0.0","name":"n","type":"{kind}"}}"#);
        let put = |name: &str, kind: &str| fs::write(conf.join(name), network(kind)).unwrap();
        let cni = Cni::new([bin.clone()]);
        let mut front = Front::default();
        // Never installed, or not yet.
        put("10-cluster.conf", "bridge");
        assert_eq!(front.look(&conf, &cni), None);
        fs::write(bin.join(PLUGIN), "").unwrap();
        fs::set_permissions(bin.join(PLUGIN), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(front.look(&conf, &cni), None);
        put(CONFIGURATION, PLUGIN);
        assert_eq!(front.look(&conf, &cni), None);
        // Cilium moves it away.
        let backup = conf.join(format!("{CONFIGURATION}.cilium_bak"));
        fs::rename(conf.join(CONFIGURATION), &backup).unwrap();
        assert_eq!(front.look(&conf, &cni), Some(Turn::Displaced(Some(backup.clone()))));
        assert_eq!((front.look(&conf, &cni), front.is_displaced()), (None, true));
        // An agent that starts now sees it as well.
        let mut next = Front::default();
        assert_eq!(next.look(&conf, &cni), Some(Turn::Displaced(Some(backup.clone()))));
        fs::rename(&backup, conf.join(CONFIGURATION)).unwrap();
        assert_eq!(front.look(&conf, &cni), Some(Turn::Over));
        // Another one comes before it.
        put("00-first.conf", "bridge");
        let ours = Some(conf.join(CONFIGURATION));
        assert_eq!(front.look(&conf, &cni), Some(Turn::Displaced(ours)));
        fs::remove_file(conf.join("00-first.conf")).unwrap();
        assert_eq!(front.look(&conf, &cni), Some(Turn::Over));
        // It is removed, and put nowhere.
        fs::remove_file(conf.join(CONFIGURATION)).unwrap();
        assert_eq!(front.look(&conf, &cni), Some(Turn::Displaced(None)));
        // With the plugin gone, too, it is uninstalled.
        fs::remove_file(bin.join(PLUGIN)).unwrap();
        assert_eq!((front.look(&conf, &cni), front.is_displaced()), (Some(Turn::Over), false));
        fs::remove_dir_all(&conf).unwrap();
        assert_eq!(front.look(&conf, &cni), None);
    }
}
