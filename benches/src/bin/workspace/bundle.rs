//! A bundle written and verified, next to one pass of sha256sum over the same bytes, and the memory
//! that it takes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use kubewright_workspace::bundle::{self, About, FORMAT, Item, Plan, Source};
use kubewright_workspace::process::Stop;

use crate::files::{copy, of_this_machine, run, speed, timed};

/// Tells this program, started again, that it is to write a bundle, and of which folder.
const FOLDER: &str = "KUBEWRIGHT_BENCH_BUNDLE";

pub(crate) fn is_writer() -> bool {
    std::env::var_os(FOLDER).is_some()
}

/// Writes a bundle and says how much memory that took, in KiB.
pub(crate) fn writes() -> Result<()> {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap_or_default());
    bundle::write(&plan(&folder)?, &folder.with_extension("bundle"), &|_| (), &Stop::default())?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.split_whitespace().next());
    println!("{}", peak.context("no peak of memory in /proc/self/status")?);
    Ok(())
}

fn plan(folder: &Path) -> Result<Plan> {
    let format = FORMAT.to_owned();
    let about = About { format, components: Vec::new(), images: Vec::new(), modules: Vec::new() };
    let mut items = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("git/{}", entry.file_name().to_string_lossy()).parse()?;
        items.push(Item { path, source: Source::file(entry.path())? });
    }
    Ok(Plan::new(&about, items)?)
}

pub(crate) fn measure(size: u64, rounds: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let files = folder.path().join("files");
    let bytes = copy(&of_this_machine(size)?, &files)?;
    println!(
        "bundle: {} MB in {} files of this machine",
        bytes / 1_000_000,
        std::fs::read_dir(&files)?.count()
    );
    let out = folder.path().join("bench.bundle");
    let (mut writes, mut verifies, mut sums) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        let hash = || {
            run("sh", &["-c", "cd \"$1\" && sha256sum -- *", "sh", &files.display().to_string()])
        };
        sums.push(timed(hash)?.0);
        let plan = plan(&files)?;
        writes.push(timed(|| Ok(bundle::write(&plan, &out, &|_| (), &Stop::default())?))?.0);
        verifies.push(timed(|| Ok(bundle::verify(&out, &|_| ())?))?.0);
    }
    let best = |times: Vec<std::time::Duration>| times.into_iter().min().unwrap_or_default();
    let (write, verify, sum) = (best(writes), best(verifies), best(sums));
    println!("  {:30} {}", "sha256sum, one pass", speed(sum, bytes));
    println!("  {:30} {}", "kubewright: write the bundle", speed(write, bytes));
    println!("  {:30} {}", "kubewright: verify it", speed(verify, bytes));
    let ratio = |ours: std::time::Duration| ours.as_secs_f64() / sum.as_secs_f64();
    println!("  write, in passes of sha256sum:       {:5.2}", ratio(write));
    println!("  verify, in passes of sha256sum:      {:5.2}", ratio(verify));
    let small = folder.path().join("small");
    let few = copy(&of_this_machine(bytes / 4)?, &small)?;
    for (folder, bytes) in [(&small, few), (&files, bytes)] {
        let peak = peak(folder)?;
        println!("  memory for {:4} MB:                  {:5.1} MiB", bytes / 1_000_000, peak);
        ensure!(peak < 64.0, "a bundle may take 64 MiB of memory, whatever its size");
    }
    Ok(())
}

/// Most memory of a process that writes a bundle, in MiB.
fn peak(folder: &Path) -> Result<f64> {
    let output = Command::new(std::env::current_exe()?).env(FOLDER, folder).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let kib: f64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
    Ok(kib / 1024.0)
}
