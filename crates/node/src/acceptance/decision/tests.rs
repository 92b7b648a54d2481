#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::super::tests::{NODES, any, asked, policy, request};
use super::super::{SERVING_SIGNER, ServerPlaces};
use super::*;
use crate::embedded::CONTROL_PLANE_LABEL;
use crate::join::{Answer, SIGNER};

fn node(name: &str, ready: &str, addresses: Value) -> Node {
    serde_json::from_value(json!({ "metadata": { "name": name }, "status": {
        "addresses": addresses, "conditions": [{ "type": "Ready", "status": ready }] } }))
    .unwrap()
}

fn server() -> ServerPlaces {
    let mut places = ServerPlaces::default();
    places.service.insert("172.24.0.1".parse().unwrap());
    for host in ["10.66.0.1", "[fd00::1]", "a.API.example.org", "*.wild.example.org"] {
        places.reached_at(host);
    }
    places
}

/// What is said to a request where these nodes are, and these other requests.
fn judged(request: &Request, nodes: &[Node], others: &[Request], policy: &Policy) -> Verdict {
    let server = server();
    let census = Census::new(nodes, others.iter().chain([request]), Some(&server));
    decide(request, &census, policy)
}

fn waits(verdict: &Verdict, for_what: &str) {
    let Verdict::Wait { why } = verdict else { panic!("{verdict:?}") };
    assert!(why.contains(for_what), "{why}");
}

fn accepted(verdict: &Verdict) {
    assert!(matches!(verdict, Verdict::Accept { .. }), "{verdict:?}");
}

#[test]
fn the_name_of_a_node_is_not_given_away() {
    let everyone = policy("- nodes: ['*']");
    let other_machine = request("a");
    let named = policy(&format!("- fingerprints: ['{}']", other_machine.fingerprint));
    let living = [node("a", "True", json!([]))];
    waits(&judged(&other_machine, &living, &[], &everyone), "Ready");
    waits(&judged(&other_machine, &living, &[], &named), "Ready");
    for dead in ["False", "Unknown"] {
        let dead = [node("a", dead, json!([]))];
        waits(&judged(&other_machine, &dead, &[], &everyone), "node remove a");
        // It was said of this key that it may.
        accepted(&judged(&other_machine, &dead, &[], &named));
    }
}

#[test]
fn one_name_is_given_to_one_machine() {
    let everyone = policy("- nodes: ['*']");
    let (first, second) = (request("a"), request("a"));
    accepted(&judged(&first, &[], &[], &everyone));
    for answer in [Answer::Pending, Answer::Accepted, Answer::Issued(String::new())] {
        let first = Request { answer, ..first.clone() };
        waits(&judged(&second, &[], &[first.clone(), request("b")], &everyone), "another machine");
        let named = policy(&format!("- fingerprints: ['{}']", second.fingerprint));
        accepted(&judged(&second, &[], &[first], &named));
    }
    // Who was turned away holds nothing, nor does a key that asks twice, nor who was a node once.
    let rejected = Request { answer: Answer::Rejected { reason: String::new() }, ..first.clone() };
    accepted(&judged(&second, &[], &[rejected], &everyone));
    let again = Request { name: "again".to_owned(), answer: Answer::Accepted, ..second.clone() };
    accepted(&judged(&second, &[], &[again], &everyone));
    let renewal = any(SIGNER, ("system:node:a", NODES), &[], "system:node:a");
    accepted(&judged(&second, &[], &[Request::of(&renewal).unwrap().unwrap()], &everyone));
}

/// It has its key in memory, and asks with another one when it was told nothing for a while.
#[test]
fn a_kubelet_that_asks_again_is_no_rival_of_its_own() {
    let everyone = policy("- nodes: ['*']");
    let at = |minutes: i64| Request {
        name: format!("csr-{minutes}"),
        created: jiff::Timestamp::from_second(60 * minutes).ok(),
        ..request("a")
    };
    let (first, second, third) = (at(0), at(15), at(30));
    let others = [first.clone(), second.clone()];
    accepted(&judged(&third, &[], &others, &everyone));
    waits(&judged(&first, &[], &[second.clone(), third], &everyone), "another machine");
    // What was accepted may be in use, and nobody gives up so soon, or for somebody else.
    let approved = Request { answer: Answer::Accepted, ..first.clone() };
    waits(&judged(&second, &[], &[approved], &everyone), "another machine");
    waits(&judged(&at(10), &[], std::slice::from_ref(&first), &everyone), "another machine");
    let on_disk = Request { name: "node-a".to_owned(), ..first.clone() };
    waits(&judged(&second, &[], &[on_disk], &everyone), "another machine");
    let stranger = Request { user: "system:bootstrap:ghijkl".to_owned(), ..first };
    waits(&judged(&second, &[], &[stranger], &everyone), "another machine");
}

