//! Releasing on what Felix leaves in a real kernel.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use kubewright_hostendpoint::guard::chains::BootTable;
use kubewright_hostendpoint::guard::record::{self, Event, Found};
use kubewright_hostendpoint::guard::release::Released;
use kubewright_hostendpoint::guard::{LocalEndpoints, release, status};
use kubewright_testkit::require::{program, programs, root};
use kubewright_testkit::{Netns, require};

use crate::lab::{Lab, PROGRAMS};

/// The rules of Felix for one interface, in the format of iptables-save.
const FELIX_IPTABLES: &str = "*filter
:cali-INPUT - [0:0]
:cali-OUTPUT - [0:0]
:cali-from-host-endpoint - [0:0]
:cali-to-host-endpoint - [0:0]
:cali-fh-eth0 - [0:0]
:cali-th-eth0 - [0:0]
-A INPUT -j cali-INPUT
-A OUTPUT -j cali-OUTPUT
-A cali-INPUT -j cali-from-host-endpoint
-A cali-OUTPUT -j cali-to-host-endpoint
-A cali-from-host-endpoint -i eth0 -g cali-fh-eth0
-A cali-to-host-endpoint -o eth0 -g cali-th-eth0
-A cali-fh-eth0 -j RETURN
-A cali-th-eth0 -j RETURN
COMMIT
";

