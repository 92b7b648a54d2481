#![allow(clippy::unwrap_used)]

mod pod_security;
mod policy;

use super::*;

fn strings<'a>(rule: &'a Value, field: &str) -> Vec<&'a str> {
    rule[field].as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn no_role_has_wildcards_or_reads_secrets_of_others() {
    let objects = all(&Settings::default()).unwrap();
    let roles: Vec<&Value> = objects.iter().filter(|object| object["rules"].is_array()).collect();
    assert!(roles.len() >= 4, "{roles:?}");
    for role in roles {
        for rule in role["rules"].as_array().unwrap() {
            for field in ["apiGroups", "resources", "verbs"] {
                let words = strings(rule, field);
                assert!(!words.is_empty() && !words.contains(&"*"), "{rule}");
                // Only a Role, and only in the namespace of the controllers.
                assert!(!words.contains(&"secrets") || role["metadata"]["namespace"] == NAMESPACE);
            }
        }
    }
    let settings = Settings { areas: vec![Area::Hostendpoint], ..Settings::default() };
    assert!(!serde_json::to_string(&all(&settings).unwrap()).unwrap().contains("secrets"));
}

#[test]
fn an_area_alone_brings_nothing_of_the_others() {
    let of = |area| {
        let settings = Settings { areas: vec![area], ..Settings::default() };
        serde_json::to_string(&all(&settings).unwrap()).unwrap()
    };
    let (hostendpoint, peerpod) = (of(Area::Hostendpoint), of(Area::Peerpod));
    for word in ["peerpodconfigs", "webhook-image"] {
        assert!(!hostendpoint.contains(word), "{word}");
    }
    for word in ["hostendpoints", "kubewright-guard", "HostEndpointTemplate", "kubelet-serving"] {
        assert!(!peerpod.contains(word), "{word}");
    }
    assert!(peerpod.contains("--only=peerpod") && peerpod.contains("peerpodconfigs/status"));
    // Roles for people, and nothing that runs.
    let console = Settings { areas: vec![Area::Console], ..Settings::default() };
    assert!(all(&console).unwrap().iter().all(|object| object["kind"] == "ClusterRole"));
}

/// Applied one after the other, the second of two areas would turn the first off.
#[test]
fn several_areas_share_one_deployment() {
    let areas = vec![Area::Peerpod, Area::Podnet, Area::Hostendpoint];
    let objects = all(&Settings { areas: areas.clone(), ..Settings::default() }).unwrap();
    let of = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
    let [deployment] = of("Deployment").collect::<Vec<_>>()[..] else { panic!("{objects:?}") };
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert!(strings(container, "args").contains(&"--only=hostendpoint,peerpod"), "{container}");
    assert_eq!(of("Namespace").count(), 1);
    // What each of them needs by itself is there, and nothing of the others.
    let name = |object: &Value| (object["kind"].to_string(), object["metadata"].to_string());
    let mut single = Vec::new();
    for area in areas {
        let settings = Settings { areas: vec![area], ..Settings::default() };
        single.extend(all(&settings).unwrap().iter().map(name));
    }
    let mut together: Vec<_> = objects.iter().map(name).collect();
    for names in [&mut single, &mut together] {
        names.sort_unstable();
        names.dedup();
    }
    assert_eq!(together, single);
}

#[test]
fn every_binding_names_a_role_and_an_account_that_are_there() {
    let objects = all(&Settings { namespace: "elsewhere".into(), ..Settings::default() }).unwrap();
    let exists = |kind: &str, name: &str, namespace: Option<&str>| {
        objects.iter().any(|object| {
            object["kind"] == kind
                && object["metadata"]["name"] == name
                && object["metadata"]["namespace"].as_str() == namespace
        })
    };
    let mut bindings = 0;
    for binding in objects.iter().filter(|object| object["roleRef"].is_object()) {
        bindings += 1;
        let role = &binding["roleRef"];
        let namespace = binding["metadata"]["namespace"].as_str();
        let (kind, name) = (role["kind"].as_str().unwrap(), role["name"].as_str().unwrap());
        assert!(exists(kind, name, namespace), "{binding}");
        for who in binding["subjects"].as_array().unwrap() {
            if who["kind"] == "ServiceAccount" {
                let name = who["name"].as_str().unwrap();
                assert!(exists("ServiceAccount", name, who["namespace"].as_str()), "{binding}");
                assert_eq!(who["namespace"], "elsewhere");
            }
        }
    }
    assert_eq!(bindings, 10);
}

