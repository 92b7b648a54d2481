//! The phases of a kubeadm, as it lists them itself, and the steps that are made of them.
//!
//! kubeadm's phases differ between versions: `etcd-join` and `kubelet-wait-bootstrap` came,
//! `control-plane-join/etcd` goes. So the list is not ours: `kubeadm init --help` prints it, and
//! its order is kept. What it has and hides is done by having it join without all that it lists.
//! What we do differently from `kubeadm init`:
//!
//! - `upload-config` in two steps, with the Node in between: `upload-config kubelet` writes to the
//!   Node, and blocks for two minutes and fails while there is none.
//! - `wait-control-plane` is ours: before 1.30 it is no command.
//! - `bootstrap-token` is ours when nodes are to be accepted by someone: kubeadm's would bind the
//!   right to approve oneself.
//! - `upload-certs` only when more control-plane nodes can come.
//! - `show-join-command` never: it prints the token.

/// A phase, and those below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// As in `certs`.
    pub name: String,
    /// As in `ca`.
    pub children: Vec<String>,
}

/// One step of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// As it stands in the journal.
    pub name: String,
    /// What is done.
    pub work: Work,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// `kubeadm init …` or `kubeadm join …`, one after the other: `phase …`, or what it hides.
    Kubeadm(Vec<Vec<String>>),
    /// Waits until the API server is ready.
    ApiServer,
    /// Waits until the kubelet has made its Node.
    Node,
    /// Makes what a bootstrap token needs, without the right of nodes to approve themselves.
    Tokens,
}

/// The phases in the help of `kubeadm init` or `kubeadm join`.
#[must_use]
pub fn parse(help: &str) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    let lines = help.lines().skip_while(|line| !line.contains("executes the following phases"));
    for line in lines.skip(1) {
        let Some(name) = line.split_whitespace().next() else {
            if phases.is_empty() { continue } else { break }
        };
        match (name.strip_prefix('/'), phases.last_mut()) {
            _ if name.starts_with("```") => {
                if phases.is_empty() {
                    continue;
                } else {
                    break;
                }
            }
            (Some(child), Some(parent)) if is_name(child) => parent.children.push(child.to_owned()),
            (None, _) if is_name(name) && !line.starts_with(char::is_whitespace) => {
                phases.push(Phase { name: name.to_owned(), children: Vec::new() });
            }
            _ => break,
        }
    }
    phases
}

/// It becomes an argument.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// What of the configuration decides about the steps of `init`.
#[derive(Clone, Copy, Debug)]
pub struct InitOptions {
    /// Whether nodes with a token approve themselves.
    pub auto_approve: bool,
    /// Whether more control-plane nodes can come.
    pub several: bool,
}

/// The steps of `init`.
#[must_use]
pub fn of_init(phases: &[Phase], options: InitOptions) -> Vec<Step> {
    let mut steps = Vec::new();
    for phase in phases {
        let name = phase.name.as_str();
        match name {
            "show-join-command" | "wait-control-plane" => {}
            "upload-certs" if !options.several => {}
            "upload-certs" => steps.push(kubeadm(name, vec![vec![name, "--upload-certs"]])),
            "bootstrap-token" if !options.auto_approve => {
                steps.push(Step { name: name.to_owned(), work: Work::Tokens });
            }
            "upload-config" => {
                steps.push(Step { name: "wait-control-plane".to_owned(), work: Work::ApiServer });
                steps.push(kubeadm("upload-config-kubeadm", vec![vec![name, "kubeadm"]]));
                steps.push(Step { name: "wait-node".to_owned(), work: Work::Node });
                steps.push(kubeadm("upload-config-kubelet", vec![vec![name, "kubelet"]]));
            }
            _ => steps.push(whole(phase)),
        }
    }
    steps
}