/// The same in nftables mode, dispatched through a verdict map.
pub(crate) const FELIX_NFTABLES: &str = "
table ip calico {
    map filter-cali-from-host-endpoint {
        type ifname : verdict
        elements = { \"eth0\" : goto filter-cali-fh-eth0 }
    }
    chain filter-INPUT {
        type filter hook input priority 0; policy accept;
        jump filter-cali-INPUT
    }
    chain filter-OUTPUT {
        type filter hook output priority 0; policy accept;
        oifname \"eth0\" goto filter-cali-th-eth0
    }
    chain filter-cali-INPUT {
        iifname vmap @filter-cali-from-host-endpoint
    }
    chain filter-cali-fh-eth0 {
        return
    }
    chain filter-cali-th-eth0 {
        return
    }
}
table ip6 calico {
    chain filter-INPUT {
        type filter hook input priority 0; policy accept;
        iifname \"eth0\" goto filter-cali-fh-eth0
    }
    chain filter-OUTPUT {
        type filter hook output priority 0; policy accept;
        oifname \"eth0\" goto filter-cali-th-eth0
    }
    chain filter-cali-fh-eth0 {
        return
    }
    chain filter-cali-th-eth0 {
        return
    }
}
";

/// Runs a program on the node with an input.
pub(crate) fn feed(netns: &Netns, program: &str, arguments: &[&str], input: &str) {
    let mut child = netns.command(program).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{program} {arguments:?}");
}

/// Answers as Felix does on the node's loopback, until dropped.
pub(crate) struct FakeFelix {
    listener: TcpListener,
    ready: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeFelix {
    pub(crate) fn on(netns: &Netns) -> Self {
        let listener = netns.run_in(|| TcpListener::bind("127.0.0.1:0").unwrap());
        let ready = Arc::new(AtomicBool::new(true));
        let (accepting, answer) = (listener.try_clone().unwrap(), ready.clone());
        let thread = std::thread::spawn(move || {
            while let Ok((mut connection, _)) = accepting.accept() {
                let status = match answer.load(Ordering::Relaxed) {
                    true => "204 No Content",
                    false => "503 Service Unavailable",
                };
                // A client may be killed at any moment.
                let _ = connection.read(&mut [0; 1024]);
                let _ = write!(connection, "HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
            }
        });
        Self { listener, ready, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/readiness", self.listener.local_addr().unwrap())
    }
}

impl Drop for FakeFelix {
    fn drop(&mut self) {
        // Ends the accept that the thread waits in.
        rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).unwrap();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Locked and without chains the node stays locked; `load` puts the chains there, and it is released.
fn is_released_by(lab: &Lab, load: impl FnOnce()) {
    lab.lock();
    let felix = FakeFelix::on(&lab.node);
    let url = felix.url();
    let arguments = ["--interface", "eth0", "--felix-url", url.as_str()];
    let (status_args, release_args) = (lab.status_args(&arguments), lab.release_args(&arguments));
    let endpoints = status_args.readiness.local_endpoints().unwrap();
    let status = || lab.on_node(async { status::run(&status_args, &endpoints).await.unwrap() });
    let release =
        |args| lab.on_node(async move { release::run(args, &endpoints_of(args)).await.unwrap() });

    let before = status();
    assert_eq!(before.table, Some(BootTable::Locked));
    // eth0 has a global IPv6 address, so its chains are asked for too.
    assert_eq!(before.missing.len(), 4, "{before}");
    let impatient = lab.release_args(&[&arguments[..], &["--timeout", "0s"]].concat());
    assert!(matches!(release(&impatient), Released::StillLocked { .. }));
    let locked = lab.table();
    assert!(locked.is_some());

    load();
    felix.ready.store(false, Ordering::Relaxed);
    let unready = status();
    assert_eq!(unready.missing.len(), 1, "{unready}");
    assert!(matches!(release(&impatient), Released::StillLocked { .. }));
    assert_eq!(lab.table(), locked);

    felix.ready.store(true, Ordering::Relaxed);
    assert_eq!(release(&release_args), Released::Released);
    assert_eq!(lab.table(), None);
    let after = status();
    assert_eq!(
        (after.table, &after.missing[..], &after.notes[..]),
        (Some(BootTable::Absent), &[][..], &[][..])
    );
    assert!(after.record.is_some_and(|record| record.event == Event::Released));
}

fn endpoints_of(args: &kubewright_hostendpoint::guard::ReleaseArgs) -> LocalEndpoints {
    args.readiness.local_endpoints().unwrap()
}

#[test]
fn chains_of_the_iptables_nft_backend_release_the_node() {
    require!(root(), programs(&PROGRAMS), program("iptables-nft-restore"));
    let lab = Lab::new();
    is_released_by(&lab, || {
        for restore in ["iptables-nft-restore", "ip6tables-nft-restore"] {
            feed(&lab.node, restore, &[], FELIX_IPTABLES);
        }
    });
}

#[test]
fn chains_of_the_iptables_legacy_backend_release_the_node() {
    require!(root(), programs(&PROGRAMS), program("iptables-legacy-restore"));
    let lab = Lab::new();
    is_released_by(&lab, || {
        for restore in ["iptables-legacy-restore", "ip6tables-legacy-restore"] {
            feed(&lab.node, restore, &[], FELIX_IPTABLES);
        }
    });
}

#[test]
fn chains_of_nftables_mode_release_the_node() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    is_released_by(&lab, || feed(&lab.node, "nft", &["-f", "-"], FELIX_NFTABLES));
}

#[test]
fn a_corrupt_record_is_set_aside_and_the_node_released_all_the_same() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    lab.lock();
    feed(&lab.node, "nft", &["-f", "-"], FELIX_NFTABLES);
    std::fs::write(lab.state.path().join(record::RECORD), b"\0\0\0\0").unwrap();
    let felix = FakeFelix::on(&lab.node);
    let url = felix.url();
    let args = lab.release_args(&["--interface", "eth0", "--felix-url", &url]);
    let outcome = lab.on_node(async { release::run(&args, &endpoints_of(&args)).await.unwrap() });
    assert_eq!(outcome, Released::Released);
    assert_eq!(std::fs::read(lab.state.path().join("guard.json.corrupt-0")).unwrap(), b"\0\0\0\0");
    assert!(
        matches!(record::read(lab.state.path()).unwrap(), Found::Record(record) if record.event == Event::Released)
    );
}

#[test]
fn a_flushed_ruleset_is_noticed() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    lab.lock();
    lab.node.exec("nft", &["flush", "ruleset"]).unwrap();
    let args = lab.release_args(&["--interface", "eth0", "--felix-url", "http://127.0.0.1:1/"]);
    let outcome = lab.on_node(async { release::run(&args, &endpoints_of(&args)).await.unwrap() });
    assert!(matches!(outcome, Released::NotLocked { .. }) && outcome.exit_code() == 1, "{outcome}");
    let args = lab.status_args(&["--interface", "eth0", "--felix-url", "http://127.0.0.1:1/"]);
    let status = lab.on_node(async {
        status::run(&args, &args.readiness.local_endpoints().unwrap()).await.unwrap()
    });
    assert!(status.notes.iter().any(|note| note.contains("flush the ruleset")), "{status}");
}
