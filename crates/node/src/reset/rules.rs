//! Rules of packet filters that Kubernetes leaves.

use super::Item;
use crate::host::{Command, CommandError, Host};

/// Chains whose names begin so are made by Kubernetes, or by networks that we install.
const CHAINS: [&str; 7] =
    ["KUBE-", "FLANNEL-", "CNI-", "CILIUM_", "OLD_CILIUM_", "cali-", "MULTUS-"];
/// Tables of nftables that they make.
const TABLES: [&str; 4] = ["kube-proxy", "flannel-ipv4", "flannel-ipv6", "cni_hostport"];
/// The programs, and what saves and restores with each.
const PROGRAMS: [(&str, &str, &str); 2] = [
    ("iptables", "iptables-save", "iptables-restore"),
    ("ip6tables", "ip6tables-save", "ip6tables-restore"),
];

/// What is there to be removed.
pub(super) async fn found(host: &Host) -> Vec<Item> {
    let mut items = Vec::new();
    for (program, save, _) in PROGRAMS {
        let saved = host.run(&Command::new::<String>(save, [])).await;
        if saved.is_ok_and(|saved| without(&saved.stdout).is_some()) {
            items.push(Item::Chains(program));
        }
    }
    let tables = host.run(&Command::new("nft", ["-j", "list", "tables"])).await;
    let tables = tables.map(|tables| tables.stdout).unwrap_or_default();
    let tables: serde_json::Value = serde_json::from_str(&tables).unwrap_or_default();
    let tables = tables["nftables"].as_array().into_iter().flatten();
    items.extend(tables.filter_map(|item| {
        let (family, name) = (item["table"]["family"].as_str()?, item["table"]["name"].as_str()?);
        let family = ["ip", "ip6", "inet"].into_iter().find(|known| *known == family)?;
        TABLES.contains(&name).then(|| Item::Table(family.to_owned(), name.to_owned()))
    }));
    items
}

/// Removes the chains of a program.
pub(super) async fn remove(host: &Host, program: &str) -> Result<(), CommandError> {
    let Some((_, save, restore)) = PROGRAMS.iter().find(|(name, ..)| *name == program) else {
        return Ok(());
    };
    let saved = host.run(&Command::new::<String>(*save, [])).await?;
    if let Some(rest) = without(&saved.stdout) {
        // Whole tables at once: at no instant are rules of others missing.
        host.run(&Command::new::<String>(*restore, []).reading(rest)).await?;
    }
    Ok(())
}

/// Saved rules without those chains and the jumps to them; nothing when there are none.
fn without(saved: &str) -> Option<String> {
    let is_ours = |name: &str| CHAINS.iter().any(|prefix| name.starts_with(prefix));
    let mut some = false;
    let kept: String = saved
        .lines()
        .filter(|line| {
            let ours = match line.strip_prefix(':') {
                Some(chain) => chain.split(' ').next().is_some_and(is_ours),
                None => {
                    let mut words = line.split(' ');
                    let mut ours = line.starts_with("-A ") && words.nth(1).is_some_and(is_ours);
                    let words: Vec<&str> = line.split(' ').collect();
                    ours |= words.windows(2).any(|pair| {
                        matches!(pair[0], "-j" | "-g" | "--jump" | "--goto") && is_ours(pair[1])
                    });
                    ours
                }
            };
            some |= ours;
            !ours
        })
        .map(|line| format!("{line}\n"))
        .collect();
    some.then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_others_stay_in_order() {
        let saved = "*filter\n:INPUT ACCEPT [1:2]\n:KUBE-FIREWALL - [0:0]\n:MINE - [0:0]\n-A INPUT -j KUBE-FIREWALL\n-A INPUT -p tcp -j MINE\n-A INPUT -m comment --comment \"-j KUBE-\" -j ACCEPT\n-A KUBE-FIREWALL -j DROP\n-A MINE -j RETURN\nCOMMIT\n";
        assert_eq!(
            without(saved).as_deref(),
            Some(
                "*filter\n:INPUT ACCEPT [1:2]\n:MINE - [0:0]\n-A INPUT -p tcp -j MINE\n-A INPUT -m comment --comment \"-j KUBE-\" -j ACCEPT\n-A MINE -j RETURN\nCOMMIT\n"
            )
        );
        assert_eq!(without("*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"), None);
    }
}
