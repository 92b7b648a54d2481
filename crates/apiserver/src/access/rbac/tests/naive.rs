//! The index against a reading of the documentation that goes through everything.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;

const NAMES: [&str; 3] = ["a", "b", "c"];
const NAMESPACES: [&str; 3] = ["", "x", "y"];
const VERBS: [&str; 3] = ["get", "list", "*"];
const RESOURCES: [&str; 5] = ["pods", "pods/log", "*/log", "*", "secrets"];

/// A role or binding that comes, changes or goes.
#[derive(Debug, Clone)]
enum Step {
    Role { namespace: &'static str, name: &'static str, rules: Value },
    NoRole { namespace: &'static str, name: &'static str },
    Binding { namespace: &'static str, name: &'static str, value: Value },
    NoBinding { namespace: &'static str, name: &'static str },
}

fn rule_value() -> impl Strategy<Value = Value> {
    let names =
        prop_oneof![3 => Just(json!(null)), 1 => select(&NAMES[..]).prop_map(|n| json!([n]))];
    (select(&VERBS[..]), select(&RESOURCES[..]), names).prop_map(|(verb, resource, names)| {
        json!({ "verbs": [verb], "apiGroups": [""], "resources": [resource], "resourceNames": names })
    })
}

fn subject() -> impl Strategy<Value = Value> {
    let kinds = select(&["User", "Group", "ServiceAccount"][..]);
    (kinds, select(&NAMES[..]), select(&NAMESPACES[..])).prop_map(
        |(kind, name, namespace)| json!({ "kind": kind, "name": name, "namespace": namespace }),
    )
}

fn step() -> impl Strategy<Value = Step> {
    let place = || (select(&NAMESPACES[..]), select(&NAMES[..]));
    let rules = prop::collection::vec(rule_value(), 0..3);
    let subjects = prop::collection::vec(subject(), 0..3);
    let binding = (place(), any::<bool>(), select(&NAMES[..]), subjects);
    prop_oneof![
        3 => (place(), rules).prop_map(|((namespace, name), rules)| {
            Step::Role { namespace, name, rules: json!(rules) }
        }),
        1 => place().prop_map(|(namespace, name)| Step::NoRole { namespace, name }),
        3 => binding.prop_map(|((namespace, name), cluster, role, subjects)| {
            let kind = if cluster || namespace.is_empty() { "ClusterRole" } else { "Role" };
            let value = json!({ "roleRef": { "kind": kind, "name": role }, "subjects": subjects });
            Step::Binding { namespace, name, value }
        }),
        1 => place().prop_map(|(namespace, name)| Step::NoBinding { namespace, name }),
    ]
}

type World = std::collections::BTreeMap<(&'static str, &'static str), Value>;

/// Every binding, every subject, every rule.
fn naive(roles: &World, bindings: &World, asked: &Attributes<'_>, place: Place<'_>) -> bool {
    bindings.iter().any(|((namespace, _), binding)| {
        let here = namespace.is_empty() || *namespace == place.namespace;
        let mut subjects = binding["subjects"].as_array().into_iter().flatten();
        let applies = subjects.any(|subject| {
            let name = subject["name"].as_str().unwrap();
            match subject["kind"].as_str().unwrap() {
                "User" => asked.identity.user == name,
                "Group" => asked.identity.is_in(name),
                _ => {
                    let own = subject["namespace"].as_str().unwrap();
                    let of = if own.is_empty() { namespace } else { own };
                    !of.is_empty()
                        && asked.identity.user == format!("system:serviceaccount:{of}:{name}")
                }
            }
        });
        let role = &binding["roleRef"];
        let scope = if role["kind"] == "ClusterRole" { "" } else { namespace };
        let name = NAMES.iter().find(|name| role["name"] == **name).unwrap();
        let rules = roles.get(&(scope, *name)).and_then(Value::as_array);
        let mut rules = rules.into_iter().flatten();
        here && applies && rules.any(|rule| grants(rule, asked.verb, place))
    })
}

