//! What an apply owns, and which configurations are refused.

use serde_json::json;

use super::World;

#[test]
fn a_pod_is_owned_as_recorded() {
    let mut world = World::of("", "v1", "Pod");
    world.apply(
        "a",
        json!({"spec": {
            "containers": [{
                "name": "c", "args": ["a"],
                "env": [{"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                "ports": [{"containerPort": 80, "name": "h"}],
                "resources": {"limits": {"cpu": "1"}},
                "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                "livenessProbe": {"httpGet": {"port": 80}},
            }],
            "volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "x"}}]}}],
            "nodeSelector": {"a": "b"},
            "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["h"]}],
            "topologySpreadConstraints": [{
                "maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"l": "1"}},
            }],
            "imagePullSecrets": [{"name": "s"}],
            "tolerations": [{"key": "k"}],
        }}),
    );
    assert_eq!(
        world.owned("a/Apply"),
        json!({"f:spec": {
            "f:containers": {"k:{\"name\":\"c\"}": {
                ".": {}, "f:args": {}, "f:name": {},
                "f:env": {"k:{\"name\":\"E\"}": {".": {}, "f:name": {}, "f:valueFrom": {"f:fieldRef": {}}}},
                "f:livenessProbe": {"f:httpGet": {"f:port": {}}},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                    ".": {}, "f:containerPort": {}, "f:name": {},
                }},
                "f:resources": {"f:limits": {"f:cpu": {}}},
                "f:securityContext": {"f:capabilities": {"f:add": {}}},
                "f:volumeMounts": {"k:{\"mountPath\":\"/v\"}": {".": {}, "f:mountPath": {}, "f:name": {}}},
            }},
            "f:hostAliases": {"k:{\"ip\":\"1.2.3.4\"}": {".": {}, "f:hostnames": {}, "f:ip": {}}},
            "f:imagePullSecrets": {"k:{\"name\":\"s\"}": {}},
            "f:nodeSelector": {},
            "f:tolerations": {},
            "f:topologySpreadConstraints": {
                "k:{\"topologyKey\":\"z\",\"whenUnsatisfiable\":\"DoNotSchedule\"}": {
                    ".": {}, "f:labelSelector": {}, "f:maxSkew": {}, "f:topologyKey": {},
                    "f:whenUnsatisfiable": {},
                },
            },
            "f:volumes": {"k:{\"name\":\"v\"}": {".": {}, "f:name": {}, "f:projected": {"f:sources": {}}}},
        }})
    );
}

#[test]
fn service_ports_are_keyed_by_port_and_defaulted_protocol() {
    let mut world = World::of("", "v1", "Service");
    world.apply(
        "a",
        json!({"spec": {"ports": [{"port": 80, "name": "h"}], "selector": {"a": "b"}}}),
    );
    world
        .apply("b", json!({"spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 9}]}}));
    assert_eq!(
        world.get("/spec/ports"),
        json!([{"port": 80, "protocol": "TCP", "name": "h", "targetPort": 9}])
    );
    assert_eq!(
        world.owned("a/Apply")["f:spec"],
        json!({
            "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}}},
            "f:selector": {},
        })
    );
}

#[test]
fn sets_are_owned_by_value() {
    let mut world = World::widget();
    world.apply("a", json!({"spec": {"tags": ["x", "y z"]}, "metadata": {"finalizers": ["f/1"]}}));
    assert_eq!(
        world.owned("a/Apply"),
        json!({
            "f:metadata": {"f:finalizers": {"v:\"f/1\"": {}}},
            "f:spec": {"f:tags": {"v:\"x\"": {}, "v:\"y z\"": {}}},
        })
    );
}

#[test]
fn configurations_that_do_not_fit_the_schema_are_500() {
    let cases = [
        (json!({"spec": {"qq": 1}}), ".spec.qq: field not declared in schema"),
        (json!({"spec": {"a": {}}}), ".spec.a: expected string, got {}"),
        (json!({"spec": {"ports": {}}}), ".spec.ports: expected list, got {}"),
        (
            json!({"spec": {"ports": [{"port": 1}, {"port": 1, "protocol": "TCP"}]}}),
            ".spec.ports: duplicate entries for key [port=1,protocol=\"TCP\"]",
        ),
        (json!({"spec": {"tags": ["x", "x"]}}), ".spec.tags: duplicate entries for key [=\"x\"]"),
        (
            json!({"spec": {"ports": [{"port": 1, "tags": [{}]}]}}),
            ".spec.ports[port=1,protocol=\"TCP\"].tags: element 0: associative list without \
             keys has an element that is no scalar",
        ),
        (json!({"spec": {"whole": {"z": "1"}}}), ".spec.whole.z: field not declared in schema"),
    ];
    for (config, words) in cases {
        let mut world = World::widget();
        let error = world.try_apply("a", config.clone(), true).unwrap_err();
        assert_eq!((error.code.as_u16(), error.reason), (500, ""), "{config}");
        assert_eq!(
            error.message,
            format!(
                "failed to create typed patch object (/n; example.com/v1, Kind=Widget): {words}"
            )
        );
    }
}

#[test]
fn a_built_in_item_without_its_key_is_the_one_with_the_empty_key() {
    let mut world = World::of("", "v1", "Pod");
    world.apply("a", json!({"spec": {"containers": [{"image": "x"}]}}));
    assert_eq!(
        world.owned("a/Apply"),
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"\"}": {".": {}, "f:image": {}}}}})
    );
    let mut account = World::of("", "v1", "ServiceAccount");
    let error = account.try_apply("a", json!({"secrets": [{"kind": "K"}]}), true);
    assert_eq!(error.unwrap_err().code.as_u16(), 500);
}

#[test]
fn configurations_of_another_version_or_with_managed_fields_are_400() {
    let mut world = World::config_map();
    for part in [
        json!({"apiVersion": "v2"}),
        json!({"apiVersion": ""}),
        json!({"metadata": {"managedFields": [{"manager": "x"}]}}),
        json!({"metadata": {"managedFields": []}}),
    ] {
        let error = world.try_apply("a", part.clone(), true).unwrap_err();
        assert_eq!((error.code.as_u16(), error.reason), (400, "BadRequest"), "{part}");
    }
    world.apply("a", json!({"metadata": {"managedFields": null}}));
}

#[test]
fn null_in_a_configuration() {
    let mut world = World::config_map();
    world.create("u", json!({"data": {"x": "1"}}));
    // A null map says nothing about its keys, and is owned itself.
    world.apply("a", json!({"data": null}));
    assert_eq!(world.get("/data"), json!({"x": "1"}));
    assert_eq!(world.owned("a/Apply"), json!({"f:data": {}}));
}
