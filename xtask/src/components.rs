//! The real components the tests run against, and how each is installed.

use std::path::Path;
use std::process::Command;

/// One real component: found by its program (a name, or a path where it is on no search path),
/// installed by its Debian package.
struct Component {
    name: &'static str,
    program: &'static str,
    package: &'static str,
}

/// Every component some test asks for. A test names the program in `testkit::require!`.
const COMPONENTS: &[Component] = &[
    Component { name: "iproute2", program: "ip", package: "iproute2" },
    Component { name: "nftables", program: "nft", package: "nftables" },
    Component { name: "iptables", program: "iptables-nft-restore", package: "iptables" },
    Component { name: "kubectl", program: "kubectl", package: "kubernetes-client" },
    Component {
        name: "CNI plugins",
        program: "/usr/lib/cni/bridge",
        package: "containernetworking-plugins",
    },
    Component { name: "systemd", program: "systemd-analyze", package: "systemd" },
    Component { name: "rpm", program: "rpmbuild", package: "rpm" },
    Component { name: "binutils", program: "objdump", package: "binutils" },
    Component { name: "faketime", program: "faketime", package: "faketime" },
    Component { name: "git", program: "git", package: "git" },
    Component { name: "containerd", program: "containerd", package: "containerd" },
    Component { name: "runc", program: "runc", package: "runc" },
    Component { name: "Go", program: "go", package: "golang-go" },
    // What Helm is made of: the tests render the chart with it.
    Component {
        name: "Sprig",
        program: "/usr/share/gocode/src/github.com/Masterminds/sprig/functions.go",
        package: "golang-github-masterminds-sprig-dev",
    },
    Component {
        name: "gojsonschema",
        program: "/usr/share/gocode/src/github.com/xeipuuv/gojsonschema/schema.go",
        package: "golang-github-xeipuuv-gojsonschema-dev",
    },
    Component {
        name: "sigs.k8s.io/yaml",
        program: "/usr/share/gocode/src/sigs.k8s.io/yaml/yaml.go",
        package: "golang-k8s-sigs-yaml-dev",
    },
    Component { name: "buildah", program: "buildah", package: "buildah" },
    Component { name: "skopeo", program: "skopeo", package: "skopeo" },
    Component { name: "registry", program: "docker-registry", package: "docker-registry" },
    Component { name: "Chromium", program: "chromium", package: "chromium" },
    Component { name: "ChromeDriver", program: "chromedriver", package: "chromium-driver" },
    // What pages of the documentation call besides.
    Component { name: "curl", program: "curl", package: "curl" },
    Component { name: "OpenSSL", program: "openssl", package: "openssl" },
    Component { name: "procps", program: "pkill", package: "procps" },
];

/// Where Debian keeps programs for root, which a user's PATH often lacks.
const SYSTEM_FOLDERS: &[&str] = &["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// Installs what is missing where that is possible, and says what is missing where it is not.
///
/// Never fails: a test whose component is absent decides itself between a skip and a failure.
pub(crate) fn install_missing() {
    let missing: Vec<&Component> = COMPONENTS.iter().filter(|c| !present(c.program)).collect();
    if missing.is_empty() {
        return;
    }
    let packages: Vec<&str> = missing.iter().map(|c| c.package).collect();
    for component in &missing {
        println!(
            "missing component: {} (program {}, Debian package {})",
            component.name, component.program, component.package
        );
    }
    if !apt_is_usable() {
        println!(
            "not installed: this needs root on Debian; install them with your package manager:"
        );
        println!("    sudo apt-get install {}", packages.join(" "));
        return;
    }
    let installed = apt(&["update", "-qq"])
        && apt(
            &[&["install", "-qq", "-y", "--no-install-recommends"], packages.as_slice()].concat()
        );
    if !installed {
        println!(
            "apt could not install {}; the tests that need it will say so",
            packages.join(" ")
        );
    }
}

fn present(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
        || SYSTEM_FOLDERS.iter().any(|folder| Path::new(folder).join(program).is_file())
}

fn apt_is_usable() -> bool {
    rustix::process::geteuid().is_root()
        && Path::new("/etc/debian_version").exists()
        && present("apt-get")
}

fn apt(args: &[&str]) -> bool {
    println!("apt-get {}", args.join(" "));
    Command::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .is_ok_and(|status| status.success())
}
