#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use kubewright_testkit::require;
use kubewright_testkit::require::{program, programs, root};
use tempfile::TempDir;

use super::*;

/// Any program of the system does in place of ours: what matters is where it goes.
fn some_programs() -> Programs {
    Programs {
        kubewright: "/bin/true".into(),
        agent: "/bin/true".into(),
        plugin: "/bin/false".into(),
    }
}

fn release(version: &str) -> Release {
    let machine = std::env::consts::ARCH.to_owned();
    Release { version: version.to_owned(), machine, epoch: 1_700_000_000 }
}

fn build(format: Format, version: &str) -> (TempDir, PathBuf) {
    let out = TempDir::new().unwrap();
    let root = crate::workspace_root();
    let package = make(format, &root, &some_programs(), &release(version), out.path()).unwrap();
    (out, package)
}

/// What must be in either package, with its mode.
const ESSENTIAL: [(&str, &str); 21] = [
    ("-rwxr-xr-x", "/usr/bin/kubewright"),
    ("-rwxr-xr-x", "/usr/bin/kubewright-podnet"),
    ("-rwxr-xr-x", "/usr/lib/kubewright/kubewright-cni"),
    ("lrwxrwxrwx", "/usr/bin/kubectl-kubewright -> kubewright"),
    ("lrwxrwxrwx", "/usr/bin/kubectl_complete-kubewright -> kubewright"),
    ("-rw-r--r--", "/usr/lib/systemd/system/kubewright-guard.service"),
    ("-rw-r--r--", "/usr/share/man/man1/kubewright.1.gz"),
    ("-rw-r--r--", "/usr/share/bash-completion/completions/kubewright"),
    ("-rw-r--r--", "/usr/share/fish/vendor_completions.d/kubewright.fish"),
    ("-rw-r--r--", "/etc/kubewright/guard.env"),
    ("-rw-r--r--", "/etc/kubewright/podnet.env"),
    ("-rw-r--r--", "/usr/lib/systemd/system/kubewright-node-init.service"),
    ("-rw-r--r--", "/usr/lib/systemd/system/kubewright-node-join.service"),
    ("-rw-r--r--", "/usr/share/kubewright/cloud-init/node.yaml.tftpl"),
    ("-rw-r--r--", "/usr/share/kubewright/cloud-init/seeder.yaml.tftpl"),
    ("-rw-r--r--", "/usr/share/kubewright/node/kubelet-drop-in.conf"),
    ("-rw-r--r--", "/usr/share/kubewright/node/modules.conf"),
    ("-rw-r--r--", "/usr/share/kubewright/node/sysctl.conf"),
    ("-rw-r--r--", "/usr/share/kubewright/quadlet/kubewright-node.container"),
    ("-rw-r--r--", "/usr/share/kubewright/terraform/main.tf"),
    ("-rw-r--r--", "/usr/share/doc/kubewright/node.md"),
];

/// Checks lines of `MODE OWNER … PATH` against what is essential.
fn assert_holds(listing: &str, owner: &str) {
    for (mode, path) in ESSENTIAL {
        let line = listing.lines().find(|line| line.ends_with(&format!(" {path}")));
        let line = line.unwrap_or_else(|| panic!("no {path} in\n{listing}"));
        assert!(line.starts_with(mode) && line.contains(owner), "{line}");
    }
    let units = fs::read_dir(crate::workspace_root().join("deploy/systemd")).unwrap().count();
    assert_eq!(listing.matches("/usr/lib/systemd/system/").count(), units, "{listing}");
    assert!(!listing.contains(".wants/"), "a unit is enabled:\n{listing}");
}

