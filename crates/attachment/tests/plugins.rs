//! The kinds of networks that pods use, made by the reference plugins.
#![allow(clippy::unwrap_used)]

mod node;

use kubewright_attachment::engine::{Change, CreateError, DefaultNetwork};
use kubewright_attachment::name::{InterfaceName, Naming};
use kubewright_attachment::problem::Reason;
use kubewright_cni::{CniArgs, NetworkConfig};
use kubewright_testkit::cni::PLUGIN;
use kubewright_testkit::require;
use kubewright_testkit::require::{cni_plugins, program, root};
use serde_json::{Map, Value, json};

use node::{Node, TestPod, assert_clean, interfaces};

/// Definitions of every kind that the test kernel has links for.
fn define_all(node: &mut Node) {
    node.host.exec("ip", &["link", "add", "br-up", "type", "bridge"]).unwrap();
    node.host.exec("ip", &["link", "set", "br-up", "up"]).unwrap();
    let host_local = |subnet: &str| json!({"type": "host-local", "subnet": subnet, "dataDir": node.path("leases")});
    let ptp = json!({"cniVersion": "1.0.0", "type": "ptp", "ipam": host_local("10.11.0.0/24")});
    let macvlan = json!({"cniVersion": "0.4.0", "type": "macvlan", "master": "br-up",
                         "capabilities": {"mac": true}, "ipam": host_local("10.12.0.0/24")});
    let fixed = json!({"cniVersion": "0.3.1", "type": "bridge", "bridge": "br-static",
                       "capabilities": {"ips": true}, "ipam": {"type": "static"}});
    let chain = json!({"cniVersion": "0.4.0", "name": "chain", "plugins": [
        {"type": "bridge", "bridge": "br-chain", "ipam": host_local("10.13.0.0/24")},
        {"type": "tuning", "capabilities": {"mac": true},
         "sysctl": {"net.ipv4.conf.all.arp_filter": "1"}},
    ]});
    let dual = json!({"cniVersion": "1.0.0", "type": "bridge", "bridge": "br-dual", "ipam": {
        "type": "host-local", "dataDir": node.path("leases"),
        "ranges": [[{"subnet": "10.14.0.0/24"}], [{"subnet": "fd00:14::/64"}]],
    }});
    // CHECK of this plugin fails without an IPAM plugin.
    let l2 = json!({"cniVersion": "0.4.0", "disableCheck": true, "plugins": [
        {"type": "bridge", "bridge": "br-l2", "ipam": {}},
    ]});
    let bridge = node.bridge("br-plain", "10.15.0.0/24");
    for (name, config) in [
        ("ptp", ptp),
        ("macvlan", macvlan),
        ("fixed", fixed),
        ("chain", chain),
        ("dual", dual),
        ("l2", l2),
        ("bridge", bridge),
    ] {
        node.define("shop", name, &config);
    }
}

#[test]
fn every_kind_is_attached_with_what_is_asked_for_and_detached_without_a_trace() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    define_all(&mut node);
    let pod = TestPod::new("shop", "web-0", "u1");
    let ask = json!([
        {"name": "ptp", "interface": "p0"},
        {"name": "macvlan", "interface": "m0", "mac": "02:00:00:00:00:12"},
        {"name": "fixed", "interface": "s0", "ips": ["10.90.0.5/24", "fd00:90::5/64"]},
        {"name": "chain", "interface": "c0", "mac": "02:00:00:00:00:77"},
        {"name": "dual", "interface": "d0"},
        {"name": "l2", "interface": "l0"},
        {"name": "bridge", "interface": "b0"},
    ]);
    let outcome = node.annotate(&pod, &ask.to_string());
    assert_clean(&outcome);
    assert_eq!(interfaces(&outcome), ["p0", "m0", "s0", "c0", "d0", "l0", "b0"]);
    for (interface, address) in [
        ("p0", "10.11.0."),
        ("m0", "10.12.0."),
        ("s0", "10.90.0.5/24"),
        ("s0", "fd00:90::5/64"),
        ("c0", "10.13.0."),
        ("d0", "fd00:14::"),
        ("b0", "10.15.0."),
    ] {
        assert!(
            pod.address(interface).contains(address),
            "{interface}: {}",
            pod.address(interface)
        );
    }
    assert!(pod.link("m0").contains("02:00:00:00:00:12"));
    assert!(pod.link("c0").contains("02:00:00:00:00:77"));
    let status = outcome.status.unwrap();
    for entry in &status {
        assert!(pod.link(&entry.interface).contains(&entry.mac), "{entry:?}");
        assert_eq!(entry.name.split('/').next(), Some("shop"));
    }
    assert_eq!(status[2].ips, ["10.90.0.5", "fd00:90::5"]);
    assert_eq!(status[4].ips.len(), 2);
    assert_eq!(status[5].ips, [""; 0]);
    node.in_host(|| node.engine().check(&pod.sandbox)).unwrap();
    pod.netns.exec("ip", &["address", "flush", "dev", "b0"]).unwrap();
    let error = node.in_host(|| node.engine().check(&pod.sandbox)).unwrap_err();
    assert_eq!(error.failures.len(), 1, "{error}");
    assert_eq!(error.failures[0].interface.as_deref(), Some("b0"));

    assert_clean(&node.annotate(&pod, ""));
    assert_eq!(pod.links(), [""; 0]);
    node.assert_nothing_left();
}

