#![allow(clippy::unwrap_used)]
use super::*;

fn error(text: &str) -> String {
    Manifest::parse(text, Path::new("workspace.toml")).unwrap_err().to_string()
}

const SPECIFIED: &str = r#"
[workspace]
registry  = "registry.example/dev"
tag       = "{describe}-{key8}"
platforms = ["linux/amd64", "linux/arm64"]

[component.felix]
git = "https://host/felix.git"
[component.confd]
git = "https://host/confd.git"
[component.libcalico-go]
git = "https://host/libcalico-go.git"
[component.node]
git        = "https://host/node.git"
ref        = "v3.14.0"
depends_on = ["felix", "confd", "libcalico-go"]
build      = { go = "./cmd/calico-node", cgo = false, output = "bin/calico-node" }
inputs     = [{ from = "confd", path = "etc/calico/confd", to = "filesystem/etc/calico/confd" }]
image      = { name = "node", base = "oci:bases/ubi@sha256:1111111111111111111111111111111111111111111111111111111111111111" }
[manifests]
sources = ["manifests/*.yaml"]
[test]
deploy = ["calico.yaml"]
"#;

#[test]
fn what_is_written_is_read_again() {
    let manifest = Manifest::parse(SPECIFIED, Path::new("workspace.toml")).unwrap();
    assert_eq!(manifest.component["node"].build.len(), 1);
    let text = toml::to_string(&manifest).unwrap();
    let again = Manifest::parse(&text, Path::new("workspace.toml")).unwrap();
    assert_eq!(toml::to_string(&again).unwrap(), text);
}

#[test]
fn errors_show_the_place_and_the_nearest_name() {
    for (text, snapshot) in [
        ("[component.a]\npth = \"a\"\n", "unknown_key"),
        ("[component.a]\npath = \"a\"\nbuild = { go = \"cmd/a\", output = \"a\" }\n", "package"),
        (
            "[component.a]\npath = \"a\"\ndepends_on = [\"fellix\"]\n[component.felix]\npath = \"f\"\n",
            "unknown_component",
        ),
        ("[component.\"../a\"]\npath = \"a\"\n", "component_name"),
        ("[workspace]\nplatforms = [\"amd64\"]\n", "platform"),
        ("[workspace]\ntag = \"{descripe}\"\n", "placeholder"),
    ] {
        insta::assert_snapshot!(snapshot, error(text));
    }
}

#[test]
fn contradictions_are_refused() {
    for (component, part) in [
        ("", "say with `git` where"),
        ("git = \"https://h/a\"\npath = \"../a\"", "must be inside the workspace"),
        ("git = \"https://h/a\"\npath = \"/a\"", "must be inside the workspace"),
        ("git = \"https://h/a\"\npath = \".\"", "a folder of its own"),
        ("git = \"https://h/a\"\npath = \".kubewright/mirrors/b.git/hooks\"", "none of git"),
        ("git = \"https://h/a\"\npath = \"b/.git/hooks\"", "none of git"),
        ("git = \"https://h/a\"\n[component.b]\ngit = \"https://h/b\"\npath = \"a/x\"", "overlap"),
        ("git = \"https://h/a\"\n[component.b]\npath = \"./a\"", "overlap"),
        ("git = \"https://me:pw@h/a\"", "has a password in it"),
        ("path = \"a\"\nref = \"main\"", "nothing to check out"),
        ("path = \"a\"\ndepends_on = [\"a\"]", "cannot depend on itself"),
        (
            "path = \"a\"\nbuild = { go = \".\", command = [\"x\"], output = \"a\" }",
            "either `go` or `command`",
        ),
        ("path = \"a\"\nbuild = { go = \".\", output = [\"a\", \"b\"] }", "give one `output`"),
        ("path = \"a\"\nbuild = { command = [\"x\"] }", "which files `command` makes"),
        (
            "path = \"a\"\nbuild = { command = [\"x\"], output = \"../b\" }",
            "no path inside a component",
        ),
        (
            "path = \"a\"\nbuild = [{ command = [\"x\"], output = \"b\" }, { command = [\"x\"], output = \"b/c\" }]",
            "written twice",
        ),
        (
            "path = \"a\"\nimage = { name = \"a\", dockerfile = \"Dockerfile\", base = \"b\" }",
            "would have no effect",
        ),
        (
            "path = \"a\"\nimage = { name = \"a\", files = [{ from = \"a\", to = \"b\" }] }",
            "no absolute path in an image",
        ),
        ("path = \"a\"\nimage = [{ name = \"x/a\" }, { name = \"y/a\" }]", "makes an image a too"),
    ] {
        let error = error(&format!("[component.a]\n{component}\n"));
        assert!(error.contains(part), "{component}: {error}");
    }
}

#[test]
fn the_nearest_workspace_is_found_from_below() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    assert!(matches!(Manifest::find(&below), Err(ManifestError::None { .. })));
    std::fs::write(folder.path().join(FILE), "").unwrap();
    assert_eq!(Manifest::find(&below).unwrap(), folder.path().join(FILE));
}
