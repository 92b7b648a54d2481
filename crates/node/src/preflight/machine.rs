//! Our own checks: what kubeadm does not look at, or says too late.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::FileTypeExt as _;

use ipnet::IpNet;

use super::{CheckResult, Outcome, Report};
use crate::config::subnet::networks;
use crate::config::{NodeConfiguration, RuntimeEngine};
use crate::host::{Command, Host};

/// What was found on a machine.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whether we are root.
    pub root: bool,
    /// Whether there is a kubelet.
    pub kubelet: bool,
    /// Whether the runtime's socket is there.
    pub socket: bool,
    /// Areas of swap.
    pub swap: Vec<String>,
    /// Networks that the machine has routes to.
    pub routes: Vec<IpNet>,
    /// Whether containerd reads `hosts.toml` files; nothing when that cannot be told.
    pub hosts_toml: Option<bool>,
    /// Whether containerd puts containers into cgroups of its own, where systemd has them: kubeadm
    /// has the kubelet leave that to systemd.
    pub own_cgroups: bool,
}

/// Looks at a machine.
pub async fn of_machine(host: &Host, configuration: &NodeConfiguration) -> Facts {
    let socket = host.path(configuration.runtime.socket_path());
    let swap = fs::read_to_string(host.path("/proc/swaps")).unwrap_or_default();
    let containerd = fs::read_to_string(host.path("/etc/containerd/config.toml")).ok();
    Facts {
        root: rustix::process::geteuid().is_root() || !host.is_this(),
        kubelet: host.find("kubelet").is_some(),
        socket: fs::metadata(socket).is_ok_and(|it| it.file_type().is_socket()),
        swap: swap
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect(),
        routes: routes(host).await,
        own_cgroups: host.path("/run/systemd/system").is_dir()
            && !containerd.as_deref().is_some_and(leaves_cgroups),
        hosts_toml: containerd.map(|text| reads_hosts(&text)),
    }
}

/// The networks that routes lead to, by `ip`; none when it is not there.
async fn routes(host: &Host) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for family in ["-4", "-6"] {
        let command = Command::new("ip", [family, "-j", "route", "show", "table", "main"]);
        let Ok(output) = host.run(&command).await else { continue };
        let routes: Vec<serde_json::Value> =
            serde_json::from_str(&output.stdout).unwrap_or_default();
        networks.extend(routes.iter().filter_map(|route| {
            let destination = route["dst"].as_str()?;
            let address = || destination.parse::<IpAddr>().ok().map(IpNet::from);
            // Routes of an earlier pod network are not someone else's.
            let device = route["dev"].as_str().unwrap_or_default();
            let pods = ["cni", "flannel", "cilium", "veth", "lxc"];
            let ours = pods.iter().any(|prefix| device.starts_with(prefix));
            (!ours).then(|| destination.parse().ok().or_else(address)).flatten()
        }));
    }
    networks
}

/// Whether a configuration of containerd leaves cgroups to systemd, which it does not by itself.
fn leaves_cgroups(text: &str) -> bool {
    let lines = text.lines().map(str::trim);
    let mut values = lines.filter_map(|line| line.strip_prefix("SystemdCgroup"));
    values.any(|rest| rest.trim_start().strip_prefix('=').is_some_and(|it| it.trim() == "true"))
}

/// Whether a configuration of containerd names a folder of `hosts.toml` files.
fn reads_hosts(text: &str) -> bool {
    let lines = text.lines().map(str::trim);
    lines.filter_map(|line| line.strip_prefix("config_path")?.trim().strip_prefix('=')).any(
        |value| {
            value
                .trim()
                .trim_matches(['"', '\''])
                .split(':')
                .any(|path| path == "/etc/containerd/certs.d")
        },
    )
}

/// What is to be said about what was found. Pure.
#[must_use]
pub fn check(configuration: &NodeConfiguration, facts: &Facts) -> Report {
    let socket = configuration.runtime.socket_path();
    let failed = |check: &str, message: &str, fix: &str| {
        CheckResult::new(Outcome::Failed, check, message, fix)
    };
    let mut results = vec![
        match facts.root {
            true => CheckResult::passed("user", "is root"),
            false => failed("user", "is not root", "run as root"),
        },
        match facts.kubelet {
            true => CheckResult::passed("kubelet", "is installed"),
            false => {
                failed("kubelet", "is not installed", "install the kubelet of kubeadm's version")
            }
        },
        match facts.socket {
            true => CheckResult::passed("runtime", format!("listens at {socket}")),
            false => failed(
                "runtime",
                &format!("does not listen at {socket}"),
                "start it, or say with runtime.engine or runtime.socket where it listens",
            ),
        },
        match facts.swap.as_slice() {
            [] => CheckResult::passed("swap", "is off"),
            areas => failed(
                "swap",
                &format!("is on ({}), and kubelets do not start then", areas.join(", ")),
                "`swapoff -a`, and remove it from /etc/fstab",
            ),
        },
    ];
    let network = &configuration.network;
    for (key, subnet) in
        [("podSubnet", &network.pod_subnet), ("serviceSubnet", &network.service_subnet)]
    {
        let wanted = networks(subnet).unwrap_or_default();
        // A cluster that is joined has its subnets already, which this file does not know.
        let taken = facts.routes.iter().find(|route| {
            // The default route leads everywhere.
            configuration.is_seeder()
                && route.prefix_len() > 0
                && wanted.iter().any(|subnet| subnet.contains(*route) || route.contains(subnet))
        });
        results.push(match taken {
            None => CheckResult::passed(key, format!("{subnet} is free")),
            Some(route) => failed(
                key,
                &format!("{subnet} overlaps with {route}, which this machine has a route to"),
                &match key {
                    // Docker's bridge is in the default.
                    "podSubnet" => format!(
                        "choose another with network.{key}, as 10.244.0.0/16 where that is free"
                    ),
                    _ => format!("choose another with network.{key}"),
                },
            ),
        });
    }
    let address = network.bind.address.parse::<IpAddr>().ok();
    let first = networks(&network.service_subnet).and_then(|all| all.into_iter().next());
    if let (Some(address), Some(first)) = (address, first)
        && configuration.is_seeder()
        && address.is_ipv4() != first.addr().is_ipv4()
    {
        results.push(failed(
            "address",
            &format!("{address} is not of the family of {first}, which API servers insist on"),
            "give network.bind.address of that family, or put the other network of serviceSubnet first",
        ));
    }
    if facts.own_cgroups && configuration.runtime.engine == RuntimeEngine::Containerd {
        results.push(CheckResult::warning(
            "cgroups",
            "containerd is not told to leave cgroups to systemd, as the kubelet does: with an older one than 2.0, pods end again and again",
            "set SystemdCgroup = true for runc in /etc/containerd/config.toml, and restart it",
        ));
    }
    let mirrors =
        configuration.bootstrap.registries.iter().any(|registry| !registry.mirrors.is_empty());
    if mirrors && configuration.runtime.engine == RuntimeEngine::Containerd {
        results.push(match facts.hosts_toml {
            Some(true) => CheckResult::passed("registries", "containerd reads /etc/containerd/certs.d"),
            _ => failed(
                "registries",
                "containerd does not read /etc/containerd/certs.d, so mirrors would have no effect",
                "set config_path = \"/etc/containerd/certs.d\" for the registry of its CRI plugin in /etc/containerd/config.toml, and restart it",
            ),
        });
    }
    Report(results)
}
