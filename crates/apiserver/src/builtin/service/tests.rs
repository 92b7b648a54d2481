#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::super::tests::{Found, create, patch};
use super::*;

fn pool(services: &[Value]) -> Pool {
    Pool::new("10.96.0.0".parse().unwrap(), 16, services)
}

fn made(spec: Value) -> Value {
    let mut service = create("", "services", "Service", json!({"spec": spec})).unwrap();
    allocate(&mut service, None, &mut pool(&[])).unwrap();
    service
}

fn patched(stored: &Value, change: Value) -> Result<Value, Found> {
    let mut service = patch("", "services", "Service", Part::Main, stored, change)?;
    allocate(&mut service, Some(stored), &mut pool(std::slice::from_ref(stored))).unwrap();
    Ok(service)
}

#[test]
fn a_cluster_ip_service_gets_what_it_needs() {
    let service = made(json!({"ports": [{"port": 80}]}));
    let ip = service["spec"]["clusterIP"].clone();
    assert!(ip.as_str().unwrap().starts_with("10.96."));
    let wanted = json!({
        "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}], "clusterIP": ip, "clusterIPs": [ip],
        "type": "ClusterIP", "sessionAffinity": "None", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
    });
    assert_eq!(service["spec"], wanted);
    assert_eq!(service["status"], json!({"loadBalancer": {}}));

    let sticky = patched(&service, json!({"spec": {"sessionAffinity": "ClientIP"}})).unwrap();
    assert_eq!(
        sticky["spec"]["sessionAffinityConfig"],
        json!({"clientIP": {"timeoutSeconds": 10800}})
    );
    let moved = patched(&service, json!({"spec": {"clusterIP": "10.96.255.253"}}));
    assert_eq!(moved.unwrap_err(), [("spec.clusterIPs[0]".to_owned(), "FieldValueInvalid")]);
}

#[test]
fn a_replace_keeps_what_was_allocated() {
    let stored = made(json!({"type": "NodePort", "ports": [{"port": 80}]}));
    let rules = Service;
    let mut object = json!({"spec": {"type": "NodePort", "ports": [{"port": 80, "targetPort": "web", "name": "x"}]}, "status": {}});
    rules.default(&mut object);
    rules.prepare_update(Part::Main, &mut object, &stored);
    allocate(&mut object, Some(&stored), &mut pool(std::slice::from_ref(&stored))).unwrap();
    assert_eq!(object["spec"]["clusterIP"], stored["spec"]["clusterIP"]);
    assert_eq!(object["spec"]["ports"][0]["nodePort"], stored["spec"]["ports"][0]["nodePort"]);
    assert_eq!(object["status"], stored["status"]);
}

#[test]
fn node_ports_come_and_go_with_the_type() {
    let stored = made(
        json!({"type": "NodePort", "ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b", "protocol": "UDP"}, {"port": 81, "name": "c"}]}),
    );
    let nodes = |service: &Value| -> Vec<Value> {
        service["spec"]["ports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|port| port["nodePort"].clone())
            .collect()
    };
    let before = nodes(&stored);
    assert_eq!(before[0], before[1]);
    assert_ne!(before[0], before[2]);
    let plain = patched(&stored, json!({"spec": {"type": "ClusterIP"}})).unwrap();
    assert_eq!(nodes(&plain), [Value::Null, Value::Null, Value::Null]);
    assert_eq!(plain["spec"].get("externalTrafficPolicy"), None);
    let balanced = patched(&plain, json!({"spec": {"type": "LoadBalancer"}})).unwrap();
    assert!(nodes(&balanced).iter().all(Value::is_i64));
    assert_eq!(balanced["spec"]["allocateLoadBalancerNodePorts"], true);
    let named = patched(
        &balanced,
        json!({"spec": {"type": "ExternalName", "externalName": "x.example.com"}}),
    )
    .unwrap();
    assert_eq!(named["spec"].get("clusterIP"), None);
    assert_eq!(named["spec"].get("allocateLoadBalancerNodePorts"), None);
}

#[test]
fn findings() {
    let table = [
        (
            json!({"ports": [{"port": 0}]}),
            vec![
                ("spec.ports[0].port", "FieldValueInvalid"),
                ("spec.ports[0].targetPort", "FieldValueInvalid"),
            ],
        ),
        (
            json!({"ports": [{"port": 80}, {"port": 81}]}),
            vec![
                ("spec.ports[0].name", "FieldValueRequired"),
                ("spec.ports[1].name", "FieldValueRequired"),
            ],
        ),
        (
            json!({"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]}),
            vec![("spec.ports[1]", "FieldValueDuplicate")],
        ),
        (
            json!({"ports": [{"port": 80, "protocol": "ICMP"}]}),
            vec![("spec.ports[0].protocol", "FieldValueNotSupported")],
        ),
        (
            json!({"clusterIP": "1.2.3", "ports": [{"port": 80}]}),
            vec![("spec.clusterIPs[0]", "FieldValueInvalid")],
        ),
        (
            json!({"type": "Odd", "ports": [{"port": 80}]}),
            vec![("spec.type", "FieldValueNotSupported")],
        ),
        (json!({}), vec![("spec.ports", "FieldValueRequired")]),
        (json!({"type": "ExternalName"}), vec![("spec.externalName", "FieldValueRequired")]),
        (
            json!({"ports": [{"port": 80, "nodePort": 30001}]}),
            vec![("spec.ports[0].nodePort", "FieldValueForbidden")],
        ),
    ];
    for (spec, wanted) in table {
        let wanted: Found =
            wanted.into_iter().map(|(field, reason)| (field.to_owned(), reason)).collect();
        assert_eq!(
            create("", "services", "Service", json!({"spec": spec})).unwrap_err(),
            wanted,
            "{spec}"
        );
    }
}

#[test]
fn the_pool_refuses_what_is_outside_or_taken() {
    let stored = made(json!({"type": "NodePort", "ports": [{"port": 80}]}));
    let mut pool = pool(std::slice::from_ref(&stored));
    assert!(pool.take_ip("192.168.77.1").unwrap_err().contains("10.96.0.0/16"));
    assert!(pool.take_ip(stored["spec"]["clusterIP"].as_str().unwrap()).is_err());
    assert!(pool.take_ip("10.96.0.10").is_ok());
    let node = stored["spec"]["ports"][0]["nodePort"].as_i64().unwrap();
    assert!(pool.take_port(node).is_err());
    assert!(pool.take_port(80).is_err());
    assert_ne!(pool.next_port().unwrap(), node);
    let mut outside = create(
        "",
        "services",
        "Service",
        json!({"spec": {"clusterIP": "192.168.77.1", "ports": [{"port": 80}]}}),
    )
    .unwrap();
    let errors = allocate(&mut outside, None, &mut pool).unwrap_err();
    assert_eq!(
        (errors[0].field.as_str(), errors[0].reason()),
        ("spec.clusterIPs", "FieldValueInvalid")
    );
}

#[test]
fn headless_services_have_no_address() {
    let open = made(json!({"clusterIP": "None", "ports": [{"port": 80}]}));
    assert_eq!(open["spec"]["clusterIPs"], json!(["None"]));
    assert_eq!(open["spec"]["ipFamilyPolicy"], "RequireDualStack");
    let selecting = made(json!({"clusterIP": "None", "selector": {"a": "b"}}));
    assert_eq!(selecting["spec"]["ipFamilies"], json!(["IPv4"]));
}
