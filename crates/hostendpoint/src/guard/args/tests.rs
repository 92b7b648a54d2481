#![allow(clippy::unwrap_used)]

use super::*;
use clap::{CommandFactory as _, Parser};

#[derive(Parser, Debug)]
#[command(name = "guard")]
enum Guard {
    Lock(LockArgs),
    Release(ReleaseArgs),
    Status(StatusArgs),
}

fn lock(arguments: &[&str]) -> Result<LockArgs, clap::Error> {
    match Guard::try_parse_from(["guard", "lock"].iter().chain(arguments))? {
        Guard::Lock(args) => Ok(args),
        other => panic!("{other:?}"),
    }
}

fn release(arguments: &[&str]) -> Result<ReleaseArgs, clap::Error> {
    match Guard::try_parse_from(["guard", "release"].iter().chain(arguments))? {
        Guard::Release(args) => Ok(args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_sound() {
    Guard::command().debug_assert();
}

#[test]
fn lists_take_commas_blanks_repetition_and_nothing() {
    let args = lock(&[
        "--ssh-from",
        "10.0.0.0/8, fd00::/8",
        "--ssh-from",
        "",
        "--ssh-from=192.0.2.1",
        "--nodes-from=",
    ])
    .unwrap();
    let ranges: Vec<String> = args.allowed().ssh_from.iter().map(ToString::to_string).collect();
    assert_eq!(ranges, ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"]);
    assert!(args.allowed().nodes.is_empty());
}

#[test]
fn the_cluster_services_are_the_default_and_can_be_replaced() {
    let services = |args: LockArgs| {
        args.allowed().services.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    assert_eq!(services(lock(&[]).unwrap()), CLUSTER_SERVICES);
    assert_eq!(services(lock(&["--service", "tcp/443,ip/50"]).unwrap()), "tcp/443,ip/50");
}

#[test]
fn bad_values_name_the_value() {
    for (flag, value) in [
        ("--ssh-from", "10.0.0.0/99"),
        ("--service", "tcp/0"),
        ("--ssh-port", "70000"),
        ("--nodes-from", "{ }"),
    ] {
        let error = lock(&[flag, value]).unwrap_err().to_string();
        assert!(error.contains(flag) && error.contains(value), "{error}");
    }
    for (flag, value) in
        [("--stable-for", "5 parsecs"), ("--fail-open-after", "-5s"), ("--timeout", "")]
    {
        let error = release(&[&format!("{flag}={value}")]).unwrap_err().to_string();
        assert!(error.contains(flag), "{error}");
    }
}

#[test]
fn release_waits_for_ever_and_stays_locked_by_default() {
    let args = release(&[]).unwrap();
    assert_eq!(args.timing(), Timing { stable_for: Duration::from_secs(5), fail_open_after: None });
    assert_eq!((args.timeout, args.now), (None, false));
    assert_eq!(args.readiness.local_endpoints(), None, "the API server is asked");
    let args = release(&[
        "--fail-open-after",
        "1h30m",
        "--interface",
        "bond0,tunl0",
        "--skip-absent-interfaces",
    ])
    .unwrap();
    assert_eq!(args.timing().fail_open_after, Some(Duration::from_secs(5400)));
    assert_eq!(args.readiness.local_endpoints().unwrap().interfaces, ["bond0", "tunl0"]);
    assert!(args.readiness.requirements().skip_absent_interfaces);
}

#[test]
fn an_override_is_not_combined_with_waiting() {
    assert!(release(&["--now", "--timeout", "5s"]).is_err());
    assert!(release(&["--now", "--dry-run"]).is_err());
}
