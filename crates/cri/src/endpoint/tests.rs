#![allow(clippy::unwrap_used)]

use std::os::unix::net::UnixListener;

use super::*;

fn parsed(text: &str) -> Result<String, String> {
    let endpoint: Result<Endpoint, EndpointError> = text.parse();
    endpoint.map(|endpoint| endpoint.to_string()).map_err(|error| error.to_string())
}

#[test]
fn a_path_is_taken_with_and_without_its_scheme() {
    for text in ["unix:///run/crio/crio.sock", "unix:/run/crio/crio.sock", "/run/crio/crio.sock"] {
        assert_eq!(parsed(text).unwrap(), "unix:///run/crio/crio.sock");
    }
}

#[test]
fn what_is_no_socket_of_cri_is_refused_with_what_to_give() {
    for text in ["", "tcp://127.0.0.1:2375", "npipe:////./pipe/x", "run/x.sock", "unix://x.sock"] {
        let error = parsed(text).unwrap_err();
        assert!(error.contains("give the path of its Unix socket"), "{text}: {error}");
    }
    let error = parsed("unix:///var/run/docker.sock").unwrap_err();
    assert!(error.contains("unix:///var/run/cri-dockerd.sock"), "{error}");
}

#[test]
fn the_flags_of_podagent_lead_to_cri() {
    let of = |kind, docker, crio| {
        Endpoint::of_container_type(kind, docker, crio).map(|endpoint| endpoint.to_string())
    };
    let docker = Some("unix:///var/run/docker.sock");
    let crio = Some("unix:///var/run/crio/crio.sock");
    assert_eq!(of("docker", docker, crio).unwrap(), "unix:///var/run/cri-dockerd.sock");
    assert_eq!(of("docker", Some("/run/mine.sock"), crio).unwrap(), "unix:///run/mine.sock");
    assert_eq!(of("docker", None, None).unwrap(), "unix:///var/run/cri-dockerd.sock");
    assert_eq!(of("crio", docker, crio).unwrap(), "unix:///var/run/crio/crio.sock");
    assert_eq!(of("crio", None, None).unwrap(), "unix:///run/crio/crio.sock");
    assert!(of("rkt", None, None).unwrap_err().to_string().contains("docker, crio or containerd"));
}

#[test]
fn found_in_the_order_of_crictl() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (config, dead, alive) = (at("crictl.yaml"), at("dead.sock"), at("alive.sock"));
    drop(UnixListener::bind(&dead).unwrap());
    let listener = UnixListener::bind(&alive).unwrap();
    let absent = at("absent.sock");
    let defaults = [absent.as_path(), &dead, &alive];
    let find = |given| Endpoint::discover_in(given, &config, &defaults);

    assert_eq!(find(Some("/given.sock")).unwrap(), Endpoint::at("/given.sock"));
    assert_eq!(find(None).unwrap(), Endpoint::at(&alive));
    assert_eq!(find(Some("")).unwrap(), Endpoint::at(&alive));

    std::fs::write(&config, "runtime-endpoint: unix:///configured.sock\ntimeout: 10\n").unwrap();
    assert_eq!(find(None).unwrap(), Endpoint::at("/configured.sock"));
    assert_eq!(find(Some("/given.sock")).unwrap(), Endpoint::at("/given.sock"));
    for says_nothing in ["timeout: 10\n", "runtime-endpoint: \"\"\n", ""] {
        std::fs::write(&config, says_nothing).unwrap();
        assert_eq!(find(None).unwrap(), Endpoint::at(&alive), "{says_nothing:?}");
    }
    std::fs::write(&config, "runtime-endpoint: [\n").unwrap();
    assert!(find(None).unwrap_err().to_string().contains("crictl.yaml"));

    std::fs::remove_file(&config).unwrap();
    drop(listener);
    let error = find(None).unwrap_err().to_string();
    for part in ["absent.sock: No such file", "dead.sock: Connection refused", ENVIRONMENT] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}