/// What of the configuration and of kubeadm decides about the steps of `join`.
#[derive(Clone, Copy, Debug)]
pub struct JoinOptions {
    /// Whether the machine becomes a control-plane node.
    pub control_plane: bool,
    /// Whether kubeadm may have phases that it does not list ([`super::version`]).
    pub hides: bool,
}

/// Phases of a cluster whose control-plane nodes talk to their own API server: with them, joining
/// etcd comes before waiting for the kubelet. Hidden phases cannot be called by name.
/// <https://github.com/kubernetes/kubeadm/issues/3262>
const HIDDEN: [&str; 2] = ["etcd-join", "kubelet-wait-bootstrap"];

/// The steps of `join`.
#[must_use]
pub fn of_join(phases: &[Phase], options: JoinOptions) -> Vec<Step> {
    let JoinOptions { control_plane, hides } = options;
    let for_control_plane =
        ["control-plane-prepare", "check-etcd", "etcd-join", "control-plane-join"];
    let relevant = |name: &str| control_plane || !for_control_plane.contains(&name);
    let listed = |name: &str| phases.iter().any(|phase| phase.name == name);
    let mut hidden = HIDDEN.into_iter().find(|name| hides && relevant(name) && !listed(name));
    let last = if listed("etcd-join") && control_plane { "etcd-join" } else { "kubelet-start" };
    let mut steps = Vec::new();
    for phase in phases {
        match phase.name.as_str() {
            "wait-control-plane" => {}
            name if !relevant(name) => {}
            _ => steps.push(whole(phase)),
        }
        if phase.name == last
            && let Some(name) = hidden.take()
        {
            let all: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
            let call = vec!["--skip-phases".to_owned(), all.join(",")];
            steps.push(Step { name: name.to_owned(), work: Work::Kubeadm(vec![call]) });
        }
    }
    if control_plane {
        steps.push(Step { name: "wait-control-plane".to_owned(), work: Work::ApiServer });
    }
    steps
}

/// Steps during which the members of etcd change, so that one machine at a time may do them.
#[must_use]
pub fn changes_members(step: &str) -> bool {
    matches!(step, "etcd-join" | "control-plane-join")
}

/// A phase with all below it. `all` is not listed, and `etcd` has none.
fn whole(phase: &Phase) -> Step {
    let name = phase.name.as_str();
    let has_all = [
        "certs",
        "kubeconfig",
        "control-plane",
        "kubelet-finalize",
        "addon",
        "control-plane-prepare",
        "control-plane-join",
    ];
    let calls = match phase.children.as_slice() {
        [] => vec![vec![name]],
        _ if has_all.contains(&name) => vec![vec![name, "all"]],
        children => children.iter().map(|child| vec![name, child.as_str()]).collect(),
    };
    kubeadm(name, calls)
}