#[test]
fn the_deb_holds_what_it_should() {
    require!(programs(&["dpkg-deb", "objdump"]));
    let (_out, package) = build(Format::Deb, "1.2.3");
    let listing = output(Command::new("dpkg-deb").arg("-c").arg(&package)).unwrap();
    let listing: String = listing.lines().map(|line| line.replace(" ./", " /") + "\n").collect();
    let files: String =
        listing.lines().filter(|line| !line.ends_with('/')).collect::<Vec<_>>().join("\n");
    assert_holds(&files, "root/root");
    assert!(files.contains("/usr/share/doc/kubewright/copyright"), "{files}");
    assert!(files.contains("/usr/share/zsh/vendor-completions/_kubewright"), "{files}");

    let control = output(Command::new("dpkg-deb").arg("-f").arg(&package)).unwrap();
    assert!(control.contains("Version: 1.2.3\n"), "{control}");
    assert!(control.contains("Depends: libc6 (>= 2."), "{control}");
    let conffiles = output(Command::new("dpkg-deb").args(["-I"]).arg(&package).arg("conffiles"));
    assert_eq!(conffiles.unwrap(), "/etc/kubewright/guard.env\n/etc/kubewright/podnet.env\n");
}

#[test]
fn the_rpm_holds_what_it_should() {
    require!(programs(&["rpm", "rpmbuild"]));
    let (_out, package) = build(Format::Rpm, "1.2.3");
    let query = |what: &[&str]| output(Command::new("rpm").args(what).arg(&package)).unwrap();
    let files: String = query(&["-qlvp"])
        .lines()
        .filter(|line| !line.starts_with('d'))
        .collect::<Vec<_>>()
        .join("\n");
    assert_holds(&files, "root");
    assert!(files.contains("/usr/share/licenses/kubewright/LICENSE"), "{files}");
    assert_eq!(query(&["-qcp"]), "/etc/kubewright/guard.env\n/etc/kubewright/podnet.env\n");
    // It is uninstalled when the package goes, not when a newer one comes.
    let scripts = query(&["-qp", "--scripts"]);
    let removal = scripts.split("preuninstall scriptlet").nth(1).unwrap();
    let removal = removal.split("postuninstall scriptlet").next().unwrap();
    let guard = removal.find("[ \"$1\" = 0 ] || exit 0").unwrap();
    assert!(guard < removal.find("podnet uninstall").unwrap(), "{scripts}");
    assert_eq!(scripts.matches("systemctl daemon-reload").count(), 2, "{scripts}");
    // Found by rpmbuild in the program.
    assert!(query(&["-qp", "--requires"]).contains("libc.so.6"));
}

#[test]
fn the_same_commit_gives_the_same_bytes() {
    require!(programs(&["dpkg-deb", "objdump", "rpmbuild"]));
    for format in [Format::Deb, Format::Rpm] {
        let (_first_out, first) = build(format, "1.2.3");
        let (_second_out, second) = build(format, "1.2.3");
        let same = fs::read(first).unwrap() == fs::read(second).unwrap();
        assert!(same, "{format:?} differs from build to build");
    }
}

/// A root directory for dpkg, in which maintainer scripts run without chroot.
struct DebianRoot {
    dir: TempDir,
}

