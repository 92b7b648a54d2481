//! Who owns what after creates, updates and applies.

use serde_json::json;

use super::{Set, World};

#[test]
fn a_create_owns_maps_but_not_the_structs_of_the_type() {
    let mut map = World::config_map();
    map.create("m", json!({"data": {"x": "1"}, "metadata": {"labels": {"l": "1"}}}));
    assert_eq!(
        map.owned("m/Update"),
        json!({"f:data": {".": {}, "f:x": {}}, "f:metadata": {"f:labels": {".": {}, "f:l": {}}}})
    );
    let mut lease = World::of("coordination.k8s.io", "v1", "Lease");
    lease.create("m", json!({"spec": {"holderIdentity": "me"}}));
    assert_eq!(lease.owned("m/Update"), json!({"f:spec": {"f:holderIdentity": {}}}));
}

#[test]
fn a_created_deployment_is_owned_as_recorded() {
    let mut world = World::of("apps", "v1", "Deployment");
    world.reset = Set::of_fields(&[&["status"]]);
    world.create(
        "oracle",
        json!({
            "metadata": {"creationTimestamp": null},
            "spec": {
                "replicas": 0, "paused": true, "progressDeadlineSeconds": 600,
                "selector": {"matchLabels": {"app": "d"}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
                "template": {
                    "metadata": {"creationTimestamp": null, "labels": {"app": "d"}},
                    "spec": {
                        "containers": [{"name": "c", "image": "x:1", "resources": {}}],
                        "securityContext": {},
                    },
                },
            },
            "status": {},
        }),
    );
    assert_eq!(
        world.owned("oracle/Update"),
        json!({"f:spec": {
            "f:paused": {}, "f:progressDeadlineSeconds": {}, "f:replicas": {}, "f:selector": {},
            "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}, "f:type": {}},
            "f:template": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {
                    "f:containers": {"k:{\"name\":\"c\"}": {
                        ".": {}, "f:image": {}, "f:name": {}, "f:resources": {},
                    }},
                    "f:securityContext": {},
                },
            },
        }})
    );
}

#[test]
fn fields_that_every_event_has_are_owned_by_nobody() {
    let mut world = World::of("", "v1", "Event");
    world.create(
        "m",
        json!({
            "involvedObject": {"kind": "Node"}, "reason": "R", "source": {"component": "c"},
            "eventTime": null, "firstTimestamp": "2024-01-01T00:00:00Z",
            "reportingComponent": "", "reportingInstance": "",
        }),
    );
    assert_eq!(
        world.owned("m/Update"),
        json!({
            "f:firstTimestamp": {}, "f:involvedObject": {}, "f:reason": {},
            "f:source": {"f:component": {}},
        })
    );
}

#[test]
fn an_optional_text_may_be_empty_on_purpose() {
    let mut world = World::of("", "v1", "PersistentVolumeClaim");
    world.create(
        "m",
        json!({"spec": {"storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}}),
    );
    assert_eq!(
        world.owned("m/Update"),
        json!({"f:spec": {
            "f:resources": {"f:requests": {".": {}, "f:storage": {}}},
            "f:storageClassName": {},
        }})
    );
}

#[test]
fn a_custom_resource_owns_every_object_that_it_adds() {
    let mut world = World::free();
    world.create("m", json!({"spec": {"a": 1, "l": [{"b": 1}]}}));
    assert_eq!(world.owned("m/Update"), json!({"f:spec": {".": {}, "f:a": {}, "f:l": {}}}));
}

#[test]
fn an_update_takes_what_it_changes() {
    let mut world = World::config_map();
    world.apply("a", json!({"data": {"x": "1", "y": "1"}}));
    world.update("u", |map| map["data"]["x"] = json!("2"));
    assert_eq!(world.owned("a/Apply"), json!({"f:data": {"f:y": {}}}));
    assert_eq!(world.owned("u/Update"), json!({"f:data": {"f:x": {}}}));
    // Who applied it before does not remove it by leaving it out now.
    world.apply("a", json!({"data": {"y": "1"}}));
    assert_eq!(world.get("/data"), json!({"x": "2", "y": "1"}));
}

#[test]
fn an_update_that_removes_a_field_removes_its_ownership() {
    let mut world = World::config_map();
    world.create("a", json!({"data": {"x": "1", "y": "1"}}));
    world.update("b", |map| map["data"] = json!({"z": "1"}));
    assert_eq!(world.owned("a/Update"), json!({"f:data": {}}));
    assert_eq!(world.owned("b/Update"), json!({"f:data": {"f:z": {}}}));
}

#[test]
fn an_update_without_change_changes_no_entry() {
    let mut world = World::config_map();
    world.create("a", json!({"data": {"x": "1"}}));
    let before = world.object.clone();
    world.update("b", |_| {});
    world.update("a", |_| {});
    assert_eq!(world.object, before);
}

#[test]
fn what_an_endpoint_resets_is_not_owned_through_it() {
    let mut world = World::of("", "v1", "Node");
    world.reset = Set::of_fields(&[&["status"]]);
    world.create(
        "kubelet",
        json!({"metadata": {"labels": {"a": "b"}}, "status": {"capacity": {"cpu": "4"}}}),
    );
    assert_eq!(
        world.owned("kubelet/Update"),
        json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}}})
    );
}