#[test]
fn no_policy_gives_away_names_of_the_api_server() {
    let everyone = policy("- nodes: ['*']");
    for name in [
        "localhost",
        "localhost.localdomain",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc.cluster.local",
        "hook.team.svc",
        "hook.team.svc.cluster.local",
        "a.api.example.org",
        "b.wild.example.org",
    ] {
        let request = Request::of(&asked(name)).unwrap().unwrap();
        waits(&judged(&request, &[], &[], &everyone), "a name of the API server");
    }
    for name in [
        "kubernetes-1",
        "svc",
        "svc.example.org",
        "api",
        "local",
        "wild.example.org",
        "a.b.wild.example.org",
    ] {
        accepted(&judged(&request(name), &[], &[], &everyone));
    }
}

#[test]
fn a_node_renews_for_itself_as_long_as_it_is_one() {
    let object = any(SIGNER, ("system:node:a", NODES), &[], "system:node:a");
    let request = Request::of(&object).unwrap().unwrap();
    let living = [node("a", "True", json!([]))];
    let none = Policy::default();
    accepted(&judged(&request, &living, &[request_before()], &none));
    waits(&judged(&request, &[], &[], &none), "is no node");
}

/// The request with which it joined.
fn request_before() -> Request {
    Request { answer: Answer::Issued(String::new()), ..request("a") }
}

fn serving(names: &[&str], nodes: &[Node], policy: &Policy) -> Verdict {
    let object = any(SERVING_SIGNER, ("system:node:a", NODES), names, "system:node:a");
    judged(&Request::of(&object).unwrap().unwrap(), nodes, &[], policy)
}

#[test]
fn a_serving_certificate_is_for_the_addresses_of_its_node_only() {
    let addresses = json!([{ "type": "Hostname", "address": "a" },
        { "type": "InternalIP", "address": "10.0.0.2" }, { "type": "InternalIP", "address": "fd00::2" },
        { "type": "ExternalDNS", "address": "a.example.org" }]);
    let present = [node("a", "True", addresses)];
    let verdict = |names: &[&str]| serving(names, &present, &Policy::default());
    for names in [&["a"][..], &["10.0.0.2"], &["a", "a.example.org", "10.0.0.2", "fd00::2"]] {
        accepted(&verdict(names));
    }
    for names in [&["b"][..], &["a", "b"], &["10.0.0.3"], &["a", "kubernetes.default"], &[]] {
        assert!(matches!(verdict(names), Verdict::Wait { .. }), "{names:?}");
    }
    waits(&serving(&["a"], &[], &Policy::default()), "there is no node a");
}

/// A node writes its status itself.
#[test]
fn a_node_that_lies_in_its_status_serves_as_nobody_else() {
    let of = |addresses: &[&str]| -> Value {
        let listed = addresses.iter().map(|address| {
            let kind = if address.parse::<IpAddr>().is_ok() { "InternalIP" } else { "InternalDNS" };
            json!({ "type": kind, "address": address })
        });
        listed.collect()
    };
    let neighbour = node("b", "True", of(&["10.0.0.3", "b"]));
    let none = Policy::default();
    for (lie, why) in [
        ("172.24.0.1", "an address of the API server"),
        ("10.66.0.1", "an address of the API server"),
        ("::ffff:10.66.0.1", "an address of the API server"),
        ("fd00::1", "an address of the API server"),
        ("10.0.0.3", "an address of node b"),
        ("127.0.0.1", "no address of one machine"),
        ("::1", "no address of one machine"),
        ("0.0.0.0", "no address of one machine"),
        ("kubernetes.default.svc", "no name of node a"),
        ("b", "no name of node a"),
        ("ab", "no name of node a"),
        ("a.api.example.org", "a name of the API server"),
        ("a.API.example.org", "a name of the API server"),
        ("a.team.svc", "a name of the API server, or of a Service"),
        ("a.team.svc.cluster.local", "a name of the API server, or of a Service"),
    ] {
        let liar = node("a", "True", of(&["a", "10.0.0.2", lie]));
        let nodes = [liar, neighbour.clone()];
        waits(&serving(&["a", "10.0.0.2", lie], &nodes, &none), why);
        accepted(&serving(&["a", "10.0.0.2"], &nodes, &none));
    }
    // A machine of the control plane has the address of the API server, and may say so; a node
    // cannot give itself that label. The Service's is nobody's.
    let mut controls = node("a", "True", of(&["10.66.0.1", "172.24.0.1", "a.api.example.org"]));
    controls.metadata.labels = Some([(CONTROL_PLANE_LABEL.to_owned(), String::new())].into());
    let nodes = [controls];
    accepted(&serving(&["10.66.0.1", "a.api.example.org"], &nodes, &none));
    waits(&serving(&["172.24.0.1"], &nodes, &none), "an address of the API server");
    // Where the API server is unknown, no address is safe to say yes to.
    let object = any(SERVING_SIGNER, ("system:node:a", NODES), &["10.0.0.2"], "system:node:a");
    let request = Request::of(&object).unwrap().unwrap();
    let nodes = [node("a", "True", of(&["10.0.0.2"]))];
    waits(&decide(&request, &Census::new(&nodes, [], None), &none), "cannot be read");
}