fn grants(rule: &Value, verb: &str, place: Place<'_>) -> bool {
    let full = match place.subresource {
        "" => place.resource.to_owned(),
        sub => format!("{}/{sub}", place.resource),
    };
    let (allowed, resource) = (&rule["verbs"][0], rule["resources"][0].as_str().unwrap());
    let any_parent = place.subresource == "log" && resource == "*/log";
    (allowed == "*" || allowed == verb)
        && (resource == "*" || resource == full || any_parent)
        && (rule["resourceNames"].is_null() || rule["resourceNames"][0] == place.name)
}

proptest! {
    #[test]
    fn the_index_decides_as_a_full_search_does(
        steps in prop::collection::vec(step(), 1..40),
        user in select(&["a", "b", "system:serviceaccount:x:a", "system:serviceaccount:y:b"][..]),
        group in select(&NAMES[..]),
    ) {
        let mut index = Index::default();
        let (mut roles, mut bindings) = (World::new(), World::new());
        for step in steps {
            match step {
                Step::Role { namespace, name, rules } => {
                    let role = serde_json::from_value(json!({ "rules": rules })).unwrap();
                    index.set_role(&ObjectKey::new(namespace, name), role);
                    roles.insert((namespace, name), rules);
                }
                Step::NoRole { namespace, name } => {
                    index.remove_role(&ObjectKey::new(namespace, name));
                    roles.remove(&(namespace, name));
                }
                Step::Binding { namespace, name, value } => {
                    let binding = serde_json::from_value(value.clone()).unwrap();
                    index.set_binding(&ObjectKey::new(namespace, name), binding);
                    bindings.insert((namespace, name), value);
                }
                Step::NoBinding { namespace, name } => {
                    index.remove_binding(&ObjectKey::new(namespace, name));
                    bindings.remove(&(namespace, name));
                }
            }
        }
        let identity = Identity { groups: vec![group.to_owned()], ..Identity::new(user, []) };
        for (resource, subresource) in [("pods", ""), ("pods", "log"), ("secrets", "")] {
            for namespace in NAMESPACES {
                for (verb, name) in [("get", "a"), ("list", ""), ("delete", "b")] {
                    let place = Place { group: "", resource, subresource, namespace, name };
                    let asked = Attributes { identity: &identity, verb, on: On::Resource(place) };
                    let decision = index.decide(&asked, namespace);
                    prop_assert_eq!(decision.allowed, naive(&roles, &bindings, &asked, place));
                }
            }
        }
    }

    #[test]
    fn what_is_not_missing_is_allowed(
        held in prop::collection::vec(rule_value(), 0..5),
        wanted in prop::collection::vec(rule_value(), 0..5),
    ) {
        let (held, wanted) = (rules(json!(held)), rules(json!(wanted)));
        let lacking = missing(&held, &wanted).unwrap();
        // Nobody lacks what they have, and with what was lacking nothing lacks any more.
        prop_assert_eq!(missing(&held, &held), Ok(Vec::new()));
        prop_assert_eq!(missing(&[held.clone(), lacking.clone()].concat(), &wanted), Ok(Vec::new()));
        let identity = Identity::new("u", []);
        for (resource, subresource) in [("pods", ""), ("pods", "log"), ("secrets", "")] {
            for (verb, name) in [("get", "a"), ("get", "b"), ("list", ""), ("delete", "c")] {
                let place = Place { resource, subresource, name, ..Place::default() };
                let asked = Attributes { identity: &identity, verb, on: On::Resource(place) };
                let by = |rules: &[Rule]| rules.iter().any(|rule| rule.allows(&asked));
                if lacking.is_empty() && by(&wanted) {
                    prop_assert!(by(&held), "{:?} is given away but not held", asked);
                }
            }
        }
    }
}