fn kubeadm(name: &str, calls: Vec<Vec<&str>>) -> Step {
    let calls = calls
        .into_iter()
        .map(|call| std::iter::once("phase").chain(call).map(str::to_owned).collect());
    Step { name: name.to_owned(), work: Work::Kubeadm(calls.collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INIT: &str = "Run this command\n\nThe \"init\" command executes the following phases:\n```\npreflight      Run pre-flight checks\ncerts          Certificate generation\n  /ca            Generate\n  /apiserver     Generate\netcd           Generate static Pod manifest\n  /local         Generate\nupload-config  Upload\n  /kubeadm       Upload\n  /kubelet       Upload\nupload-certs   Upload certificates\nbootstrap-token  Generates\nbrand-new      Something\n  /one           One\n  /two           Two\nshow-join-command  Show\n```\n\nUsage:\n  kubeadm init [flags]\n";

    fn names(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.name.as_str()).collect()
    }

    fn calls(steps: &[Step], name: &str) -> Vec<String> {
        let step = steps.iter().find(|step| step.name == name);
        match step.map(|step| &step.work) {
            Some(Work::Kubeadm(calls)) => {
                let words = |call: &Vec<String>| call.join(" ").replace("phase ", "");
                calls.iter().map(words).collect()
            }
            other => vec![format!("{other:?}")],
        }
    }

    #[test]
    fn the_list_is_read_as_kubeadm_prints_it() {
        let phases = parse(INIT);
        let listed: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
        assert_eq!(
            listed,
            [
                "preflight",
                "certs",
                "etcd",
                "upload-config",
                "upload-certs",
                "bootstrap-token",
                "brand-new",
                "show-join-command"
            ]
        );
        assert_eq!(phases[1].children, ["ca", "apiserver"]);
        assert!(parse("something else\n").is_empty());
        assert!(parse("executes the following phases:\n--config=/x  y\n").is_empty());
    }

    #[test]
    fn steps_of_init_keep_its_order_and_replace_what_they_must() {
        let steps = of_init(&parse(INIT), InitOptions { auto_approve: true, several: false });
        assert_eq!(
            names(&steps),
            [
                "preflight",
                "certs",
                "etcd",
                "wait-control-plane",
                "upload-config-kubeadm",
                "wait-node",
                "upload-config-kubelet",
                "bootstrap-token",
                "brand-new"
            ]
        );
        assert_eq!(calls(&steps, "certs"), ["certs all"]);
        assert_eq!(calls(&steps, "etcd"), ["etcd local"]);
        assert_eq!(calls(&steps, "brand-new"), ["brand-new one", "brand-new two"]);
        let steps = of_init(&parse(INIT), InitOptions { auto_approve: false, several: true });
        assert_eq!(calls(&steps, "upload-certs"), ["upload-certs --upload-certs"]);
        assert_eq!(calls(&steps, "bootstrap-token"), ["Some(Tokens)"]);
    }

    #[test]
    fn steps_of_join_are_those_of_the_role() {
        let help = "executes the following phases:\npreflight x\ncontrol-plane-prepare x\n  /certs x\nkubelet-start x\netcd-join x\nkubelet-wait-bootstrap x\ncontrol-plane-join x\n  /mark-control-plane x\nwait-control-plane x\n\n";
        let of = |help: &str, control_plane, hides| {
            of_join(&parse(help), JoinOptions { control_plane, hides })
        };
        let worker = of(help, false, true);
        assert_eq!(names(&worker), ["preflight", "kubelet-start", "kubelet-wait-bootstrap"]);
        let control_plane = of(help, true, true);
        assert_eq!(
            names(&control_plane),
            [
                "preflight",
                "control-plane-prepare",
                "kubelet-start",
                "etcd-join",
                "kubelet-wait-bootstrap",
                "control-plane-join",
                "wait-control-plane"
            ]
        );
        assert!(changes_members("etcd-join") && !changes_members("kubelet-start"));
        // As 1.33.0 lists them.
        let hiding = help.replace("etcd-join x\nkubelet-wait-bootstrap x\n", "");
        let worker = of(&hiding, false, true);
        assert_eq!(names(&worker), ["preflight", "kubelet-start", "kubelet-wait-bootstrap"]);
        let all = "--skip-phases preflight,control-plane-prepare,kubelet-start,control-plane-join,wait-control-plane";
        assert_eq!(calls(&worker, "kubelet-wait-bootstrap"), [all]);
        let control_plane = of(&hiding, true, true);
        assert_eq!(names(&control_plane)[2..4], ["kubelet-start", "etcd-join"]);
        assert_eq!(calls(&control_plane, "etcd-join"), [all]);
        // As 1.33.7 does.
        let one = of(&help.replace("kubelet-wait-bootstrap x\n", ""), true, true);
        assert_eq!(names(&one)[3..5], ["etcd-join", "kubelet-wait-bootstrap"]);
        assert_eq!(calls(&one, "etcd-join"), ["etcd-join"]);
        assert!(calls(&one, "kubelet-wait-bootstrap")[0].contains(",etcd-join,"));
        assert_eq!(names(&of(&hiding, false, false)), ["preflight", "kubelet-start"]);
    }
}
