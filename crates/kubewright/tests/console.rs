//! `kubewright console` through the real binary.
#![allow(clippy::unwrap_used)]

mod sandbox;

use sandbox::{KUBEWRIGHT, Sandbox, get, spawn};

#[test]
fn it_shows_the_cluster_of_the_kubeconfig_until_it_is_asked_to_end() {
    let sandbox = Sandbox::new();
    sandbox.kubewright(&["local", "start"]).ok();
    let kubeconfig = sandbox.kubewright(&["local", "kubeconfig", "--path"]).ok();
    let mut program = sandbox.program(KUBEWRIGHT);
    program.args(["console", "--listen", "127.0.0.1:0", "--kubeconfig", kubeconfig.trim()]);
    let mut console = spawn(&mut program);
    let url = console.lines().next().unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let page = get(&url);
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("<title>Overview · kubewright</title>"), "{page}");
    console.terminate();
    assert!(console.0.wait().unwrap().success());
}

#[test]
fn what_would_expose_too_much_is_refused_with_what_to_do() {
    let sandbox = Sandbox::new();
    sandbox.kubewright(&["local", "start"]).ok();
    let kubeconfig = sandbox.kubewright(&["local", "kubeconfig", "--path"]).ok();
    let refused = |more: &[&str], words: &str| {
        let line = [&["console", "--kubeconfig", kubeconfig.trim()], more].concat();
        let ended = sandbox.kubewright(&line);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(words), "{ended:?}");
    };
    refused(&["--listen", "0.0.0.0:0"], "--sign-in");
    refused(&["--listen", "0.0.0.0:0", "--sign-in"], "--tls-cert-file");
    refused(&["--allow-plain-http"], "--sign-in");
    refused(&["--tls-cert-file", "x"], "--tls-key-file");
    refused(&["--listen", "127.0.0.1:0", "--host", "https://console/"], "no host name");
}
