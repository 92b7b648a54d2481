#![allow(clippy::unwrap_used)]

use super::*;

fn strings<'a>(rule: &'a Value, field: &str) -> Vec<&'a str> {
    rule[field].as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn no_role_has_wildcards_or_reads_secrets() {
    let objects = all(&Settings::default()).unwrap();
    let rules: Vec<&Value> = objects
        .iter()
        .flat_map(|object| object["rules"].as_array().into_iter().flatten())
        .collect();
    assert!(rules.len() > 5, "{rules:?}");
    for rule in rules {
        for field in ["apiGroups", "resources", "verbs"] {
            let words = strings(rule, field);
            assert!(!words.is_empty() && !words.contains(&"*"), "{rule}");
            assert!(!words.contains(&"secrets"), "{rule}");
        }
    }
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
    assert_eq!(bindings, 4);
}

#[test]
fn the_deployment_is_not_privileged_and_says_what_it_was_told() {
    let settings =
        Settings { area: Some(Area::Hostendpoint), image: "i:1".into(), ..Settings::default() };
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

/// The arguments of the Deployment are understood by the program it runs.
#[test]
fn the_program_understands_its_deployment() {
    use clap::Parser;
    let objects = controllers(&Settings::default()).unwrap();
    let container = &objects.last().unwrap()["spec"]["template"]["spec"]["containers"][0];
    let line = [&["kubewright"], strings(container, "args").as_slice()].concat();
    crate::cli::Cli::try_parse_from(line).unwrap();
}

#[test]
fn a_table_is_aligned() {
    let objects = [
        json!({ "kind": "A", "metadata": { "name": "one" } }),
        json!({ "kind": "Long", "metadata": { "name": "two" } }),
    ];
    assert_eq!(table(&objects), "A     one\nLong  two\n");
}
