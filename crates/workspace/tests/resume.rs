//! A bundle that is killed while it is written, and how much memory it takes.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kubewright_workspace::bundle::{self, About, BundleError, FORMAT, Item, Plan, Source};
use kubewright_workspace::process::Stop;

/// Tells this program, started again, that it is to write a bundle, and where.
const FOLDER: &str = "KUBEWRIGHT_TEST_BUNDLE_FOLDER";
/// Files of the bundle, and bytes of each: more than the memory that it may take.
const FILES: usize = 10;
const SIZE: usize = 16 << 20;

fn sources(folder: &Path) {
    for file in 0..FILES {
        let mut out = File::create(folder.join(format!("{file}"))).unwrap();
        let piece: Vec<u8> =
            (0..1 << 16).map(|byte: u32| (byte * 31 + file as u32) as u8).collect();
        (0..SIZE / piece.len()).for_each(|_| out.write_all(&piece).unwrap());
    }
}

fn plan(folder: &Path) -> Plan {
    let format = FORMAT.to_owned();
    let about = About { format, components: Vec::new(), images: Vec::new(), modules: Vec::new() };
    let items = (0..FILES).map(|file| Item {
        path: format!("git/{file}.bundle").parse().unwrap(),
        source: Source::file(folder.join(format!("{file}"))).unwrap(),
    });
    Plan::new(&about, items.collect()).unwrap()
}

/// Starts this test again as a process of its own that writes the bundle.
fn writer(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(FOLDER, folder).stdout(Stdio::piped());
    command
}

/// In that process: writes and says how far it is.
fn writes() -> bool {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return false };
    let at = Cell::new(0);
    let journal = folder.join("x.bundle.partial.journal");
    let moved = |bytes: u64| {
        at.set(at.get() + bytes);
        let done = fs::read_to_string(&journal).map_or(0, |text| text.lines().count() - 1);
        println!("\nmoved {} done {done}", at.get());
    };
    bundle::write(&plan(&folder), &folder.join("x.bundle"), &moved, &Stop::default()).unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("\npeak {}", peak.trim());
    true
}

#[test]
fn a_killed_bundle_goes_on_where_it_stopped() {
    if writes() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    sources(folder.path());
    let mut child =
        writer("a_killed_bundle_goes_on_where_it_stopped", folder.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let enough = |line: &String| {
        let mut words = line.split_whitespace();
        words.next() == Some("moved")
            && words.nth(2).is_some_and(|done| done.parse::<usize>().unwrap() >= 3)
    };
    let seen = lines.by_ref().find(enough);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen.is_some(), "it ended before it was killed");
    let out = folder.path().join("x.bundle");
    assert!(!out.exists());
    let written = bundle::write(&plan(folder.path()), &out, &|_| (), &Stop::default()).unwrap();
    assert!(written.resumed > 2 * SIZE as u64, "{written:?}");
    assert_eq!(bundle::verify(&out, &|_| ()).unwrap().files as usize, FILES + 1);
    // Bit by bit what one that was never killed is, and nothing else is left.
    let other = folder.path().join("y.bundle");
    assert_eq!(
        bundle::write(&plan(folder.path()), &other, &|_| (), &Stop::default()).unwrap().resumed,
        0
    );
    assert!(fs::read(&out).unwrap() == fs::read(&other).unwrap());
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, FILES + 2);
}

#[test]
fn another_plan_begins_anew_and_a_damaged_journal_too() {
    let folder = tempfile::tempdir().unwrap();
    sources(folder.path());
    let out = folder.path().join("x.bundle");
    let (at, stop) = (Cell::new(0), Stop::default());
    let moved = |bytes: u64| {
        at.set(at.get() + bytes);
        if at.get() >= 9 * SIZE as u64 {
            stop.stop();
        }
    };
    let stopped = bundle::write(&plan(folder.path()), &out, &moved, &stop);
    assert!(matches!(stopped, Err(BundleError::Stopped)), "{stopped:?}");
    let journal = folder.path().join("x.bundle.partial.journal");
    let text = fs::read_to_string(&journal).unwrap();
    assert!(text.lines().count() > 3, "{text}");
    // Half a line, and then nonsense: what comes before it counts.
    let third = text.lines().nth(3).unwrap();
    fs::write(&journal, text.replace(third, "12")).unwrap();
    fs::write(folder.path().join("9"), "another").unwrap();
    let written = bundle::write(&plan(folder.path()), &out, &|_| (), &Stop::default()).unwrap();
    assert_eq!(written.resumed, 0);
    bundle::verify(&out, &|_| ()).unwrap();
}

#[test]
fn memory_does_not_grow_with_the_bundle() {
    if writes() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    sources(folder.path());
    let output = writer("memory_does_not_grow_with_the_bundle", folder.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let peak = text.lines().find_map(|line| line.strip_prefix("peak ")).unwrap();
    let kilobytes: usize = peak.split_whitespace().next().unwrap().parse().unwrap();
    assert!(kilobytes < 64 << 10, "{peak} for {} bytes", FILES * SIZE);
}
