//! The networks of pods and Services, as kubeadm and the components behind it take them.

use ipnet::IpNet;

/// Addresses that kubeadm wants a network of Services to have at least.
const FEWEST_SERVICES: u128 = 10;
/// Bits of a Service's address that the API server can keep count of.
const SERVICE_BITS: u8 = 20;
/// Length of the part of the pods' network that each node gets, by the controller manager's default.
const NODE_MASK: (u8, u8) = (24, 64);
/// Nodes that the controller manager can keep count of, in bits.
const NODE_BITS: u8 = 16;

/// The networks of a subnet: one, or one of each family.
pub(crate) fn networks(text: &str) -> Option<Vec<IpNet>> {
    let networks: Vec<IpNet> =
        text.split(',').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    match networks.as_slice() {
        [_] => Some(networks),
        [a, b] if is_v4(a) != is_v4(b) => Some(networks),
        _ => None,
    }
}

/// What is wrong with the two subnets, by their keys.
pub(super) fn faults(pods: &str, services: &str) -> Vec<(&'static str, String)> {
    const PODS: &str = "network.podSubnet";
    const SERVICES: &str = "network.serviceSubnet";
    let mut faults = Vec::new();
    let mut read = |key, text, example: &str| {
        let found = networks(text);
        if found.is_none() {
            let message = format!("has to be a network, as in {example}, or one of each family");
            faults.push((key, message));
        }
        let found = found.unwrap_or_default();
        for network in found.iter().filter(|network| network.addr() != network.network()) {
            let message =
                format!("{network} is an address in a network: write {}", network.trunc());
            faults.push((key, message));
        }
        found
    };
    let pods = read(PODS, pods, "172.16.0.0/13");
    let services = read(SERVICES, services, "172.24.0.0/16");
    for pod in &pods {
        let mask = if is_v4(pod) { NODE_MASK.0 } else { NODE_MASK.1 };
        if pod.prefix_len() > mask || mask - pod.prefix_len() > NODE_BITS {
            let least = mask - NODE_BITS;
            let message = format!(
                "{pod} has to be from /{least} to /{mask}: each node gets a /{mask} of it, and there can be 2^{NODE_BITS} of them"
            );
            faults.push((PODS, message));
        }
    }
    for service in &services {
        let bits = service.max_prefix_len() - service.prefix_len();
        if bits > SERVICE_BITS {
            let least = service.max_prefix_len() - SERVICE_BITS;
            faults.push((
                SERVICES,
                format!("{service} is too large: it has to be /{least} or smaller"),
            ));
        } else if (1_u128 << bits) < FEWEST_SERVICES {
            let message = format!("{service} is too small: {FEWEST_SERVICES} addresses are needed");
            faults.push((SERVICES, message));
        }
    }
    let overlap = |a: &IpNet, b: &IpNet| a.contains(b) || b.contains(a);
    if pods.iter().any(|pod| services.iter().any(|service| overlap(pod, service))) {
        let message = "and podSubnet overlap: addresses would be ambiguous";
        faults.push((SERVICES, message.to_owned()));
    }
    let families = |networks: &[IpNet]| networks.iter().map(is_v4).collect::<Vec<_>>();
    // Services of a family in which no pod has an address lead nowhere.
    if !pods.is_empty() && families(&services).iter().any(|it| !families(&pods).contains(it)) {
        let message = "has a family that podSubnet has not: its Services could have no endpoints";
        faults.push((SERVICES, message.to_owned()));
    }
    faults
}

fn is_v4(network: &IpNet) -> bool {
    network.addr().is_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_are_as_kubeadm_wants_them() {
        let table = [
            ("172.16.0.0/13", "172.24.0.0/16", None),
            ("10.1.0.0/16,fd00:1::/56", "10.2.0.0/16,fd00:2::/112", None),
            ("fd00:1::/56,10.1.0.0/16", "fd00:2::/112", None),
            ("10.0.0.1/16", "172.24.0.0/16", Some("write 10.0.0.0/16")),
            ("10.0.0.0/16", "172.24.0.9/24", Some("write 172.24.0.0/24")),
            ("10.0.0.0/25", "172.24.0.0/16", Some("from /8 to /24")),
            ("0.0.0.0/7", "172.24.0.0/16", Some("from /8 to /24")),
            ("fd00:1::/47,10.0.0.0/16", "172.24.0.0/16", Some("from /48 to /64")),
            ("10.0.0.0/16", "172.0.0.0/11", Some("/12 or smaller")),
            ("fd00:1::/56", "fd00:2::/64", Some("/108 or smaller")),
            ("10.0.0.0/16", "172.24.0.0/29", Some("too small")),
            ("10.0.0.0/16", "10.0.9.0/24", Some("overlap")),
            ("10.0.0.0/16", "fd00:2::/112", Some("no endpoints")),
            ("10.0.0.0/16", "10.1.0.0/16,fd00:2::/112", Some("no endpoints")),
            ("10.0.0.0/16,10.1.0.0/16", "172.24.0.0/16", Some("one of each family")),
            ("10.0.0.0/16,", "172.24.0.0/16", Some("one of each family")),
            ("10.0.0.0", "172.24.0.0/16", Some("has to be a network")),
        ];
        for (pods, services, wanted) in table {
            let found: Vec<String> =
                faults(pods, services).into_iter().map(|(_, message)| message).collect();
            match wanted {
                None => assert!(found.is_empty(), "{pods} {services}: {found:?}"),
                Some(text) => assert!(
                    found.len() == 1 && found[0].contains(text),
                    "{pods} {services}: {found:?}"
                ),
            }
        }
    }
}
