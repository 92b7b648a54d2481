//! Locking again and releasing, under the eyes of someone who never stops trying.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};

use kubewright_hostendpoint::guard::{LocalEndpoints, release};
use kubewright_testkit::require;
use kubewright_testkit::require::{programs, root};

use crate::lab::{ELSEWHERE, Lab, NODE, OTHER_NODE, POD, PROGRAMS, at, udp};

/// Sends numbered datagrams along one path and reads what arrives. Both ends are in
/// one thread, so nothing is lost for want of a reader.
struct Probe {
    label: String,
    sender: UdpSocket,
    receiver: UdpSocket,
    sent: u64,
    arrived: BTreeSet<u64>,
}

impl Probe {
    fn new(label: &str, from: UdpSocket, receiver: UdpSocket) -> Self {
        from.connect(receiver.local_addr().unwrap()).unwrap();
        Self { label: label.to_owned(), sender: from, receiver, sent: 0, arrived: BTreeSet::new() }
    }

    fn send(&mut self) {
        // A full queue is a datagram that was not sent.
        if self.sender.send(&self.sent.to_be_bytes()).is_ok() {
            self.sent += 1;
        }
        let mut number = [0; 8];
        while let Ok(8) = self.receiver.recv(&mut number) {
            self.arrived.insert(u64::from_be_bytes(number));
        }
    }

    /// Forgets what arrived while the node was open.
    fn drain(&mut self) {
        while self.receiver.recv(&mut [0; 8]).is_ok() {}
        self.arrived.clear();
    }
}

/// To the node and through it, over both families. Each path has carried something
/// before, so that no datagram is lost looking for its neighbour.
fn probes(lab: &Lab) -> Vec<Probe> {
    let mut probes = Vec::new();
    for family in 0..2 {
        for (n, from) in [OTHER_NODE, ELSEWHERE].into_iter().enumerate() {
            let port = 9000 + u16::try_from(n).unwrap();
            let sender = || udp(&lab.peer, from[family], 0);
            probes.push(Probe::new("to the node", sender(), udp(&lab.node, NODE[family], port)));
        }
        probes.push(Probe::new(
            "to the pod",
            udp(&lab.peer, OTHER_NODE[family], 0),
            udp(&lab.pod, POD[family], 9000),
        ));
    }
    for probe in &mut probes {
        while probe.arrived.is_empty() {
            probe.send();
        }
        probe.arrived.clear();
    }
    probes
}

#[test]
fn locking_again_fifty_times_never_opens_a_window() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    let mut probes = probes(&lab);
    lab.lock();
    probes.iter_mut().for_each(Probe::drain);
    let locked = lab.table();
    let done = AtomicBool::new(false);
    let laps = std::thread::scope(|scope| {
        let prober = scope.spawn(|| {
            let mut laps = 0u64;
            while !done.load(Ordering::Relaxed) {
                probes.iter_mut().for_each(Probe::send);
                laps += 1;
            }
            laps
        });
        for _ in 0..50 {
            lab.lock();
        }
        done.store(true, Ordering::Relaxed);
        prober.join().unwrap()
    });
    assert!(laps > 50, "only {laps} laps of the prober");
    for probe in &probes {
        assert!(
            probe.arrived.is_empty(),
            "{} of {} got {}",
            probe.arrived.len(),
            probe.sent,
            probe.label
        );
    }
    assert_eq!(lab.table(), locked, "locking again gives the same table");
}

#[test]
fn a_release_opens_everything_for_good() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    let mut probes = probes(&lab);
    lab.lock();
    probes.iter_mut().for_each(Probe::drain);
    let args = lab.release_args(&["--now"]);
    let released = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let prober = scope.spawn(|| {
            while !released.load(Ordering::Relaxed) {
                probes.iter_mut().for_each(Probe::send);
            }
            for probe in &mut probes {
                let open_from = probe.sent;
                while probe.arrived.last().is_none_or(|last| *last < open_from) {
                    probe.send();
                }
            }
        });
        let outcome =
            lab.on_node(async { release::run(&args, &LocalEndpoints::default()).await.unwrap() });
        assert_eq!(outcome, release::Released::ReleasedByOperator);
        released.store(true, Ordering::Relaxed);
        prober.join().unwrap();
    });
    assert_eq!(lab.table(), None);
    for probe in &probes {
        let (first, last) = (*probe.arrived.first().unwrap(), *probe.arrived.last().unwrap());
        let gaps: Vec<u64> = (first..=last).filter(|n| !probe.arrived.contains(n)).collect();
        assert!(gaps.is_empty(), "{}: open from {first}, then closed for {gaps:?}", probe.label);
    }
}

#[test]
fn releasing_twice_and_locking_after_a_release_work() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    let args = lab.release_args(&["--now"]);
    let release =
        || lab.on_node(async { release::run(&args, &LocalEndpoints::default()).await.unwrap() });
    release();
    lab.lock();
    let locked = lab.table();
    release();
    release();
    assert_eq!(lab.table(), None);
    lab.lock();
    assert_eq!(lab.table(), locked);
    let receiver = udp(&lab.node, NODE[0], 9100);
    udp(&lab.peer, OTHER_NODE[0], 0).send_to(b"x", at(NODE[0], 9100)).unwrap();
    assert!(receiver.recv(&mut [0; 8]).is_err());
}
