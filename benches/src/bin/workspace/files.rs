//! What is measured with: programs and libraries of this machine, as they are in images.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// Where large files are on any machine that has a toolchain.
const FOLDERS: [&str; 4] = ["/usr/bin", "/usr/lib", "/usr/sbin", "/usr/share"];

/// Files of at least 100 kB, largest first, as many as give so many bytes.
pub(crate) fn of_this_machine(bytes: u64) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                left.push(entry.path());
            } else if metadata.is_file() && metadata.len() >= 100_000 {
                found.push((metadata.len(), entry.path()));
            }
        }
    }
    found.sort();
    let mut taken = Vec::new();
    let mut size = 0;
    for (bytes_of_it, path) in found.into_iter().rev() {
        if size + bytes_of_it <= bytes {
            size += bytes_of_it;
            taken.push(path);
        }
    }
    ensure!(size > bytes / 2, "this machine has only {size} bytes of large files");
    Ok(taken)
}

/// Copies files into a folder, under numbers.
pub(crate) fn copy(files: &[PathBuf], to: &Path) -> Result<u64> {
    fs::create_dir_all(to)?;
    let mut bytes = 0;
    for (number, file) in files.iter().enumerate() {
        bytes += fs::copy(file, to.join(number.to_string()))?;
    }
    Ok(bytes)
}

/// How long something takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let begin = Instant::now();
    let done = work()?;
    Ok((begin.elapsed(), done))
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("starting {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {arguments:?}: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Seconds, and MB of so many bytes in a second.
pub(crate) fn speed(time: Duration, bytes: u64) -> String {
    let seconds = time.as_secs_f64();
    format!("{seconds:7.2} s  {:6.0} MB/s", bytes as f64 / 1e6 / seconds)
}
