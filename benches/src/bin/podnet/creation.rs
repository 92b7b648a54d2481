//! A sandbox that is made: the default network through our plugin, and called directly.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kubewright_benches::numbers::{milliseconds, percentile};
use kubewright_cni::{Cni, CniArgs, ConfDir, NetworkConfig, RuntimeConf};
use kubewright_podnet::install::{CONFIGURATION, InstallArgs, PlaceArgs, install};
use kubewright_testkit::Netns;

use crate::node::Node;

/// Creates pods, by turns through the plugin and without it.
pub(crate) async fn measure(node: &Node, plugin: &Path, pods: usize) -> Result<()> {
    let dir = node.dir();
    install(&InstallArgs {
        places: PlaceArgs {
            cni_conf_dir: dir.join("net.d"),
            cni_bin_dir: dir.join("bin"),
            cni_cache_dir: dir.join("run/cni"),
            state_dir: dir.join("state"),
        },
        plugin: Some(plugin.to_owned()),
        socket: dir.join("cni.sock"),
        default_network: None,
        meta_plugin: None,
        dry_run: false,
    })?;
    let ours = NetworkConfig::read(&dir.join("net.d").join(CONFIGURATION))?;
    let default = ConfDir::read(&dir.join("net.d"))?.named("pods").context("the default")?.clone();
    let mut through = Times::default();
    let mut direct = Times::default();
    // Known to the agent before their sandboxes are made, as with a real kubelet.
    let mut uids = Vec::new();
    for number in 0..pods {
        uids.push(node.declare(&format!("new-{number}")).await?);
    }
    tokio::task::block_in_place(|| -> Result<()> {
        let cni = node.cni();
        for (number, uid) in uids.iter().enumerate() {
            let netns = Netns::new()?;
            let args = CniArgs::new()
                .with("IgnoreUnknown", "1")?
                .with("K8S_POD_NAMESPACE", "default")?
                .with("K8S_POD_NAME", &format!("new-{number}"))?
                .with("K8S_POD_UID", uid)?;
            let call = |id: &str| -> Result<RuntimeConf> {
                let id = format!("{id}{number}");
                Ok(RuntimeConf::new(id, Some(netns.path()), "eth0")?.with_args(args.clone()))
            };
            direct.measure(&cni, &default.network, &call("direct")?)?;
            through.measure(&cni, &ours, &call("through")?)?;
        }
        Ok(())
    })?;
    println!("creation of a pod's network, {pods} times");
    let added = Times::line("ADD", &mut through.add, &mut direct.add);
    Times::line("DEL", &mut through.del, &mut direct.del);
    println!("  through the plugin ADD takes {} more (p50)", milliseconds(added));
    Ok(())
}

#[derive(Default)]
struct Times {
    add: Vec<Duration>,
    del: Vec<Duration>,
}

impl Times {
    fn measure(&mut self, cni: &Cni, network: &NetworkConfig, call: &RuntimeConf) -> Result<()> {
        let begin = Instant::now();
        cni.add(network, call)?;
        self.add.push(begin.elapsed());
        let begin = Instant::now();
        cni.del(network, call, None)?;
        self.del.push(begin.elapsed());
        Ok(())
    }

    /// How much longer the median is through the plugin.
    fn line(what: &str, through: &mut [Duration], direct: &mut [Duration]) -> Duration {
        for (how, times) in [("through the plugin", &mut *through), ("directly", &mut *direct)] {
            let (half, most) = (percentile(times, 50), percentile(times, 99));
            let how = format!("{what} {how}");
            println!("  {how:<24} p50 {:>9}  p99 {:>9}", milliseconds(half), milliseconds(most));
        }
        percentile(through, 50).saturating_sub(percentile(direct, 50))
    }
}
