//! kubeadm's own checks, read out of what it prints.

use super::{CheckResult, Outcome, Report};

/// What to do about a check, by the beginning of its name.
const FIXES: &[(&str, &str)] = &[
    ("IsPrivilegedUser", "run as root"),
    (
        "Port-",
        "stop what listens there (`ss -ltnp` tells), or `kubewright node reset` if it is an earlier attempt",
    ),
    ("FileAvailable-", "an earlier attempt left it: `kubewright node reset`, then again"),
    ("DirAvailable-", "it has to be empty: `kubewright node reset`, then again"),
    ("FileExisting-", "install the program"),
    (
        "FileContent--proc-sys-net-",
        "load br_netfilter and set it to 1: `modprobe br_netfilter`, `sysctl --system`",
    ),
    ("Swap", "`swapoff -a`, and remove swap from /etc/fstab"),
    ("NumCPU", "give the machine 2 CPUs or more"),
    ("Mem", "give the machine 1700 MB of memory or more"),
    ("Hostname", "make the name resolve, or choose one with node.name"),
    ("Service-Kubelet", "`systemctl enable kubelet.service`"),
    ("Service-Firewalld", "open the ports of the API server and the kubelet, 6443 and 10250"),
    ("Service-", "enable and start the service"),
    ("CRI", "start the container runtime, and see that runtime.engine and runtime.socket name it"),
    ("ContainerRuntimeVersion", "update the container runtime"),
    (
        "ImagePull",
        "see that the registry is reached (network.proxy, bootstrap.registries), or bring the images with bootstrap.images",
    ),
    ("KubeletVersion", "install a kubelet of kubeadm's version"),
    ("KubernetesVersion", "install a kubeadm that knows this version"),
    ("SystemVerification", "see what kubeadm says about the kernel and its cgroups"),
    ("HTTPProxy", "add the address to network.proxy.noProxy"),
    ("ExternalEtcd", "see that etcd is reached with these certificates"),
    (
        "SandboxImage",
        "name kubeadm's in the runtime's configuration (sandbox_image or sandbox of containerd, pause_image of CRI-O) and restart it: in an air gap the other one cannot be pulled",
    ),
    ("CertificateExpired", "renew the certificate"),
];

/// The results in what `kubeadm … phase preflight` said, on either output.
#[must_use]
pub fn of_kubeadm(said: &str) -> Report {
    let mut results: Vec<CheckResult> = Vec::new();
    for line in said.lines() {
        let outcome = |word| match word {
            "ERROR" => Some(Outcome::Failed),
            "WARNING" => Some(Outcome::Warning),
            _ => None,
        };
        // A line of its log, of no check: what follows `file.go:123] `.
        if let Some((_, found)) = line.split_once("] detected that the sandbox image ") {
            let message = format!("the sandbox image {}", found.trim());
            results.push(CheckResult::warning("SandboxImage", message, fix("SandboxImage")));
            continue;
        }
        let result = line.trim().strip_prefix('[').and_then(|rest| {
            let (head, message) = rest.split_once("]: ")?;
            let (word, check) = head.split_once(' ')?;
            Some(CheckResult::new(outcome(word)?, check, message.trim(), fix(check)))
        });
        match (result, results.last_mut()) {
            (Some(result), _) => results.push(result),
            // Messages go on in further lines, indented or as output of a program.
            (None, Some(last)) if !line.starts_with('[') && !line.contains("preflight") => {
                let more = line.trim();
                if !more.is_empty() && last.outcome == Outcome::Failed && last.message.len() < 500 {
                    last.message = format!("{} {more}", last.message);
                }
            }
            _ => {}
        }
    }
    Report(results)
}

fn fix(check: &str) -> &'static str {
    let known = FIXES.iter().find(|(prefix, _)| check.starts_with(prefix));
    known.map_or("see https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/troubleshooting-kubeadm/", |(_, fix)| fix)
}