#[test]
fn fifty_rounds_leave_nothing() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    define_all(&mut node);
    let pod = TestPod::new("shop", "web-0", "u1");
    for round in 0..50 {
        let network = ["ptp", "macvlan", "chain", "dual", "bridge"][round % 5];
        let outcome = node.annotate(&pod, network);
        assert_clean(&outcome);
        assert_eq!(pod.links().len(), 1, "round {round}");
        assert_clean(&node.annotate(&pod, ""));
        assert_eq!(pod.links(), [""; 0], "round {round}");
    }
    node.assert_nothing_left();
}

#[test]
fn networks_of_kaloom_take_their_mac_from_the_arguments() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    node.define_kaloom("default", "green", "bridge", &node.bridge("br0", "10.9.0.0/24"));
    node.define_kaloom("shop", "red", "bridge", &node.bridge("br1", "10.8.0.0/24"));
    node.define_kaloom("default", "red", "bridge", &node.bridge("br2", "10.7.0.0/24"));
    let pod = TestPod::new("shop", "web-0", "u1");
    let ask = json!([{"name": "green", "ifMac": "02:AA:00:00:00:01"}, {"name": "red"},
                     {"name": "main", "isPrimary": true}]);
    let outcome = node.reconcile(&node.state(&pod, Some(&ask.to_string()), None));
    assert_clean(&outcome);
    assert_eq!(interfaces(&outcome), ["net9f27410725ab", "netbda9643ac660"]);
    assert!(pod.link("net9f27410725ab").contains("02:aa:00:00:00:01"));
    assert!(pod.address("netbda9643ac660").contains("10.8.0."), "the pod's own namespace first");
    let names: Vec<_> = outcome.status.unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["default/green", "shop/red"]);
}

#[test]
fn numbered_names_do_not_move() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    define_all(&mut node);
    node.options.naming = Naming::Numbered;
    let pod = TestPod::new("shop", "web-0", "u1");
    assert_eq!(interfaces(&node.annotate(&pod, "bridge,l2@net2,dual")), ["net1", "net2", "net3"]);
    assert_eq!(interfaces(&node.annotate(&pod, "dual,l2@net2")), ["net3", "net2"]);
    assert_eq!(interfaces(&node.annotate(&pod, "bridge,dual,l2@net2")), ["net1", "net3", "net2"]);
}

/// The routes to everywhere, each with its interface.
fn default_routes(pod: &TestPod) -> Vec<(String, String)> {
    let text = pod.netns.exec("ip", &["-json", "route", "show", "default"]).unwrap();
    let routes: Vec<Value> = serde_json::from_str(&text).unwrap();
    let field = |route: &Value, key: &str| route[key].as_str().unwrap_or_default().to_owned();
    routes.iter().map(|route| (field(route, "dev"), field(route, "gateway"))).collect()
}

#[test]
fn the_default_route_moves_and_comes_back() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    define_all(&mut node);
    let pod = TestPod::new("shop", "web-0", "u1");
    let default = default_network(&node);
    let created = node
        .in_host(|| {
            node.engine().create(
                &pod.pod,
                &pod.sandbox,
                &default,
                &node.resolve(&pod.pod, None, None),
            )
        })
        .unwrap();
    let status = created.outcome.status.unwrap();
    assert_eq!(status[0].gateway, ["10.244.0.1"]);
    let before = default_routes(&pod);
    assert_eq!(before, [("eth0".to_owned(), "10.244.0.1".to_owned())]);

    let ask = json!([{"name": "bridge", "interface": "b0", "default-route": ["10.15.0.1"]}]);
    let outcome = node.annotate(&pod, &ask.to_string());
    assert_clean(&outcome);
    assert_eq!(default_routes(&pod), [("b0".to_owned(), "10.15.0.1".to_owned())]);
    let status = outcome.status.unwrap();
    assert_eq!((status[0].default, status[1].default), (true, false));
    assert_eq!(status[1].gateway, ["10.15.0.1"]);

    assert_clean(&node.annotate(&pod, ""));
    assert_eq!(default_routes(&pod), before);
}

