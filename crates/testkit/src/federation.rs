//! Ten small Go repositories in the shape of Calico v3.14, and a workspace of them.
//!
//! ```text
//! pod2daemon ◀───────────────────── felix ◀── kube-controllers
//! libcalico-go ◀── typha ◀── confd    ▲
//!      ▲  ▲         ▲         ▲       │
//!      │  │         └─────────┴───── node
//!      │  └── calicoctl, cni-plugin, app-policy
//!      └───── everything else but pod2daemon
//! ```
//!
//! They are what git and Go take for real: commits with fixed dates, so that their ids never
//! change, modules without dependencies on others, versions that pin real commits. The module of
//! confd is not where its repository is, as in life.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One of the ten.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Name of the repository.
    pub name: &'static str,
    /// Path of its module.
    pub module: &'static str,
    /// What it needs.
    pub needs: &'static [&'static str],
    /// Its programs, each with the image that is made of it.
    pub programs: &'static [(&'static str, &'static str)],
}

/// The ten, each after what it needs.
pub const MEMBERS: [Member; 10] = [
    member("libcalico-go", "github.com/projectcalico/libcalico-go", &[], &[]),
    member(
        "pod2daemon",
        "github.com/projectcalico/pod2daemon",
        &[],
        &[("flexvol", "pod2daemon-flexvol")],
    ),
    member("typha", "github.com/projectcalico/typha", &["libcalico-go"], &[("typha", "typha")]),
    member(
        "calicoctl",
        "github.com/projectcalico/calicoctl",
        &["libcalico-go"],
        &[("calicoctl", "ctl")],
    ),
    member(
        "cni-plugin",
        "github.com/projectcalico/cni-plugin",
        &["libcalico-go"],
        &[("calico", "cni")],
    ),
    member(
        "app-policy",
        "github.com/projectcalico/app-policy",
        &["libcalico-go"],
        &[("dikastes", "dikastes")],
    ),
    member("confd", "github.com/kelseyhightower/confd", &["libcalico-go", "typha"], &[]),
    member(
        "felix",
        "github.com/projectcalico/felix",
        &["libcalico-go", "pod2daemon", "typha"],
        &[("calico-felix", "felix")],
    ),
    member(
        "node",
        "github.com/projectcalico/node",
        &["libcalico-go", "confd", "felix", "typha"],
        &[("calico-node", "node")],
    ),
    member(
        "kube-controllers",
        "github.com/projectcalico/kube-controllers",
        &["libcalico-go", "felix"],
        &[("kube-controllers", "kube-controllers"), ("flannel-migration", "flannel-migration")],
    ),
];

const fn member(
    name: &'static str,
    module: &'static str,
    needs: &'static [&'static str],
    programs: &'static [(&'static str, &'static str)],
) -> Member {
    Member { name, module, needs, programs }
}

/// The tag that everything is released at.
pub const TAG: &str = "v3.14.0";

/// Repositories to clone, and a folder with a `workspace.toml` that clones them. They go with the
/// folder that they were made in.
#[derive(Clone, Debug)]
pub struct Federation {
    root: PathBuf,
}

impl Federation {
    /// Makes all of it in a folder.
    ///
    /// # Errors
    /// When a file cannot be written or git fails.
    pub fn create(root: &Path) -> io::Result<Self> {
        let federation = Self { root: root.canonicalize()? };
        let mut commits = BTreeMap::new();
        for member in &MEMBERS {
            commits.insert(member.name, federation.repository(member, &commits)?);
        }
        fs::create_dir_all(federation.workspace())?;
        write(&federation.workspace().join("workspace.toml"), &federation.manifest(None))?;
        write(&federation.workspace().join("manifests/calico.yaml"), MANIFEST)?;
        Ok(federation)
    }

    /// The repository that a component is cloned from.
    #[must_use]
    pub fn origin(&self, name: &str) -> PathBuf {
        self.root.join("origin").join(name)
    }