impl DebianRoot {
    fn new() -> Self {
        let root = Self { dir: TempDir::new().unwrap() };
        for dir in ["updates", "info"] {
            fs::create_dir_all(root.path("var/lib/dpkg").join(dir)).unwrap();
        }
        fs::write(root.path("var/lib/dpkg/status"), "").unwrap();
        root
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn dpkg(&self, action: &str, what: &Path) {
        let mut command = Command::new("dpkg");
        command.arg("--root").arg(self.dir.path()).arg("--log").arg(self.path("dpkg.log"));
        // The root is empty: there is no C library in it to depend on.
        command.args(["--force-script-chrootless", "--force-depends", "--force-confold"]);
        output(command.arg(action).arg(what)).unwrap();
    }
}

#[test]
fn the_deb_installs_upgrades_and_goes() {
    require!(root(), programs(&["dpkg", "dpkg-deb", "objdump"]));
    let root = DebianRoot::new();
    let (_out, package) = build(Format::Deb, "1.2.3");
    root.dpkg("-i", &package);
    let program = root.path("usr/bin/kubewright");
    assert_eq!(fs::read(&program).unwrap(), fs::read("/bin/true").unwrap());
    assert!(!root.path("etc/systemd/system").exists(), "a unit is enabled");

    // The administrator's settings outlive an upgrade, and an upgrade uninstalls nothing.
    let settings = root.path("etc/kubewright/podnet.env");
    fs::write(&settings, "KUBEWRIGHT_PODNET_CONF_DIR=/elsewhere\n").unwrap();
    let wants = root.path("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).unwrap();
    symlink(
        "/usr/lib/systemd/system/kubewright-podnet.service",
        wants.join("kubewright-podnet.service"),
    )
    .unwrap();
    let said = root.path("said");
    let spy = format!("#!/bin/sh\necho \"$*\" $KUBEWRIGHT_PODNET_CONF_DIR >>{}\n", said.display());
    let spy_on = |program: &Path| {
        fs::write(program, &spy).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    };
    spy_on(&program);
    let (_out, newer) = build(Format::Deb, "1.3.0");
    root.dpkg("-i", &newer);
    assert_eq!(fs::read_to_string(&settings).unwrap(), "KUBEWRIGHT_PODNET_CONF_DIR=/elsewhere\n");
    assert!(!said.exists());

    // Removal gives the node its first CNI configuration back, where the settings say it is.
    spy_on(&program);
    root.dpkg("-r", Path::new("kubewright"));
    assert_eq!(fs::read_to_string(&said).unwrap(), "podnet uninstall /elsewhere\n");
    assert!(!program.exists());
    assert!(settings.exists());
    root.dpkg("-P", Path::new("kubewright"));
    assert!(!settings.exists());
}

#[test]
fn the_rpm_installs_and_goes() {
    require!(root(), programs(&["rpm", "rpmbuild"]));
    let root = TempDir::new().unwrap();
    let (_out, package) = build(Format::Rpm, "1.2.3");
    // No shell is in the root to run scripts with.
    let rpm = |action: &str, what: &Path| {
        let mut command = Command::new("rpm");
        command.arg("--root").arg(root.path()).args(["--nodeps", "--noscripts", action]).arg(what);
        output(&mut command).unwrap();
    };
    rpm("-i", &package);
    let program = root.path().join("usr/bin/kubewright");
    assert_eq!(fs::read(&program).unwrap(), fs::read("/bin/true").unwrap());
    rpm("-e", Path::new("kubewright"));
    assert!(!program.exists());
}

/// Terraform finds the documents beside its folder, and each of its files is there.
#[test]
fn what_is_copied_from_the_package_is_whole() {
    let root = crate::workspace_root();
    let entries = contents::of(Format::Deb, &root, &some_programs()).unwrap();
    let content = |path: &str| {
        let entry = entries.iter().find(|entry| entry.path == Path::new(path));
        String::from_utf8(entry.unwrap_or_else(|| panic!("no {path}")).content.clone()).unwrap()
    };
    let main = content("/usr/share/kubewright/terraform/main.tf");
    assert!(main.contains("documents  = \"${path.module}/../cloud-init\""), "{main}");
    let named: Vec<&str> = main.split("${local.documents}/").skip(1).collect();
    for part in &named {
        let file = part.split('"').next().unwrap();
        content(&format!("/usr/share/kubewright/cloud-init/{file}"));
    }
    assert_eq!(named.len(), 2, "{main}");
    let unit = content("/usr/share/kubewright/quadlet/kubewright-node.container");
    assert!(unit.contains("--on-host"), "{unit}");
    let drop_in = content("/usr/share/kubewright/node/kubelet-drop-in.conf");
    assert!(drop_in.contains("[Service]\nRestart=always"), "{drop_in}");
}

#[test]
fn scripts_are_shell() {
    require!(program("sh"));
    let entries = contents::of(Format::Deb, &crate::workspace_root(), &some_programs()).unwrap();
    for script in [scripts::RELOAD.to_owned(), scripts::before_removal(&entries)] {
        output(Command::new("sh").args(["-n", "-c", &script])).unwrap();
    }
}