#[test]
fn a_default_route_of_its_own_counts_without_gateways_and_families_are_apart() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let mut gateway = node.bridge("br-gw", "10.16.0.0/24");
    gateway["isDefaultGateway"] = true.into();
    gateway["ipam"]["ranges"] = json!([[{"subnet": "10.16.0.0/24"}]]);
    gateway["ipam"].as_object_mut().unwrap().remove("subnet");
    node.define("shop", "gw", &gateway);
    let pod = TestPod::new("shop", "web-0", "u1");
    // The route of the sandbox before, one for each family.
    pod.netns.exec("ip", &["link", "add", "mine", "type", "bridge"]).unwrap();
    pod.netns.exec("ip", &["address", "add", "10.17.0.2/24", "dev", "mine"]).unwrap();
    pod.netns.exec("ip", &["address", "add", "fd17::2/64", "dev", "mine", "nodad"]).unwrap();
    pod.netns.exec("ip", &["link", "set", "mine", "up"]).unwrap();
    let route = ["route", "add", "default", "via", "10.17.0.1", "metric", "7"];
    pod.netns.exec("ip", &route).unwrap();
    pod.netns.exec("ip", &["-6", "route", "add", "default", "via", "fd17::1"]).unwrap();
    let show = || {
        let v4 = pod.netns.exec("ip", &["route", "show", "default"]).unwrap();
        let v6 = pod.netns.exec("ip", &["-6", "route", "show", "default"]).unwrap();
        (v4.trim().to_owned(), v6.trim().to_owned())
    };
    let before = show();
    assert_clean(&node.annotate(&pod, r#"[{"name":"gw","interface":"g0","default-route":[]}]"#));
    let (v4, v6) = show();
    assert_eq!(v4, "default via 10.16.0.1 dev g0");
    assert_eq!(v6, before.1, "the other family keeps its route");
    assert_clean(&node.annotate(&pod, ""));
    let after = show();
    assert!(after.0.starts_with("default via 10.17.0.1 dev mine"), "{after:?}");
    assert!(after.0.contains("metric 7"), "{after:?}");
}

/// Calico's is by a gateway that no address reaches (`onlink`), others have a size, a source address
/// or several next hops.
#[test]
fn a_default_route_of_any_kind_comes_back_as_it_was() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    define_all(&mut node);
    let pod = TestPod::new("shop", "web-0", "u1");
    let ip = |command: &str| {
        let words: Vec<&str> = command.split_whitespace().collect();
        pod.netns.exec("ip", &words).unwrap()
    };
    for (link, number) in [("mine", 17), ("other", 18)] {
        ip(&format!("link add {link} type bridge"));
        ip(&format!("address add 10.{number}.0.2/24 dev {link}"));
        ip(&format!("address add fd{number}::2/64 dev {link} nodad"));
        ip(&format!("link set {link} up"));
    }
    ip("nexthop add id 7 via 10.17.0.1 dev mine");
    let show = || {
        let all = ["-d -4 route show default", "-d -6 route show default"].map(ip);
        all.map(|text| text.trim().to_owned())
    };
    let gateways = r#""default-route": ["10.14.0.1", "fd00:14::1"]"#;
    for route in [
        "-4 route add default via 169.254.1.1 dev mine onlink",
        "-4 route add default via 10.17.0.1 dev mine mtu 1400 src 10.17.0.2 proto static metric 9",
        "-4 route add default nexthop via 10.17.0.1 dev mine weight 3 \
         nexthop via 169.254.1.1 dev other onlink",
        "-4 route add default nhid 7",
        "-4 route add default dev mine scope link",
        "-6 route add default via fe80::1 dev mine mtu 1300 metric 50 pref high",
        "-6 route add default nexthop via fd17::1 dev mine nexthop via fd18::1 dev other",
    ] {
        ip(route);
        let before = show();
        let ask = format!(r#"[{{"name":"dual","interface":"d0",{gateways}}}]"#);
        assert_clean(&node.annotate(&pod, &ask));
        let taken = show();
        assert!(taken.iter().all(|it| it.contains("d0") && !it.contains("mine")), "{taken:?}");
        assert_clean(&node.annotate(&pod, ""));
        assert_eq!(show(), before, "{route}");
        ip(&format!("{} route delete default", &route[..2]));
    }
    // Of several next hops those come back that are there still.
    ip("-4 route add default nexthop via 10.17.0.1 dev mine nexthop via 10.18.0.1 dev other");
    assert_clean(
        &node.annotate(&pod, &format!(r#"[{{"name":"dual","interface":"d0",{gateways}}}]"#)),
    );
    ip("link delete mine");
    assert_clean(&node.annotate(&pod, ""));
    let [after, _] = show();
    assert!(after.contains("via 10.18.0.1 dev other") && !after.contains("10.17"), "{after}");
}

#[test]
fn pods_are_served_in_parallel_and_a_sandbox_by_one_at_a_time() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    define_all(&mut node);
    let pods: Vec<_> = (0..8).map(|n| TestPod::new("shop", "web", &format!("u{n}"))).collect();
    let node = &node;
    for annotation in ["bridge,chain,ptp", "chain,dual"] {
        std::thread::scope(|scope| {
            for pod in &pods {
                // Twice at once for the same pod, as two processes would.
                for _ in 0..2 {
                    scope.spawn(|| assert_clean(&node.annotate(pod, annotation)));
                }
            }
        });
        for pod in &pods {
            assert_eq!(pod.links().len(), annotation.split(',').count());
        }
    }
    std::thread::scope(|scope| {
        for pod in &pods {
            for _ in 0..2 {
                scope.spawn(|| node.in_host(|| node.engine().teardown(&pod.sandbox.id)).unwrap());
            }
        }
    });
    node.assert_nothing_left();
}

fn default_network(node: &Node) -> DefaultNetwork {
    let config = json!({"cniVersion": "1.0.0", "name": "cluster", "plugins": [
        {"type": "bridge", "bridge": "br-cluster", "isDefaultGateway": true, "ipam": {
            "type": "host-local", "subnet": "10.244.0.0/16", "dataDir": node.path("leases"),
        }},
    ]});
    DefaultNetwork {
        config: NetworkConfig::from_value(config).unwrap(),
        interface: InterfaceName::new("eth0").unwrap(),
        args: "IgnoreUnknown=1;K8S_POD_NAME=web-0".parse::<CniArgs>().unwrap(),
        capability_args: Map::new(),
    }
}

#[test]
fn a_sandbox_is_made_with_all_its_networks_or_none() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    define_all(&mut node);
    node.define(
        "shop",
        "fails",
        &json!({"cniVersion": "1.0.0", "type": PLUGIN,
                "testkit": {"on": {"ADD": {"fail": {"code": 100, "msg": "not today"}}}}}),
    );
    let pod = TestPod::new("shop", "web-0", "u1");
    let default = default_network(&node);
    let create = |annotation: &str| {
        let desired = node.resolve(&pod.pod, None, Some(annotation));
        node.in_host(|| node.engine().create(&pod.pod, &pod.sandbox, &default, &desired))
    };
    for (annotation, reason) in [
        ("bridge,fails,dual", Reason::AttachFailed),
        ("bridge,nowhere", Reason::NetworkNotFound),
        ("bridge,/x", Reason::InvalidAnnotation),
        ("bridge@x,dual@x", Reason::InterfaceCollision),
    ] {
        let error = create(annotation).unwrap_err();
        let CreateError::Failed { failures, .. } = error else { panic!("{error:?}") };
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0].problem.reason, reason, "{annotation}");
        assert_eq!(pod.links(), [""; 0], "{annotation}");
        node.assert_nothing_left();
    }
    // The runtime may call again without having called DEL.
    for _ in 0..2 {
        let created = create("bridge@b0,dual@d0").unwrap();
        assert_eq!(created.result.ips.len(), 1);
        assert_eq!(interfaces(&created.outcome), ["eth0", "b0", "d0"]);
        assert!(created.outcome.status.unwrap()[0].default);
        assert_eq!(pod.links(), ["eth0", "b0", "d0"]);
    }
    // In the running pod the annotation changes; the cluster's network stays.
    let outcome = node.annotate(&pod, "dual@d0,l2@l0");
    assert_clean(&outcome);
    assert_eq!(interfaces(&outcome), ["eth0", "d0", "l0"]);
    assert!(matches!(&outcome.changes[..], [Change::Detached { .. }, Change::Attached { .. }]));
    node.in_host(|| node.engine().check(&pod.sandbox)).unwrap();
    let done = node.in_host(|| node.engine().teardown(&pod.sandbox.id)).unwrap();
    assert!(done.default);
    assert_eq!(done.detached.last().map(InterfaceName::as_str), Some("eth0"));
    assert_eq!(pod.links(), [""; 0]);
    node.assert_nothing_left();
    let again = node.in_host(|| node.engine().teardown(&pod.sandbox.id)).unwrap();
    assert_eq!(again.detached, [], "DEL twice is no error");
}