    /// The folder of `workspace.toml`.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.root.join("workspace")
    }

    /// Text of `workspace.toml`, which may name a registry.
    #[must_use]
    pub fn manifest(&self, registry: Option<&str>) -> String {
        let mut text = String::from("[workspace]\n");
        if let Some(registry) = registry {
            let _ = writeln!(text, "registry = \"{registry}\"");
        }
        let _ = writeln!(text, "platforms = [\"linux/amd64\"]");
        for member in &MEMBERS {
            // Characters that TOML wants escaped may be in any path.
            let git = format!("file://{}", self.origin(member.name).display());
            let _ = write!(
                text,
                "\n[component.{}]\ngit = {:?}\nref = \"{TAG}\"\ndepends_on = {:?}\n",
                member.name, git, member.needs
            );
            let builds: Vec<String> = member
                .programs
                .iter()
                .map(|(program, _)| {
                    format!("{{ go = \"./cmd/{program}\", output = \"bin/{program}\" }}")
                })
                .collect();
            let images: Vec<String> = member.programs.iter().map(|(program, image)| {
                format!(
                    "{{ name = \"{image}\", files = [{{ from = \"bin/{program}\", to = \"/usr/bin/{program}\" }}], entrypoint = [\"/usr/bin/{program}\"] }}"
                )
            }).collect();
            if !builds.is_empty() {
                let _ = writeln!(
                    text,
                    "build = [{}]\nimage = [{}]",
                    builds.join(", "),
                    images.join(", ")
                );
            }
            if member.name == "node" {
                text.push_str(INPUTS);
            }
        }
        text.push_str("\n[manifests]\nsources = [\"manifests/*.yaml\"]\n");
        text.push_str("\n[test]\ndeploy = [\"calico.yaml\"]\n");
        // The files that node copies go into its image, beside the program.
        text.replace(
            "to = \"/usr/bin/calico-node\" }]",
            "to = \"/usr/bin/calico-node\" }, { from = \"filesystem\", to = \"/\" }]",
        )
    }

    /// A commit to the origin of a component: one more file, and its id.
    ///
    /// # Errors
    /// When git fails.
    pub fn commit(&self, name: &str, file: &str, content: &str) -> io::Result<String> {
        let folder = self.origin(name);
        write(&folder.join(file), content)?;
        commit(&folder, &format!("Write {file}"))
    }

    fn repository(&self, member: &Member, commits: &BTreeMap<&str, String>) -> io::Result<String> {
        let folder = self.origin(member.name);
        fs::create_dir_all(&folder)?;
        git(&folder, &["init", "--quiet", "--initial-branch=main"])?;
        write(&folder.join("README.md"), &format!("# {}\n", member.name))?;
        commit(&folder, "Begin")?;
        write(&folder.join("go.mod"), &go_mod(member, commits))?;
        write(&folder.join(".gitignore"), "/bin/\n")?;
        write(&folder.join(format!("{}.go", package(member.name))), &library(member))?;
        for (program, _) in member.programs {
            write(&folder.join(format!("cmd/{program}/main.go")), &main(member, program))?;
        }
        match member.name {
            "confd" => {
                write(&folder.join("etc/calico/confd/conf.d/bird.toml"), "[template]\n")?;
                write(&folder.join("etc/calico/confd/templates/bird.cfg.template"), "router id\n")?;
            }
            "libcalico-go" => {
                write(
                    &folder.join("config/crd/felixconfigurations.yaml"),
                    "kind: CustomResourceDefinition\n",
                )?;
            }
            _ => {}
        }
        let commit = commit(&folder, "Say what it is")?;
        git(&folder, &["tag", TAG])?;
        Ok(commit)
    }
}

const INPUTS: &str = r#"inputs = [
  { from = "confd", path = "etc/calico/confd", to = "filesystem/etc/calico/confd" },
  { from = "libcalico-go", path = "config/crd", to = "filesystem/etc/calico/crd" },
]
"#;

const MANIFEST: &str = r"# Calico, as small as can be.
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: calico-node
  namespace: kube-system
spec:
  selector: { matchLabels: { k8s-app: calico-node } }
  template:
    metadata: { labels: { k8s-app: calico-node } }
    spec:
      initContainers:
      - name: flexvol-driver
        image: calico/pod2daemon-flexvol:v3.14.0
      - name: install-cni
        image: docker.io/calico/cni:v3.14.0 # the plugin
      containers:
      - name: calico-node
        image: calico/node:v3.14.0
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: calico-kube-controllers
  namespace: kube-system
spec:
  replicas: 1
  selector: { matchLabels: { k8s-app: calico-kube-controllers } }
  template:
    metadata: { labels: { k8s-app: calico-kube-controllers } }
    spec:
      containers:
      - name: calico-kube-controllers
        image: calico/kube-controllers:v3.14.0
";

fn package(name: &str) -> String {
    name.replace('-', "")
}

fn module(name: &str) -> &'static str {
    MEMBERS.iter().find(|member| member.name == name).map_or("", |member| member.module)
}

fn go_mod(member: &Member, commits: &BTreeMap<&str, String>) -> String {
    let mut text = format!("module {}\n\ngo 1.14\n", member.module);
    for need in member.needs {
        let commit = commits.get(need).map_or("", |commit| &commit[..12]);
        let _ = writeln!(text, "\nrequire {} v0.0.0-20200508120000-{commit}", module(need));
    }
    text
}

fn library(member: &Member) -> String {
    let mut text =
        format!("// Package {0} is {1}.\npackage {0}\n\n", package(member.name), member.name);
    for need in member.needs {
        let _ = writeln!(text, "import {} \"{}\"", package(need), module(need));
    }
    let _ = write!(
        text,
        "\n// Names is what it is made of.\nfunc Names() []string {{\n\tnames := []string{{\"{}\"}}\n",
        member.name
    );
    for need in member.needs {
        let _ = writeln!(text, "\tnames = append(names, {}.Names()...)", package(need));
    }
    text + "\treturn names\n}\n"
}

fn main(member: &Member, program: &str) -> String {
    format!(
        "package main\n\nimport (\n\t\"os\"\n\t\"strings\"\n\n\tself \"{}\"\n)\n\nfunc main() {{\n\tos.Stdout.WriteString(\"{program}: \" + strings.Join(self.Names(), \" \") + \"\\n\")\n}}\n",
        member.module
    )
}

fn write(file: &Path, content: &str) -> io::Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    fs::write(file, content)
}

/// Commits everything and returns the id.
fn commit(folder: &Path, message: &str) -> io::Result<String> {
    git(folder, &["add", "--all"])?;
    git(folder, &["commit", "--quiet", "--message", message])?;
    Ok(git(folder, &["rev-parse", "HEAD"])?.trim().to_owned())
}

/// Runs git as nobody in particular, at a fixed time.
///
/// # Errors
/// When it fails, with what it said.
pub fn git(folder: &Path, arguments: &[&str]) -> io::Result<String> {
    const DATE: &str = "2020-05-08T12:00:00Z";
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([("GIT_AUTHOR_NAME", "Test"), ("GIT_AUTHOR_EMAIL", "test@example.org")])
        .envs([("GIT_COMMITTER_NAME", "Test"), ("GIT_COMMITTER_EMAIL", "test@example.org")])
        .envs([("GIT_AUTHOR_DATE", DATE), ("GIT_COMMITTER_DATE", DATE)])
        .output()?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(io::Error::other(format!(
            "git {arguments:?} in {}: {}",
            folder.display(),
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}
