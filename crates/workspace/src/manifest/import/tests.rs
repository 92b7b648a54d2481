#![allow(clippy::unwrap_used)]
use super::*;

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_list_of_another_tool_becomes_a_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let lists = [
        file(
            &folder,
            ".gitmodules",
            "[submodule \"one\"]\n\tpath = libs/one\n\turl = https://host/team/one.git\n\tbranch = main\n\
             [submodule \"two\"]\n\tpath = two\n\turl = https://host/team/two.git\n",
        ),
        file(
            &folder,
            "west.yml",
            "manifest:\n  defaults: {remote: team, revision: main}\n  remotes: [{name: team, url-base: \
             'https://host/team/'}]\n  projects:\n  - {name: one, path: libs/one, repo-path: one.git}\n  \
             - {name: two, url: 'https://host/team/two.git', revision: v1}\n",
        ),
        file(
            &folder,
            "default.xml",
            "<?xml version=\"1.0\"?><manifest><remote name=\"team\" fetch=\"https://host\"/>\
             <default remote=\"team\" revision=\"refs/heads/main\"/>\
             <project name=\"team/one.git\" path=\"libs/one\"/>\
             <project name=\"team/two.git\" path=\"two\" revision=\"refs/tags/v1\"/></manifest>",
        ),
    ];
    for list in lists {
        let Imported { text, left } = import(&list, folder.path()).unwrap();
        assert_eq!(left, [""; 0]);
        let manifest = Manifest::parse(&text, &list).unwrap();
        let names: Vec<&str> = manifest.component.keys().map(ComponentName::as_str).collect();
        assert_eq!(names, ["one", "two"], "{text}");
        let one = &manifest.component["one"];
        assert_eq!(one.git.as_ref().unwrap().as_str(), "https://host/team/one.git");
        assert_eq!(one.reference.as_ref().unwrap().as_str(), "main");
        assert_eq!(one.path.as_deref(), Some(Path::new("libs/one")));
        assert_eq!(manifest.component["two"].path, None);
    }
}

#[test]
fn hostile_lists_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, part) in [
        (".gitmodules", "[submodule \"x\"]\npath = x\nurl = ext::sh -c id\n", "no address"),
        (
            ".gitmodules",
            "[submodule \"x\"]\npath = ../x\nurl = https://h/x\n",
            "inside the workspace",
        ),
        (".gitmodules", "[submodule \"x\"]\nurl = https://h/x\n", "has no path"),
        ("a.xml", "<manifest><project name=\"x\"/></manifest>", "no remote"),
        ("a.xml", "<manifest><include name=\"b.xml\"/></manifest>", "includes b.xml"),
        ("a.xml", "<!DOCTYPE a [<!ENTITY b \"c\">]><manifest>&b;</manifest>", "DTD"),
        ("west.yml", "manifest: {projects: [{name: x}]}", "neither url nor remote"),
        ("west.yml", "manifest: {projects: []}", "no repository"),
        (
            "west.yml",
            "manifest: {projects: [{name: x, url: 'https://h/x', import: true}]}",
            "resolve",
        ),
        ("west.yml", "manifest: {self: {import: sub.yml}, projects: []}", "resolve"),
        (
            "a.xml",
            "<manifest><remote name=\"r\" fetch=\"https://h\"/><extend-project name=\"x\"/></manifest>",
            "<extend-project name=\"x\">",
        ),
        (
            "a.xml",
            "<manifest><project name=\"x\"><project name=\"y\"/></project></manifest>",
            "inside",
        ),
        (
            ".gitmodules",
            "[submodule \"x\"]\npath = x\nurl = ../x.git\n",
            "where this repository was cloned from",
        ),
        ("x.txt", "", "no folder of checkouts"),
    ] {
        let error = import(&file(&folder, name, text), folder.path()).unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {text}: {error}");
    }
}

#[test]
fn what_is_not_taken_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let west = "manifest:\n  group-filter: [-babblesim]\n  projects:\n  \
        - {name: one, url: 'https://h/one', submodules: true, import: false}\n  \
        - {name: two, url: 'https://h/two', groups: [babblesim]}\n  \
        - {name: three, url: 'https://h/three', groups: [babblesim, other]}\n";
    let imported = import(&file(&folder, "west.yml", west), folder.path()).unwrap();
    assert_eq!(
        imported.left,
        [
            "project one: its submodules; make components of them",
            "project two: `group-filter` leaves out babblesim"
        ]
    );
    assert!(imported.text.contains("[component.three]"), "{}", imported.text);
    let repo = "<manifest><remote name=\"r\" fetch=\"https://h\"/><default remote=\"r\"/>\
        <project name=\"one\"><linkfile src=\"Makefile\" dest=\"Makefile\"/></project>\
        <project name=\"two\" groups=\"x,notdefault\"/></manifest>";
    let imported = import(&file(&folder, "a.xml", repo), folder.path()).unwrap();
    assert_eq!(
        imported.left,
        [
            "project one: <linkfile> of Makefile to Makefile; `inputs` of a component may do it",
            "project two: it is in group notdefault"
        ]
    );
    let modules = "[submodule \"one\"]\npath = one\nurl = https://h/one\n\
        [submodule \"two\"]\npath = two\nurl = https://h/two\nupdate = none\n";
    let imported = import(&file(&folder, ".gitmodules", modules), folder.path()).unwrap();
    assert_eq!(imported.left, ["submodule two: `update = none` leaves it out"]);
}
