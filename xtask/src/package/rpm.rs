//! The RPM package.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::contents::{Entry, Kind};
use super::{Release, output, scripts, stage};

/// Builds it with rpmbuild, which finds the libraries it needs.
pub(super) fn build(entries: &[Entry], release: &Release, out: &Path) -> Result<PathBuf> {
    let work = tempfile::tempdir().context("a folder for rpmbuild")?;
    let tree = work.path().join("tree");
    fs::create_dir(&tree)?;
    stage::write(entries, &tree)?;
    let recipe = work.path().join("kubewright.spec");
    fs::write(&recipe, spec(entries, release))?;
    let define = |name: &str, value: &dyn std::fmt::Display| format!("{name} {value}");
    output(
        Command::new("rpmbuild")
            .env("SOURCE_DATE_EPOCH", release.epoch.to_string())
            .env("HOME", work.path())
            .args(["-bb", "--quiet", "--target", &release.machine])
            .args(["--define", &define("_topdir", &work.path().join("top").display())])
            .args(["--define", &define("tree", &tree.display())])
            .arg(&recipe),
    )?;
    let name = format!("kubewright-{}-1.{}.rpm", release.version, release.machine);
    let package = out.join(&name);
    let built = work.path().join("top/RPMS").join(&release.machine).join(&name);
    fs::copy(&built, &package).with_context(|| format!("copying {}", built.display()))?;
    Ok(package)
}

fn spec(entries: &[Entry], release: &Release) -> String {
    let mut files = String::new();
    for entry in entries {
        let path = entry.path.display();
        let kind = match &*path.to_string() {
            _ if entry.kind == Kind::Configuration => "%config(noreplace) ",
            text if text.starts_with("/usr/share/licenses/") => "%license ",
            text if text.starts_with("/usr/share/doc/") => "%doc ",
            _ => "",
        };
        let _ = writeln!(files, "%attr({:04o}, root, root) {kind}{path}", entry.mode);
    }
    format!(
        "\
%global debug_package %{{nil}}
%global __os_install_post %{{nil}}
%global _build_id_links none
%global _buildhost kubewright
%global _binary_payload w6.xzdio
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1

Name: kubewright
Version: {version}
Release: 1
Summary: Toolkit for what happens on and around a Kubernetes node
License: Apache-2.0
URL: https://github.com/kubewright/kubewright
Recommends: iproute, iptables, nftables
Suggests: containernetworking-plugins

%description
Guards host interfaces until policy is in force, keeps Calico HostEndpoints,
attaches networks to running pods, and brings up a control plane on one machine.

No unit is enabled by installing it.

%install
cp -a %{{tree}}/. %{{buildroot}}/

%post
{reload}
%preun
[ \"$1\" = 0 ] || exit 0
{before_removal}
%postun
{reload}
%files
%dir %attr(0755, root, root) /etc/kubewright
%dir %attr(0755, root, root) /usr/lib/kubewright
%dir %attr(0755, root, root) /usr/share/kubewright
{files}",
        version = release.version,
        reload = scripts::RELOAD,
        before_removal = scripts::before_removal(entries),
    )
}