#[test]
fn the_deployment_is_not_privileged_and_says_what_it_was_told() {
    let settings =
        Settings { areas: vec![Area::Hostendpoint], image: "i:1".into(), ..Settings::default() };
    let objects = controllers(&settings).unwrap();
    let deployment = objects.last().unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let container = &pod["containers"][0];
    assert_eq!(container["image"], "i:1");
    assert!(strings(container, "args").contains(&"--only=hostendpoint"), "{container}");
    assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
}

/// A pod beyond the nodes that there are would wait for a port for ever, and the rollout with it.
#[test]
fn a_rollout_needs_no_node_more_than_there_are_controllers() {
    for replicas in [1, 2] {
        let objects = controllers(&Settings { replicas, ..Settings::default() }).unwrap();
        let spec = &objects.last().unwrap()["spec"];
        assert_eq!(spec["template"]["spec"]["hostNetwork"], true);
        assert_eq!(spec["strategy"]["type"], "RollingUpdate");
        assert_eq!(
            spec["strategy"]["rollingUpdate"],
            json!({ "maxSurge": 0, "maxUnavailable": 1 })
        );
    }
}

/// 0.0.0.0 would not be asked on a cluster that has IPv6 alone, and no pod would be ready.
#[test]
fn health_is_told_on_every_address() {
    let objects = all(&Settings::default()).unwrap();
    for (kind, port) in [("Deployment", 8086), ("DaemonSet", 8087)] {
        let workload = objects.iter().find(|object| object["kind"] == kind).unwrap();
        let container = &workload["spec"]["template"]["spec"]["containers"][0];
        let wanted = format!("--health-address=:{port}");
        assert!(strings(container, "args").contains(&wanted.as_str()), "{container}");
        assert_eq!(container["ports"][0]["containerPort"], port);
    }
}

/// A node without a network of pods is one that controllers are to mend.
#[test]
fn a_node_without_network_keeps_its_controllers_and_its_agent() {
    let objects = all(&Settings::default()).unwrap();
    let taints = [
        ("node.kubernetes.io/not-ready", "NoSchedule"),
        ("node.kubernetes.io/not-ready", "NoExecute"),
        ("node.kubernetes.io/network-unavailable", "NoSchedule"),
    ];
    for kind in ["Deployment", "DaemonSet"] {
        let workload = objects.iter().find(|object| object["kind"] == kind).unwrap();
        let tolerated = &workload["spec"]["template"]["spec"]["tolerations"];
        for (key, effect) in taints {
            let covers = |field: &Value, word: &str| field.is_null() || field == word;
            let found = tolerated.as_array().unwrap().iter().any(|it| {
                it["operator"] == "Exists"
                    && it["tolerationSeconds"].is_null()
                    && covers(&it["key"], key)
                    && covers(&it["effect"], effect)
            });
            assert!(found, "{kind}: {key} {effect}");
        }
    }
}

/// The arguments of the Deployment are understood by the program it runs.
#[test]
fn the_program_understands_its_deployment() {
    use clap::Parser;
    let several = vec![Area::Hostendpoint, Area::Peerpod];
    for areas in [vec![], vec![Area::Peerpod], several, vec![Area::Node]] {
        let objects = controllers(&Settings { areas, ..Settings::default() }).unwrap();
        let container = &objects.last().unwrap()["spec"]["template"]["spec"]["containers"][0];
        let line = [&["kubewright"], strings(container, "args").as_slice()].concat();
        crate::cli::Cli::try_parse_from(line).unwrap();
    }
}

/// And so are those of the webhook's.
#[test]
fn the_program_understands_the_deployment_of_the_webhook() {
    use clap::Parser;
    let settings = kubewright_peerpod::mutation::Settings::default();
    let made = kubewright_peerpod::objects::webhook::deployment(&settings, 1, "i", "ns", None);
    let container = &made["spec"]["template"]["spec"]["containers"][0];
    let line = [&["kubewright"], strings(container, "args").as_slice()].concat();
    crate::cli::Cli::try_parse_from(line).unwrap();
}

