#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::*;
use crate::require;

fn runs(markdown: &str, installed: &Installed) -> (Result<(), String>, String) {
    let page = Page::read(markdown).unwrap();
    let mut transcript = Transcript::default();
    let ended = run(&page, installed, &mut transcript);
    (ended.map_err(|error| error.to_string()), transcript.as_str().to_owned())
}

fn fault(markdown: &str) -> String {
    runs(markdown, &Installed::default()).0.unwrap_err()
}

#[test]
fn a_page_keeps_its_shell_and_leaves_nothing() {
    require!(possible(&Page::default(), &Installed::default()));
    let shared = tempfile::tempdir().unwrap();
    let installed = Installed {
        fixed: vec![("/etc/passwd".into(), "/opt/fixed".into())],
        shared: vec![(shared.path().to_owned(), "/opt/shared".into())],
    };
    let (ended, transcript) = runs(
        "<!-- machines: one 10.77.0.1, two 10.77.0.2 -->\n\
         ```sh\nmkdir /etc/of-a-page\ncd /etc/of-a-page\nNAME=value\n```\n\
         ```console\n$ echo $NAME $(pwd) $(hostname)\nvalue /etc/of-a-page one\n```\n\
         <!-- run: on two -->\n```sh\nhostname; ls /etc/of-a-page || touch /opt/shared/it\n```\n\
         ```text\ntwo\nls: cannot access '/etc/of-a-page': No such file or directory\n```\n\
         <!-- run: on two, background -->\n```sh\necho begun; sleep 600\n```\n```text\nbegun\n```\n\
         <!-- run: exit 1 -->\n```sh\ntouch /opt/fixed\n```\n",
        &installed,
    );
    assert_eq!(ended, Ok(()), "{transcript}");
    assert!(transcript.contains("Read-only file system"), "{transcript}");
    assert!(shared.path().join("it").exists());
    assert!(!Path::new("/etc/of-a-page").exists() && !Path::new("/opt/shared").exists());
}

#[test]
fn what_goes_wrong_is_told_with_its_line() {
    require!(possible(&Page::default(), &Installed::default()));
    let faults = [
        ("```sh\nfalse\ntrue\n```\n", "line 1: exit code 1 instead of 0"),
        ("```sh\nfalse | true\n```\n", "line 1: exit code 1 instead of 0"),
        ("<!-- run: exit 2 -->\n```sh\ntrue\n```\n", "line 2: exit code 0 instead of 2"),
        ("<!-- run: exit 1 -->\n```sh\nfalse\nfalse\n```\n", "line 2: exit code 254 instead of 1"),
        ("```sh\necho a\n```\n```text\nb\n```\n", "line 1: it printed \"a\" instead of \"b\""),
        ("```sh\nexit 0\n```\n", "line 1: the shell ended with exit code 0"),
    ];
    for (markdown, told) in faults {
        assert_eq!(fault(markdown), told, "{markdown}");
    }
}

#[test]
fn what_takes_its_time_is_looked_at_again() {
    require!(possible(&Page::default(), &Installed::default()));
    let (ended, transcript) = runs(
        "<!-- run: until -->\n```sh\necho >> count\nwc -l < count\n```\n```text\n3\n```\n\
         <!-- run: background -->\n```sh\necho a; sleep 0.2; echo b; sleep 600\n```\n\
         <!-- background -->\n```text\na\nb\n```\n",
        &Installed::default(),
    );
    assert_eq!(ended, Ok(()), "{transcript}");
}
