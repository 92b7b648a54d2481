//! Seeders that come late, die and come back, and clocks that are wrong.

use kubewright_testkit::require;
use kubewright_testkit::require::program;
use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{Host, Lab, Seeded, possible};
use crate::sandbox::{eventually, run};

fn kill(process: i64) {
    let id = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    kill_process(id, Signal::KILL).unwrap();
}

/// The process that serves, which another one watches over.
fn server(seeder: &Host) -> Option<i64> {
    let record = seeder.state().join("control-plane/control-plane.json");
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record).ok()?).ok()?;
    record["process"]["id"].as_i64()
}

#[test]
fn a_seeder_that_is_not_up_yet_is_waited_for() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, a) = (lab.host("seeder"), lab.host("a"));
    let token = "abcdef.0123456789abcdef";
    let early = Seeded { token: token.to_owned(), pin: String::new(), kubeconfig: String::new() };
    let trusting = ["--var", "certificates.unsafeSkipVerification=true"];
    let mut joining = a.joining(&seeder, &early, &trusting);
    a.until_said("cannot connect");
    let seeded = seeder.seed(&["--auto-approve", "true"], Some(token));
    assert_eq!(seeded.token, token);
    assert!(joining.0.wait().unwrap().success());
    seeder.until_ready(&seeded, "a");
}

#[test]
fn a_seeder_that_dies_meanwhile_is_waited_for() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "false"]);
    let a = lab.host("a");
    let mut joining = a.joining(&seeder, &seeded, &[]);
    seeder.until_pending(&seeded, "a");

    // The server alone: it is started again by who watches over it.
    let first = server(&seeder).unwrap();
    kill(first);
    eventually("another process serves", || server(&seeder).is_some_and(|now| now != first));
    seeder.until_pending(&seeded, "a");

    // Both: somebody has to start it.
    kill(seeder.status()["process"].as_i64().unwrap());
    eventually("nothing runs", || seeder.status()["process"].is_null());
    a.until_said("does not answer, trying on");
    seeder.init(&["--auto-approve", "false"], None).ok();
    seeder.until_pending(&seeded, "a");
    seeder.admin(&seeded, &["accept", "a"]).ok();
    assert!(joining.0.wait().unwrap().success());
    seeder.until_ready(&seeded, "a");
}

#[test]
fn clocks_may_be_a_minute_wrong() {
    require!(possible(), program("kubectl"), program("faketime"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "true"]);
    let hosts = [("slow", "-60s"), ("fast", "+60s")];
    for (name, skew) in hosts {
        let host = lab.host(name);
        let known = (seeded.token.as_str(), seeded.pin.as_str());
        let mut join = host.join_command(name, &seeder, known, &[]);
        // As `faketime` does it, which itself would wait for the service, too.
        join.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1").env("FAKETIME", skew);
        run(&mut join).ok();
        seeder.until_ready(&seeded, name);
    }
}