#[test]
fn the_agent_has_capabilities_and_is_not_privileged() {
    let settings = Settings { areas: vec![Area::Podnet], ..Settings::default() };
    let objects = all(&settings).unwrap();
    let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    let wanted = ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "DaemonSet"];
    assert_eq!(kinds, wanted);
    let pod = &objects.last().unwrap()["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    assert_eq!(security["privileged"], Value::Null);
    assert_eq!(strings(&security["capabilities"], "drop"), ["ALL"]);
    let added = strings(&security["capabilities"], "add");
    assert_eq!(added, ["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "DAC_OVERRIDE", "SYS_CHROOT"]);
    // Plugins are the node's, of any size.
    assert_eq!(container["resources"]["limits"], Value::Null);
    // Each mount has its volume.
    let volumes: Vec<_> = pod["volumes"].as_array().unwrap().iter().map(|v| &v["name"]).collect();
    for mount in container["volumeMounts"].as_array().unwrap() {
        assert!(volumes.contains(&&mount["name"]), "{mount}");
    }
    // The agent may patch pods and read what defines networks, and create events: no more.
    let rules = objects[2]["rules"].as_array().unwrap();
    let writes: Vec<_> = rules
        .iter()
        .flat_map(|rule| {
            strings(rule, "verbs").into_iter().map(|verb| (strings(rule, "resources"), verb))
        })
        .filter(|(_, verb)| !["get", "list", "watch"].contains(verb))
        .collect();
    assert_eq!(writes, [(vec!["pods"], "patch"), (vec!["events"], "create")]);
}

/// The plugin is put in place before the agent starts, or taken away; it stays when the agent goes.
#[test]
fn the_daemon_set_puts_the_plugin_in_place() {
    for (what, verb) in [(PodnetPlugin::Install, "install"), (PodnetPlugin::Uninstall, "uninstall")]
    {
        let settings = Settings { podnet_plugin: what, image: "i:1".into(), ..Settings::default() };
        let daemon_set = podnet(&settings).unwrap().pop().unwrap();
        let pod = &daemon_set["spec"]["template"]["spec"];
        let init = pod["initContainers"].as_array().unwrap();
        assert_eq!(init.len(), 1);
        assert_eq!(strings(&init[0], "args"), [verb]);
        assert_eq!(init[0]["image"], "i:1");
        let security = &init[0]["securityContext"];
        assert_eq!(strings(&security["capabilities"], "drop"), ["ALL"]);
        assert_eq!(strings(&security["capabilities"], "add"), ["DAC_OVERRIDE"]);
        assert_eq!(security["allowPrivilegeEscalation"], false);
        // What it writes to, where it looks for it by default, and where the agent has it.
        let mounts = init[0]["volumeMounts"].as_array().unwrap();
        let mut paths: Vec<_> = mounts.iter().map(|it| it["mountPath"].as_str().unwrap()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["/etc/cni/net.d", "/opt/cni/bin", "/var/lib/kubewright"]);
        assert!(mounts.iter().all(|mount| mount["readOnly"] != true), "{mounts:?}");
        assert_eq!(pod["containers"][0]["lifecycle"], Value::Null);
    }
}

/// Plugins are run in the root of the node. What they, the container runtime and the agent tell each
/// other in paths means the same to all.
#[test]
fn the_agent_names_the_folders_of_the_node_as_the_node_does() {
    let daemon_set = podnet(&Settings::default()).unwrap().pop().unwrap();
    let pod = &daemon_set["spec"]["template"]["spec"];
    let agent = &pod["containers"][0];
    // Plugins look for themselves in the /proc of their root.
    assert_eq!(pod["hostPID"], true);
    let root = strings(agent, "args").into_iter().find_map(|it| it.strip_prefix("--host-root="));
    let root = root.unwrap();
    let volumes = pod["volumes"].as_array().unwrap();
    for container in [agent, &pod["initContainers"][0]] {
        for mount in container["volumeMounts"].as_array().unwrap() {
            let volume = volumes.iter().find(|it| it["name"] == mount["name"]).unwrap();
            let of_node = volume["hostPath"]["path"].as_str().unwrap();
            let path = mount["mountPath"].as_str().unwrap();
            if of_node == "/" {
                assert_eq!((path, &mount["readOnly"]), (root, &Value::Null), "{mount}");
            } else {
                assert_eq!(path.strip_prefix("/var/run").map_or(path, |_| &path[4..]), of_node);
            }
            // What is mounted there later is seen: by plugins, and namespaces of pods by the agent,
            // wherever the runtime has them.
            let grows = ["/", "/run/containerd", "/run/netns"].contains(&of_node);
            let propagation = if grows { json!("HostToContainer") } else { Value::Null };
            assert_eq!(mount["mountPropagation"], propagation, "{mount}");
        }
    }
}

#[test]
fn the_program_understands_how_its_agent_is_started() {
    use clap::Parser;
    for podnet_plugin in [PodnetPlugin::Install, PodnetPlugin::Uninstall] {
        let settings = Settings { podnet_plugin, ..Settings::default() };
        let daemon_set = podnet(&settings).unwrap().pop().unwrap();
        let pod = &daemon_set["spec"]["template"]["spec"];
        for container in [&pod["initContainers"][0], &pod["containers"][0]] {
            let line = [strings(container, "command"), strings(container, "args")].concat();
            assert_eq!(line[0], "/usr/bin/kubewright-podnet");
            crate::cli::podnet_alone::Podnet::try_parse_from(line).unwrap();
        }
    }
    let unit = podnet_unit();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/")).unwrap();
    let words = start.split(' ').filter(|word| !word.starts_with('$'));
    crate::cli::podnet_alone::Podnet::try_parse_from(words).unwrap();
}

/// A policy that selected other pods would cut them off: those of adaptors, for example.
#[test]
fn network_policies_are_of_our_pods_and_name_their_ports() {
    let objects = all(&Settings::default()).unwrap();
    let policies: Vec<_> = objects.iter().filter(|it| it["kind"] == "NetworkPolicy").collect();
    let selected = |policy: &Value| policy["spec"]["podSelector"]["matchLabels"].clone();
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment").unwrap();
    let settings = kubewright_peerpod::mutation::Settings::default();
    let webhook = kubewright_peerpod::objects::webhook::deployment(&settings, 1, "i", "ns", None);
    for (policy, workload) in policies.iter().zip([deployment, &webhook]) {
        let template = &workload["spec"]["template"];
        assert_eq!(selected(policy), template["metadata"]["labels"]);
        assert_eq!(strings(&policy["spec"], "policyTypes"), ["Ingress", "Egress"]);
        let listens = template["spec"]["containers"][0]["ports"].as_array().unwrap();
        let mut listens: Vec<_> = listens.iter().map(|port| &port["containerPort"]).collect();
        let open = policy["spec"]["ingress"][0]["ports"].as_array().unwrap();
        let mut open: Vec<_> = open.iter().map(|port| &port["port"]).collect();
        listens.sort_by_key(|port| port.as_i64());
        open.sort_by_key(|port| port.as_i64());
        assert_eq!(listens, open);
    }
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[1]["spec"]["egress"], Value::Null, "the webhook asks nobody");
}

/// Each Service finds pods, and each monitor its Service.
#[test]
fn what_is_monitored_is_found() {
    let settings = Settings { service_monitors: true, dashboard: true, ..Settings::default() };
    let objects = all(&settings).unwrap();
    let of = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
    let covers = |labels: &Value, selector: &Value| {
        let wanted = selector.as_object().unwrap();
        wanted.iter().all(|(key, value)| &labels[key] == value)
    };
    assert_eq!(of("ServiceMonitor").count(), 3);
    for monitor in of("ServiceMonitor") {
        let selector = &monitor["spec"]["selector"]["matchLabels"];
        let services: Vec<_> =
            of("Service").filter(|it| covers(&it["metadata"]["labels"], selector)).collect();
        let [service] = services[..] else { panic!("{monitor}: {services:?}") };
        let endpoint = &monitor["spec"]["endpoints"][0];
        assert_eq!(service["spec"]["ports"][0]["name"], endpoint["port"]);
    }
    let webhook = kubewright_peerpod::mutation::Settings::default();
    let webhook = kubewright_peerpod::objects::webhook::deployment(&webhook, 1, "i", "ns", None);
    let workloads: Vec<_> = of("Deployment").chain(of("DaemonSet")).chain([&webhook]).collect();
    for service in of("Service") {
        let port = &service["spec"]["ports"][0];
        let found = workloads.iter().filter(|workload| {
            let template = &workload["spec"]["template"];
            let ports = template["spec"]["containers"][0]["ports"].as_array().unwrap();
            covers(&template["metadata"]["labels"], &service["spec"]["selector"])
                && ports.iter().any(|it| {
                    it["name"] == port["targetPort"] && it["containerPort"] == port["port"]
                })
        });
        assert_eq!(found.count(), 1, "{service}");
    }
}

/// What is not to be installed twice is there once.
#[test]
fn all_areas_share_one_namespace() {
    let objects = all(&Settings::default()).unwrap();
    assert_eq!(objects.iter().filter(|object| object["kind"] == "Namespace").count(), 1);
    let one = Settings { areas: vec![Area::Hostendpoint], ..Settings::default() };
    assert!(all(&one).unwrap().iter().all(|object| object["kind"] != "DaemonSet"));
}

#[test]
fn a_table_is_aligned() {
    let objects = [
        json!({ "kind": "A", "metadata": { "name": "one" } }),
        json!({ "kind": "Long", "metadata": { "name": "two" } }),
    ];
    assert_eq!(table(&objects), "A     one\nLong  two\n");
}
