//! The agent in the container that the manifests describe.

use std::path::Path;

use kubewright_testkit::{cni, require};
use serde_json::{Value, json};

use crate::node::Node;
use crate::sandbox::Running;

/// What the container runs.
const AGENT: &str = env!("CARGO_BIN_EXE_kubewright-podnet");

/// What only the node has.
const OF_NODE: &str = "/run/flannel/subnet.env";

/// A machine with folders of its own where those of the manifests are, and a container on it that
/// has nothing but an image, the test's own folder and the mounts of the manifests.
struct Contained {
    pod: Value,
    script: String,
}

impl Contained {
    fn new(node: &Node) -> Self {
        let manifests = node.sandbox.kubewright(&["manifests", "podnet", "-o", "json"]).ok();
        let manifests: Value = serde_json::from_str(&manifests).unwrap();
        let items = manifests["items"].as_array().unwrap();
        let daemon_set = items.iter().find(|item| item["kind"] == "DaemonSet").unwrap();
        let pod = daemon_set["spec"]["template"]["spec"].clone();
        let mut script = String::from(MACHINE);
        for volume in pod["volumes"].as_array().unwrap() {
            let folder = volume["hostPath"]["path"].as_str().unwrap();
            script += &format!("mkdir -p $machine{folder}\n");
        }
        for mount in pod["containers"][0]["volumeMounts"].as_array().unwrap() {
            let of = |volume: &&Value| volume["name"] == mount["name"];
            let volume = pod["volumes"].as_array().unwrap().iter().find(of).unwrap();
            let folder = volume["hostPath"]["path"].as_str().unwrap();
            let path = mount["mountPath"].as_str().unwrap();
            script += &format!("bind $machine{folder} $container{path}\n");
        }
        Self { pod, script: script + "exec chroot $container \"$@\"\n" }
    }

    fn agent(&self, node: &Node) -> Running {
        let agent = &self.pod["containers"][0];
        let added = agent["securityContext"]["capabilities"]["add"].as_array().unwrap();
        let added = added.iter().map(|it| format!(",+{}", it.as_str().unwrap().to_lowercase()));
        let bounds = format!("-all{}", added.collect::<String>());
        assert_eq!(agent["command"][0], "/usr/bin/kubewright-podnet");
        let mut command = node.sandbox.program("unshare");
        command.args(["--mount", "--propagation", "slave", "sh", "-euc", &self.script]);
        command.arg(node.sandbox.path("")).arg(cni::plugin_dir()).arg(AGENT);
        command.args(["setpriv", "--bounding-set", &bounds, AGENT]);
        for argument in agent["args"].as_array().unwrap() {
            let argument = argument.as_str().unwrap();
            let free = argument.starts_with("--health-address").then_some("--health-address=:0");
            command.arg(free.unwrap_or(argument));
        }
        command.args(["--kubeconfig", &node.kubeconfig, "--runtime-endpoint"]);
        command.arg(node.runtime.endpoint().to_string());
        for variable in agent["env"].as_array().unwrap() {
            let value = variable["value"].as_str().unwrap_or("node");
            command.env(variable["name"].as_str().unwrap(), value);
        }
        Running(command.spawn().unwrap())
    }
}

/// `$0` is the folder of the test, `$1` has plugins, `$2` is the program; the rest is to be run.
const MACHINE: &str = r#"
test=$0 plugins=$1 program_dir=$(dirname $2); shift 2
machine=$test/machine container=$test/container
bind() { if [ -d $1 ]; then mkdir -p $2; else mkdir -p $(dirname $2); touch $2; fi; mount --rbind $1 $2; }
mkdir $machine $container
mount -t tmpfs machine $machine
mount -t tmpfs container $container
for name in $(ls -A /); do
    case $name in
    etc|lost+found|opt|run|var) ;;
    *) if [ -L /$name ]; then cp -a /$name $machine; else bind /$name $machine/$name; fi ;;
    esac
    case $name in
    bin|dev|lib*|proc|sbin|usr)
        if [ -L /$name ]; then cp -a /$name $container; else bind /$name $container/$name; fi ;;
    esac
done
bind $program_dir $container$program_dir
bind $test $container$test
bind $plugins $machine/opt/cni/bin
mkdir -p $machine/run/flannel; touch $machine/run/flannel/subnet.env
"#;

#[tokio::test(flavor = "multi_thread")]
async fn plugins_have_what_the_node_has() {
    require!(require::root(), require::programs(&["ip", "unshare", "mount", "setpriv"]));
    require!(require::cni_plugins().map(drop));
    let node = Node::start().await;
    let waits = json!({ "waitFor": OF_NODE });
    node.define("flannel", json!({ "ADD": waits, "DEL": waits })).await;
    node.pod("p", json!({ "k8s.v1.cni.cncf.io/networks": "flannel@x0" })).await;
    let contained = Contained::new(&node);
    let _agent = contained.agent(&node);
    node.attached("p", "x0").await;
    node.kubewright(&["podnet", "detach", "p", "flannel"]).await.ok();
    assert_eq!(node.calls(), ["ADD x0", "DEL x0"]);
    // The plugin was found where only the node has plugins.
    assert!(!Path::new(OF_NODE).exists(), "this machine would have it, too");
}