/// Its own name may be the beginning of another's, and every node writes its status itself.
#[test]
fn no_node_gets_a_name_of_another_one() {
    let dns = |kind: &str, name: &str| {
        json!([{ "type": "Hostname", "address": "a" },
        { "type": kind, "address": name }])
    };
    let none = Policy::default();
    let everyone = policy("- nodes: ['*']");
    let named = [node("a", "True", dns("InternalDNS", "a.lab")), node("a.lab", "True", json!([]))];
    waits(&serving(&["a", "a.lab"], &named, &none), "a.lab is a name of node a.lab");
    accepted(&serving(&["a"], &named, &none));
    for kind in ["Hostname", "InternalDNS", "ExternalDNS"] {
        let seeder = node("seeder", "True", dns(kind, "A.lab."));
        let nodes = [node("a", "True", dns("ExternalDNS", "a.lab")), seeder.clone()];
        waits(&serving(&["a.lab"], &nodes, &none), "a.lab is a name of node seeder");
        // Nor does anybody become a node that is called so.
        let request = request("a.lab");
        waits(&judged(&request, &[seeder], &[], &everyone), "a.lab is a name of node seeder");
        accepted(&judged(&request, &nodes[..0], &[], &everyone));
    }
}

/// The controllers have just begun, or may not read it.
#[test]
fn while_the_api_server_is_unknown_no_name_is_given_away() {
    let addresses = json!([{ "type": "Hostname", "address": "a" }]);
    let mut nodes = [node("a", "True", addresses)];
    let object = any(SERVING_SIGNER, ("system:node:a", NODES), &["a"], "system:node:a");
    let serving = Request::of(&object).unwrap().unwrap();
    let everyone = policy("- nodes: ['*']");
    waits(&decide(&serving, &Census::new(&nodes, [], None), &everyone), "cannot be read");
    waits(&decide(&request("b"), &Census::new(&nodes, [], None), &everyone), "cannot be read");
    // The control plane may have the API server's names, so that it is no harm.
    nodes[0].metadata.labels = Some([(CONTROL_PLANE_LABEL.to_owned(), String::new())].into());
    accepted(&decide(&serving, &Census::new(&nodes, [], None), &everyone));
    // Who wants to become one of its nodes is none yet.
    waits(&decide(&request("a"), &Census::new(&nodes, [], None), &everyone), "cannot be read");
}

/// What cannot be read may have said where nodes serve.
#[test]
fn while_a_policy_is_wrong_nobody_serves_at_an_address() {
    let addresses = json!([{ "type": "InternalIP", "address": "10.0.0.2" },
        { "type": "Hostname", "address": "a" }]);
    let nodes = [node("a", "True", addresses)];
    waits(&serving(&["a", "10.0.0.2"], &nodes, &Policy::unreadable()), "policy cannot be followed");
    accepted(&serving(&["a"], &nodes, &Policy::unreadable()));
}

#[test]
fn a_policy_names_the_networks_in_which_nodes_serve() {
    let addresses = json!([{ "type": "InternalIP", "address": "10.0.0.2" },
        { "type": "ExternalIP", "address": "192.0.2.7" }]);
    let nodes = [node("a", "True", addresses)];
    let policy = policy("- nodes: ['*']\nservingNetworks: [10.0.0.0/8, fd00::/8]");
    accepted(&serving(&["10.0.0.2"], &nodes, &policy));
    waits(&serving(&["10.0.0.2", "192.0.2.7"], &nodes, &policy), "servingNetworks");
}