#[test]
fn status_writes_have_an_entry_of_their_own() {
    let mut world = World::of("", "v1", "Pod");
    world.create("creator", json!({"spec": {"nodeName": "n"}, "status": {}}));
    world.subresource = "status";
    world.reset = Set::of_fields(&[&["spec"]]);
    world.update("kubelet", |pod| {
        pod["status"] = json!({"phase": "Running", "conditions": [{
            "type": "Ready", "status": "True", "lastProbeTime": null,
        }]});
    });
    assert_eq!(
        world.owned("kubelet/Update"),
        json!({"f:status": {
            "f:conditions": {".": {}, "k:{\"type\":\"Ready\"}": {
                ".": {}, "f:lastProbeTime": {}, "f:status": {}, "f:type": {},
            }},
            "f:phase": {},
        }})
    );
    assert_eq!(world.get("/metadata/managedFields/1/subresource"), "status");
}

#[test]
fn a_stored_secret_does_not_hold_what_its_applier_owns() {
    let mut world = World::of("", "v1", "Secret");
    world.apply("a", json!({"stringData": {"k": "v"}, "type": "Opaque"}));
    assert_eq!(world.owned("a/Apply"), json!({"f:stringData": {"f:k": {}}, "f:type": {}}));
}

#[test]
fn an_untracked_object_gets_a_first_entry_with_the_first_apply() {
    let mut world = World::config_map();
    world.create("a", json!({"data": {"x": "1", "y": "1"}}));
    world.update("a", |map| map["metadata"]["managedFields"] = json!([{}]));
    assert_eq!(world.get("/metadata/managedFields"), json!(null));
    world.update("a", |map| map["data"]["z"] = json!("1"));
    assert_eq!(world.get("/metadata/managedFields"), json!(null));
    world.apply("b", json!({"data": {"x": "1"}}));
    assert_eq!(
        world.owned("before-first-apply/Update"),
        json!({"f:data": {".": {}, "f:x": {}, "f:y": {}, "f:z": {}}})
    );
    assert_eq!(world.owned("b/Apply"), json!({"f:data": {"f:x": {}}}));
}

#[test]
fn the_same_applier_moves_to_another_version() {
    let mut world = World::free();
    world.apply("a", json!({"spec": {"a": 1}}));
    world.api_version = "example.com/v1beta1".to_owned();
    world.apply("b", json!({"spec": {"b": 1}}));
    assert!(world.try_apply("b", json!({"spec": {"a": 2}}), false).is_err());
    world.apply("a", json!({"spec": {"c": 1}}));
    assert_eq!(world.get("/spec"), json!({"b": 1, "c": 1}));
    assert_eq!(world.get("/metadata/managedFields/0/apiVersion"), "example.com/v1beta1");
    assert_eq!(world.owners().len(), 2);
}

#[test]
fn a_duplicate_key_leaves_the_write_untracked() {
    let mut world = World::of("", "v1", "Pod");
    let env = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    world.create("a", json!({"spec": {"containers": [{"name": "c", "env": env}]}}));
    assert_eq!(world.get("/metadata/managedFields"), json!(null));
    let error = world.try_apply("b", json!({"metadata": {"labels": {"l": "1"}}}), false);
    assert_eq!(error.unwrap_err().code.as_u16(), 500);
}

#[test]
fn a_scale_takes_the_replicas() {
    let mut world = World::of("apps", "v1", "Deployment");
    world.apply("a", json!({"spec": {"replicas": 1, "paused": true}}));
    world.subresource = "scale";
    world.update("scaler", |deployment| deployment["spec"]["replicas"] = json!(3));
    assert_eq!(world.owned("a/Apply"), json!({"f:spec": {"f:paused": {}}}));
    assert_eq!(world.owned("scaler/Update"), json!({"f:spec": {"f:replicas": {}}}));
    assert_eq!(world.get("/metadata/managedFields/1/subresource"), "scale");
    world.subresource = "";
    let error = world.try_apply("a", json!({"spec": {"replicas": 1}}), false);
    assert_eq!(
        error.unwrap_err().message,
        "Apply failed with 1 conflict: conflict with \"scaler\" with subresource \"scale\" \
         using apps/v1: .spec.replicas"
    );
}

#[test]
fn who_owned_inside_what_became_atomic_owns_the_whole() {
    let mut world = World::free();
    world.apply("a", json!({"spec": {"whole": {"x": "1"}}}));
    world.apply("b", json!({"spec": {"whole": {"y": "1"}}}));
    world.schema = World::widget().schema;
    world.update("c", |object| object["metadata"]["labels"] = json!({"l": "1"}));
    for id in ["a/Apply", "b/Apply"] {
        assert_eq!(world.owned(id), json!({"f:spec": {".": {}, "f:whole": {}}}), "{id}");
    }
}
