//! What is in a package, and where it goes.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};

use super::{Format, Programs};

/// One file of a package.
pub(super) struct Entry {
    /// Absolute, as on the node.
    pub(super) path: PathBuf,
    pub(super) content: Vec<u8>,
    pub(super) mode: u32,
    pub(super) kind: Kind,
}

/// What a file of a package is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// The administrator's to change: upgrades keep it.
    Configuration,
    /// A link to what its content names.
    Link,
}

/// All files, in order of their paths.
pub(super) fn of(format: Format, root: &Path, programs: &Programs) -> Result<Vec<Entry>> {
    let mut entries = vec![
        program("/usr/bin/kubewright", &programs.kubewright)?,
        program("/usr/bin/kubewright-podnet", &programs.agent)?,
        program("/usr/lib/kubewright/kubewright-cni", &programs.plugin)?,
        // `kubectl kubewright`, and its completion.
        link("/usr/bin/kubectl-kubewright", "kubewright"),
        link("/usr/bin/kubectl_complete-kubewright", "kubewright"),
    ];
    entries.extend(folder(root, "deploy/systemd", "/usr/lib/systemd/system")?);
    entries.extend(folder(root, "deploy/crds", "/usr/share/kubewright/crds")?);
    entries.extend(folder(root, "deploy/manifests", "/usr/share/kubewright/manifests")?);
    entries.extend(folder(root, "deploy/grafana", "/usr/share/kubewright/grafana")?);
    // Not where systemd and podman would take them up: each is for whoever copies it.
    for name in ["cloud-init", "node", "quadlet", "samples", "terraform"] {
        let to = format!("/usr/share/kubewright/{name}");
        entries.extend(folder(root, &format!("deploy/{name}"), &to)?);
    }
    for page in folder(root, "deploy/man", "/usr/share/man/man1")? {
        entries.push(page.compressed()?);
    }
    for setting in folder(root, "deploy/packages", "/etc/kubewright")? {
        entries.push(Entry { kind: Kind::Configuration, ..setting });
    }
    let zsh = match format {
        Format::Deb => "/usr/share/zsh/vendor-completions/_kubewright",
        Format::Rpm => "/usr/share/zsh/site-functions/_kubewright",
    };
    let completions = [
        ("kubewright.bash", "/usr/share/bash-completion/completions/kubewright"),
        ("kubewright.fish", "/usr/share/fish/vendor_completions.d/kubewright.fish"),
        ("_kubewright", zsh),
    ];
    for (file, to) in completions {
        entries.push(plain(to, &root.join("deploy/completions").join(file))?);
    }
    let (licence, documents) = match format {
        Format::Deb => ("/usr/share/doc/kubewright/copyright", "/usr/share/doc/kubewright"),
        Format::Rpm => ("/usr/share/licenses/kubewright/LICENSE", "/usr/share/doc/kubewright"),
    };
    entries.push(match format {
        Format::Deb => file(licence, copyright().into_bytes()),
        Format::Rpm => plain(licence, &root.join("LICENSE"))?,
    });
    for (name, from) in
        [("CHANGELOG.md", "CHANGELOG.md"), ("README.md", "README.md"), ("node.md", "docs/node.md")]
    {
        entries.push(plain(&format!("{documents}/{name}"), &root.join(from))?);
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

impl Entry {
    /// The same, gzipped, without a time stamp.
    pub(super) fn compressed(self) -> Result<Self> {
        let mut path = self.path.into_os_string();
        path.push(".gz");
        let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        gzip.write_all(&self.content)?;
        Ok(Self { path: path.into(), content: gzip.finish()?, ..self })
    }
}

/// A file with generated content.
pub(super) fn file(to: &str, content: Vec<u8>) -> Entry {
    Entry { path: to.into(), content, mode: 0o644, kind: Kind::Plain }
}

fn link(from: &str, to: &str) -> Entry {
    Entry { kind: Kind::Link, mode: 0o777, ..file(from, to.as_bytes().to_vec()) }
}

fn plain(to: &str, from: &Path) -> Result<Entry> {
    let content = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
    Ok(file(to, content))
}

fn program(to: &str, from: &Path) -> Result<Entry> {
    Ok(Entry { mode: 0o755, ..plain(to, from)? })
}

/// Every file of a folder of the workspace.
fn folder(root: &Path, from: &str, to: &str) -> Result<Vec<Entry>> {
    let from = root.join(from);
    let mut entries = Vec::new();
    for item in fs::read_dir(&from).with_context(|| format!("listing {}", from.display()))? {
        let path = item?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a name in UTF-8")?;
        entries.push(plain(&format!("{to}/{name}"), &path)?);
    }
    Ok(entries)
}

/// In Debian's machine-readable form; Debian has the text of the licence itself.
fn copyright() -> String {
    "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
     Upstream-Name: kubewright\n\
     Source: https://github.com/kubewright/kubewright\n\
     \n\
     Files: *\n\
     Copyright: 2026 The kubewright authors\n\
     License: Apache-2.0\n\
     \x20On Debian systems, the full text of the Apache License, Version 2.0 is in\n\
     \x20/usr/share/common-licenses/Apache-2.0.\n"
        .to_owned()
}
