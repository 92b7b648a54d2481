//! Rules of packet filters that Kubernetes leaves.

use super::{Item, Left, Plan};
use crate::host::{Command, CommandError, Host};

/// Chains whose names begin so are made by Kubernetes, or by networks that we install.
const CHAINS: [&str; 4] = ["KUBE-", "FLANNEL-", "CILIUM_", "OLD_CILIUM_"];
/// Tables of nftables that they make.
const TABLES: [&str; 3] = ["kube-proxy", "flannel-ipv4", "flannel-ipv6"];
/// Chains that networks leave which others use besides: Calico, and the plugins that podman and
/// flannel share.
const SHARED_CHAINS: [&str; 2] = ["cali-", "CNI-"];
/// The same of nftables.
const SHARED_TABLES: [&str; 2] = ["calico", "cni_hostport"];
/// The programs, and what saves and restores with each.
const PROGRAMS: [(&str, &str, &str); 2] = [
    ("iptables", "iptables-save", "iptables-restore"),
    ("ip6tables", "ip6tables-save", "ip6tables-restore"),
];

/// What is there: removed where a kubelet of ours ran (`proved`), told otherwise.
pub(super) async fn found(host: &Host, proved: bool, plan: &mut Plan) {
    for (program, save, _) in PROGRAMS {
        let Ok(saved) = host.run(&Command::new::<String>(save, [])).await else { continue };
        let told = |prefix: &str| {
            let what = format!("the chains {prefix}… of {program}");
            Left::unproved(what, format!("`{program} -S` shows them; they are gone after a reboot"))
        };
        let present = |prefix: &&&str| {
            saved
                .stdout
                .lines()
                .any(|line| line.strip_prefix(':').is_some_and(|it| it.starts_with(**prefix)))
        };
        if without(&saved.stdout).is_some() && proved {
            plan.items.push(Item::Chains(program));
        } else {
            plan.left.extend(CHAINS.iter().filter(present).map(|prefix| told(prefix)));
        }
        plan.left.extend(SHARED_CHAINS.iter().filter(present).map(|prefix| told(prefix)));
    }
    let tables = host.run(&Command::new("nft", ["-j", "list", "tables"])).await;
    let tables = tables.map(|tables| tables.stdout).unwrap_or_default();
    let tables: serde_json::Value = serde_json::from_str(&tables).unwrap_or_default();
    let tables = tables["nftables"].as_array().into_iter().flatten();
    let tables = tables.filter_map(|item| {
        let (family, name) = (item["table"]["family"].as_str()?, item["table"]["name"].as_str()?);
        ["ip", "ip6", "inet"].contains(&family).then_some((family, name))
    });
    for (family, name) in tables {
        let known = TABLES.contains(&name);
        if known || SHARED_TABLES.contains(&name) {
            let item = Item::Table(family.to_owned(), name.to_owned());
            let what = format!("the nftables table {family} {name}");
            let remove = format!("`nft delete table {family} {name}` removes it");
            plan.sort(known && proved, item, || Left::unproved(what, remove));
        }
    }
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
