//! The Debian package.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use md5::{Digest as _, Md5};

use super::contents::{Entry, Kind, file};
use super::{Programs, Release, output, scripts, stage};

const MAINTAINER: &str = "The kubewright authors <kubewright@users.noreply.github.com>";

/// What every deb has beside the files of the program: a changelog in Debian's form.
pub(super) fn changelog(release: &Release) -> Result<Entry> {
    let date =
        output(Command::new("date").args(["-R", "-u", "-d", &format!("@{}", release.epoch)]))?;
    let text = format!(
        "kubewright ({}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {MAINTAINER}  {date}",
        release.version
    );
    file("/usr/share/doc/kubewright/changelog", text.into_bytes()).compressed()
}

/// Builds it with dpkg-deb.
pub(super) fn build(
    entries: &[Entry],
    programs: &Programs,
    release: &Release,
    out: &Path,
) -> Result<PathBuf> {
    let tree = tempfile::tempdir().context("a folder for the package's tree")?;
    stage::write(entries, tree.path())?;
    stage::write(&control_files(entries, programs, release)?, tree.path())?;
    let package = out.join(format!("kubewright_{}_{}.deb", release.version, architecture(release)));
    output(
        Command::new("dpkg-deb")
            .env("SOURCE_DATE_EPOCH", release.epoch.to_string())
            .args(["--root-owner-group", "-Zxz", "--build"])
            .arg(tree.path())
            .arg(&package),
    )?;
    Ok(package)
}

fn control_files(entries: &[Entry], programs: &Programs, release: &Release) -> Result<Vec<Entry>> {
    let script = |name: &str, body: &str| Entry {
        mode: 0o755,
        ..file(&format!("/DEBIAN/{name}"), format!("#!/bin/sh\nset -e\n{body}").into_bytes())
    };
    let on_removal = format!("[ \"$1\" = remove ] || exit 0\n{}", scripts::before_removal(entries));
    Ok(vec![
        file("/DEBIAN/control", control(entries, programs, release)?.into_bytes()),
        file("/DEBIAN/md5sums", checksums(entries).into_bytes()),
        file("/DEBIAN/conffiles", conffiles(entries).into_bytes()),
        script("postinst", scripts::RELOAD),
        script("prerm", &on_removal),
        script("postrm", scripts::RELOAD),
    ])
}

fn control(entries: &[Entry], programs: &Programs, release: &Release) -> Result<String> {
    // Debian counts each file in whole kilobytes.
    let kilobytes: usize = entries.iter().map(|entry| entry.content.len().div_ceil(1024)).sum();
    Ok(format!(
        "Package: kubewright\n\
         Version: {}\n\
         Architecture: {}\n\
         Maintainer: {MAINTAINER}\n\
         Installed-Size: {kilobytes}\n\
         Depends: {}\n\
         Recommends: iproute2, iptables, nftables\n\
         Suggests: containernetworking-plugins\n\
         Section: admin\n\
         Priority: optional\n\
         Homepage: https://github.com/kubewright/kubewright\n\
         Description: toolkit for what happens on and around a Kubernetes node\n\
         \x20Guards host interfaces until policy is in force, keeps Calico\n\
         \x20HostEndpoints, attaches networks to running pods, and brings up a control\n\
         \x20plane on one machine.\n\
         \x20.\n\
         \x20No unit is enabled by installing it.\n",
        release.version,
        architecture(release),
        depends(&programs.kubewright)?,
    ))
}

/// The C library that the program was linked with is the oldest it is known to run with: of the
/// symbol versions it asks for, the newest.
fn depends(program: &Path) -> Result<String> {
    let headers = output(Command::new("objdump").arg("-p").arg(program))?;
    let newest = headers
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("GLIBC_"))
        .filter_map(|version| {
            let mut numbers = version.split('.').map(str::parse::<u32>);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        })
        .max();
    let mut depends = match newest {
        Some((major, minor)) => format!("libc6 (>= {major}.{minor})"),
        None => "libc6".to_owned(),
    };
    if headers.contains("libgcc_s.so.1") {
        depends.push_str(", libgcc-s1");
    }
    Ok(depends)
}

fn checksums(entries: &[Entry]) -> String {
    let mut lines = String::new();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::Plain) {
        for byte in Md5::digest(&entry.content) {
            let _ = write!(lines, "{byte:02x}");
        }
        let path = entry.path.strip_prefix("/").unwrap_or(&entry.path);
        let _ = writeln!(lines, "  {}", path.display());
    }
    lines
}

fn conffiles(entries: &[Entry]) -> String {
    let names = entries.iter().filter(|entry| entry.kind == Kind::Configuration);
    names.map(|entry| format!("{}\n", entry.path.display())).collect()
}

fn architecture(release: &Release) -> &str {
    match release.machine.as_str() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64el",
        other => other,
    }
}
