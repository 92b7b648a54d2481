//! Each kind through decoding, defaults, preparation and validation, as a request
//! goes; wanted answers are those of a real server.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::{decode, meta};

pub(super) type Found = Vec<(String, &'static str)>;

fn found(errors: &[field::Error]) -> Found {
    let mut list: Found =
        errors.iter().map(|error| (error.field.clone(), error.reason())).collect();
    list.sort();
    list
}

fn decoded(group: &str, kind: &str, mut object: Value) -> Value {
    let version = if group.starts_with("flowcontrol") { "v1beta3" } else { "v1" };
    let schema = decode::schema_of(group, version, kind).unwrap();
    decode::canonicalize(&schema, &mut object).unwrap();
    object
}

/// A POST: the object as it would be stored, without `metadata.creationTimestamp`.
pub(super) fn create(
    group: &str,
    resource: &str,
    kind: &str,
    object: Value,
) -> Result<Value, Found> {
    let rules = strategy(group, resource);
    let mut object = decoded(group, kind, object);
    meta::metadata_mut(&mut object).remove("creationTimestamp");
    rules.default(&mut object);
    let once = object.clone();
    rules.default(&mut object);
    assert_eq!(object, once, "defaulting is idempotent");
    rules.prepare_create(&mut object);
    match found(&rules.validate_create(&object)) {
        errors if errors.is_empty() => Ok(object),
        errors => Err(errors),
    }
}

/// A write of a part of `stored` by a merge patch.
pub(super) fn patch(
    group: &str,
    resource: &str,
    kind: &str,
    part: Part<'_>,
    stored: &Value,
    patch: Value,
) -> Result<Value, Found> {
    let rules = strategy(group, resource);
    let mut object = stored.clone();
    json_patch::merge(&mut object, &patch);
    let mut object = decoded(group, kind, object);
    meta::metadata_mut(&mut object).remove("creationTimestamp");
    rules.default(&mut object);
    rules.prepare_update(part, &mut object, stored);
    match found(&rules.validate_update(part, &object, stored)) {
        errors if errors.is_empty() => Ok(object),
        errors => Err(errors),
    }
}

fn one(field: &str, reason: &'static str) -> Found {
    vec![(field.to_owned(), reason)]
}

#[test]
fn config_maps_and_their_keys() {
    let create = |object| create("", "configmaps", "ConfigMap", object);
    assert_eq!(
        create(json!({"data": {"bad key": "v"}})).unwrap_err(),
        one("data[bad key]", "FieldValueInvalid")
    );
    assert_eq!(
        create(json!({"data": {"..": "v"}})).unwrap_err(),
        one("data[..]", "FieldValueInvalid")
    );
    let both = json!({"data": {"k": "v"}, "binaryData": {"k": "aGk="}});
    assert_eq!(create(both).unwrap_err(), one("data[k]", "FieldValueInvalid"));
    let large = json!({"data": {"x": "x".repeat(1_048_577)}});
    assert_eq!(create(large).unwrap_err(), one("", "FieldValueTooLong"));
    assert!(create(json!({"data": {"x": "x".repeat(1_048_570)}})).is_ok());

    let fixed = create(json!({"data": {"k": "v"}, "immutable": true})).unwrap();
    let change = |change| patch("", "configmaps", "ConfigMap", Part::Main, &fixed, change);
    assert_eq!(
        change(json!({"data": {"k": "w"}})).unwrap_err(),
        one("data", "FieldValueForbidden")
    );
    assert_eq!(
        change(json!({"immutable": null})).unwrap_err(),
        one("immutable", "FieldValueForbidden")
    );
    assert!(change(json!({"metadata": {"labels": {"a": "b"}}})).is_ok());
}

#[test]
fn secrets_by_type() {
    let create = |object| create("", "secrets", "Secret", object);
    let secret =
        create(json!({"stringData": {"k": "v", "only": "s"}, "data": {"k": "eA=="}})).unwrap();
    assert_eq!(secret["data"], json!({"k": "dg==", "only": "cw=="}));
    assert_eq!(secret["type"], "Opaque");
    assert_eq!(secret.get("stringData"), None);
    let table = [
        (json!({"type": "kubernetes.io/dockerconfigjson"}), vec!["data[.dockerconfigjson]"]),
        (
            json!({"type": "kubernetes.io/tls", "stringData": {"tls.crt": "a"}}),
            vec!["data[tls.key]"],
        ),
        (json!({"type": "kubernetes.io/basic-auth"}), vec!["data[password]", "data[username]"]),
        (json!({"type": "kubernetes.io/ssh-auth"}), vec!["data[ssh-privatekey]"]),
        (
            json!({"type": "kubernetes.io/service-account-token"}),
            vec!["metadata.annotations[kubernetes.io/service-account.name]"],
        ),
    ];
    for (object, fields) in table {
        let wanted: Found =
            fields.iter().map(|field| ((*field).to_owned(), "FieldValueRequired")).collect();
        assert_eq!(create(object).unwrap_err(), wanted);
    }
    assert!(
        create(json!({"type": "kubernetes.io/basic-auth", "stringData": {"username": "a"}}))
            .is_ok()
    );
    let large = json!({"stringData": {"x": "x".repeat(1_048_577)}});
    assert_eq!(create(large).unwrap_err(), one("data", "FieldValueTooLong"));
    let change = patch("", "secrets", "Secret", Part::Main, &secret, json!({"type": "other"}));
    assert_eq!(change.unwrap_err(), one("type", "FieldValueInvalid"));
    assert_eq!(strategy("", "secrets").selectable_fields(&secret), [("type", "Opaque".to_owned())]);
}

#[test]
fn namespaces_keep_their_parts() {
    let meta = json!({"name": "n", "labels": {"a": "b"}});
    let namespace = create("", "namespaces", "Namespace", json!({"metadata": meta})).unwrap();
    assert_eq!(
        namespace,
        json!({
            "metadata": {"name": "n", "labels": {"a": "b", "kubernetes.io/metadata.name": "n"}},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        })
    );
    let change = |part, change| patch("", "namespaces", "Namespace", part, &namespace, change);
    let spec = json!({"spec": {"finalizers": ["kubernetes", "example.com/x"]}, "status": {"phase": "Terminating"},
        "metadata": {"labels": {"kubernetes.io/metadata.name": "other"}}});
    assert_eq!(change(Part::Main, spec.clone()).unwrap(), namespace);
    let finalized = change(Part::Sub("finalize"), spec.clone()).unwrap();
    assert_eq!(finalized["spec"]["finalizers"], json!(["kubernetes", "example.com/x"]));
    assert_eq!(finalized["status"], json!({"phase": "Active"}));
    assert_eq!(
        change(Part::Sub("status"), spec).unwrap_err(),
        one("status.phase", "FieldValueInvalid")
    );
    let conditions = json!({"status": {"conditions": [{"type": "C", "status": "True"}]}});
    let conditions = change(Part::Sub("status"), conditions).unwrap();
    assert_eq!(conditions["status"]["conditions"][0]["lastTransitionTime"], Value::Null);
}

#[test]
fn nodes_fill_in_and_refuse() {
    let create = |object| create("", "nodes", "Node", object);
    let node = create(json!({"spec": {"podCIDR": "10.250.1.0/24"}, "status": {"capacity": {"cpu": "4", "memory": "8192Mi"}}})).unwrap();
    assert_eq!(node["spec"]["podCIDRs"], json!(["10.250.1.0/24"]));
    assert_eq!(node["status"]["allocatable"], json!({"cpu": "4", "memory": "8Gi"}));
    let change = |part, change| patch("", "nodes", "Node", part, &node, change);
    let both = json!({"spec": {"unschedulable": true}, "status": {"capacity": {"cpu": "99"}}});
    let main = change(Part::Main, both.clone()).unwrap();
    assert_eq!((&main["spec"]["unschedulable"], &main["status"]), (&json!(true), &node["status"]));
    let status = change(Part::Sub("status"), both).unwrap();
    assert_eq!(
        (&status["spec"], &status["status"]["capacity"]["cpu"]),
        (&node["spec"], &json!("99"))
    );
    let moved = json!({"spec": {"podCIDR": "10.251.1.0/24", "podCIDRs": ["10.251.1.0/24", "10.250.1.0/24"]}});
    let wanted = ["FieldValueForbidden", "FieldValueInvalid"]
        .map(|reason| ("spec.podCIDRs".to_owned(), reason));
    assert_eq!(change(Part::Main, moved).unwrap_err(), wanted);
    let odd = json!({"spec": {"taints": [{"key": "b", "effect": "Odd"}]}});
    let twice = [0, 1].map(|_| ("metadata.taints[0].effect".to_owned(), "FieldValueNotSupported"));
    assert_eq!(change(Part::Main, odd).unwrap_err(), twice);
    let half = json!({"status": {"capacity": {"example.com/d": "1500m"}}});
    assert_eq!(
        change(Part::Sub("status"), half).unwrap_err(),
        one("status.capacity[example.com/d]", "FieldValueInvalid")
    );
    assert_eq!(
        strategy("", "nodes").selectable_fields(&node),
        [("spec.unschedulable", "false".to_owned())]
    );
}

#[test]
fn roles_and_bindings() {
    let group = "rbac.authorization.k8s.io";
    let role = |rule: Value| create(group, "roles", "Role", json!({"rules": [rule]}));
    let table = [
        (
            json!({"verbs": [], "resources": ["a"], "apiGroups": [""]}),
            vec![("rules[0].verbs", "FieldValueRequired")],
        ),
        (
            json!({"verbs": ["get"]}),
            vec![
                ("rules[0].apiGroups", "FieldValueRequired"),
                ("rules[0].resources", "FieldValueRequired"),
            ],
        ),
        (
            json!({"verbs": ["get"], "nonResourceURLs": ["/x"]}),
            vec![("rules[0].nonResourceURLs", "FieldValueInvalid")],
        ),
    ];
    for (rule, wanted) in table {
        let wanted: Found =
            wanted.into_iter().map(|(field, reason)| (field.to_owned(), reason)).collect();
        assert_eq!(role(rule).unwrap_err(), wanted);
    }
    let urls = json!({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]});
    assert!(create(group, "clusterroles", "ClusterRole", urls).is_ok());

    let binding = |object| create(group, "rolebindings", "RoleBinding", object);
    let stored = binding(json!({"roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}]}))
    .unwrap();
    assert_eq!(stored["roleRef"]["apiGroup"], group);
    assert_eq!(
        stored["subjects"],
        json!([{"kind": "User", "apiGroup": group, "name": "u"}, {"kind": "ServiceAccount", "name": "s"}])
    );
    let moved = patch(
        group,
        "rolebindings",
        "RoleBinding",
        Part::Main,
        &stored,
        json!({"roleRef": {"name": "edit"}}),
    );
    assert_eq!(moved.unwrap_err(), one("roleRef", "FieldValueInvalid"));
    let wrong = binding(
        json!({"roleRef": {"kind": "Role", "name": ""}, "subjects": [{"kind": "User", "name": ""}, {"kind": "Odd", "name": "x"}]}),
    );
    let wanted = [
        ("roleRef.name", "FieldValueRequired"),
        ("subjects[0].name", "FieldValueRequired"),
        ("subjects[1].kind", "FieldValueNotSupported"),
    ];
    assert_eq!(wrong.unwrap_err(), wanted.map(|(field, reason)| (field.to_owned(), reason)));
    let wrong = create(
        group,
        "clusterrolebindings",
        "ClusterRoleBinding",
        json!({"roleRef": {"kind": "Role", "name": "x"}, "subjects": [{"kind": "ServiceAccount", "name": "x"}]}),
    );
    let wanted = [
        ("roleRef.kind", "FieldValueNotSupported"),
        ("subjects[0].namespace", "FieldValueRequired"),
    ];
    assert_eq!(wrong.unwrap_err(), wanted.map(|(field, reason)| (field.to_owned(), reason)));
}

#[test]
fn events_have_two_forms() {
    let new = json!({
        "metadata": {"name": "e", "namespace": "n"}, "regarding": {"kind": "Pod", "namespace": "n", "name": "p"},
        "reason": "R", "action": "A", "type": "Normal", "note": "n", "eventTime": "2024-01-01T00:00:00.000000Z",
        "reportingController": "example.com/c", "reportingInstance": "i",
    });
    let core = event::to_core(&new);
    assert_eq!(core["involvedObject"]["name"], "p");
    assert_eq!(
        (&core["message"], &core["reportingComponent"]),
        (&json!("n"), &json!("example.com/c"))
    );
    assert_eq!((&core["source"], &core["firstTimestamp"]), (&json!({}), &Value::Null));
    let back = event::from_core(&core);
    assert_eq!(event::to_core(&back), core);
    assert_eq!(back["deprecatedSource"], json!({}));
    let strict = strategy("events.k8s.io", "events");
    for form in [&core, &new] {
        assert_eq!(strict.validate_create(form), vec![]);
        assert!(strict.selectable_fields(form).contains(&("involvedObject.name", "p".to_owned())));
    }
    let bare = event::to_core(
        &json!({"metadata": {"namespace": "n"}, "regarding": {"namespace": "n"}, "type": "Odd"}),
    );
    let wanted = [("eventTime", "FieldValueRequired"), ("type", "FieldValueInvalid")];
    assert_eq!(
        found(&strict.validate_create(&bare)),
        wanted.map(|(field, reason)| (field.to_owned(), reason))
    );
    assert_eq!(strategy("", "events").validate_create(&bare), vec![]);
    let other = json!({"metadata": {"namespace": "n"}, "involvedObject": {"namespace": "m"}});
    assert_eq!(
        found(&strategy("", "events").validate_create(&other)),
        one("involvedObject.namespace", "FieldValueInvalid")
    );
    let fields = strategy("", "events").selectable_fields(&core);
    assert!(fields.contains(&("source", "example.com/c".to_owned())));
}

#[test]
fn webhooks_get_defaults_and_a_generation() {
    let group = "admissionregistration.k8s.io";
    let resource = "mutatingwebhookconfigurations";
    let kind = "MutatingWebhookConfiguration";
    let webhook = json!({"name": "a.kw.example.com", "clientConfig": {"service": {"name": "s", "namespace": "n"}},
        "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]});
    let stored = create(group, resource, kind, json!({"webhooks": [webhook]})).unwrap();
    let got = &stored["webhooks"][0];
    assert_eq!(got["clientConfig"]["service"]["port"], 443);
    assert_eq!(got["rules"][0]["scope"], "*");
    assert_eq!((&got["failurePolicy"], &got["timeoutSeconds"]), (&json!("Fail"), &json!(10)));
    assert_eq!(
        (&got["namespaceSelector"], &got["reinvocationPolicy"]),
        (&json!({}), &json!("Never"))
    );
    assert_eq!(meta::generation(&stored), 1);
    let change = |change| patch(group, resource, kind, Part::Main, &stored, change);
    assert_eq!(meta::generation(&change(json!({"metadata": {"labels": {"a": "b"}}})).unwrap()), 1);
    assert_eq!(meta::generation(&change(json!({"webhooks": null})).unwrap()), 2);
    let wrong = json!({"name": "short.name", "clientConfig": {"url": "http://x?y"}, "timeoutSeconds": 31, "failurePolicy": "Odd"});
    let errors = create(group, resource, kind, json!({"webhooks": [wrong]})).unwrap_err();
    let wanted = [
        ("webhooks[0].admissionReviewVersions", "FieldValueRequired"),
        ("webhooks[0].clientConfig.url", "FieldValueInvalid"),
        ("webhooks[0].failurePolicy", "FieldValueNotSupported"),
        ("webhooks[0].name", "FieldValueInvalid"),
        ("webhooks[0].sideEffects", "FieldValueRequired"),
        ("webhooks[0].timeoutSeconds", "FieldValueInvalid"),
    ];
    assert_eq!(errors, wanted.map(|(field, reason)| (field.to_owned(), reason)));
}

#[test]
fn network_kinds() {
    let policies = ("networking.k8s.io", "networkpolicies", "NetworkPolicy");
    let policy = create(
        policies.0,
        policies.1,
        policies.2,
        json!({"spec": {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}}),
    )
    .unwrap();
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(policy["spec"]["egress"][0]["ports"][0]["protocol"], "TCP");
    let changed = patch(
        policies.0,
        policies.1,
        policies.2,
        Part::Main,
        &policy,
        json!({"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}),
    );
    assert_eq!(meta::generation(&changed.unwrap()), 2);

    let slice = json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.1.1"]}], "ports": [{"port": 80}]});
    let slice = create("discovery.k8s.io", "endpointslices", "EndpointSlice", slice).unwrap();
    assert_eq!(slice["ports"], json!([{"name": "", "port": 80, "protocol": "TCP"}]));
    let labelled = patch(
        "discovery.k8s.io",
        "endpointslices",
        "EndpointSlice",
        Part::Main,
        &slice,
        json!({"metadata": {"labels": {"x": "y"}}}),
    );
    assert_eq!(meta::generation(&labelled.unwrap()), 2);

    let ingress = json!({"spec": {"rules": [{"host": "a.example.com", "http": {"paths": [{"path": "x", "pathType": "Prefix",
        "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}});
    let errors = create("networking.k8s.io", "ingresses", "Ingress", ingress).unwrap_err();
    assert_eq!(errors, one("spec.rules[0].http.paths[0].path", "FieldValueInvalid"));
}

#[test]
fn storage_and_scheduling_kinds() {
    let claim = create("", "persistentvolumeclaims", "PersistentVolumeClaim",
        json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})).unwrap();
    assert_eq!(
        (&claim["spec"]["volumeMode"], &claim["status"]),
        (&json!("Filesystem"), &json!({"phase": "Pending"}))
    );
    let moved = patch(
        "",
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        Part::Main,
        &claim,
        json!({"spec": {"accessModes": ["ReadWriteMany"]}}),
    );
    assert_eq!(moved.unwrap_err(), one("spec", "FieldValueForbidden"));
    let class = create(
        "storage.k8s.io",
        "storageclasses",
        "StorageClass",
        json!({"provisioner": "example.com/p"}),
    )
    .unwrap();
    assert_eq!(
        (&class["reclaimPolicy"], &class["volumeBindingMode"]),
        (&json!("Delete"), &json!("Immediate"))
    );
    let priority = create(
        "scheduling.k8s.io",
        "priorityclasses",
        "PriorityClass",
        json!({"metadata": {"name": "p"}, "value": 5}),
    )
    .unwrap();
    let raised = patch(
        "scheduling.k8s.io",
        "priorityclasses",
        "PriorityClass",
        Part::Main,
        &priority,
        json!({"value": 6}),
    );
    assert_eq!(raised.unwrap_err(), one("value", "FieldValueForbidden"));
    let lease = create(
        "coordination.k8s.io",
        "leases",
        "Lease",
        json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": 0}}),
    );
    assert_eq!(lease.unwrap_err(), one("spec.leaseDurationSeconds", "FieldValueInvalid"));
    let range = json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}}]}});
    let range = create("", "limitranges", "LimitRange", range).unwrap();
    let limit = &range["spec"]["limits"][0];
    assert_eq!(limit["default"], json!({"cpu": "2"}));
    assert_eq!(limit["defaultRequest"], json!({"cpu": "2", "memory": "1Mi"}));
}

#[test]
fn how_kinds_may_be_replaced() {
    // group, resource, a PUT creates, a PUT without resourceVersion is accepted
    let table = [
        ("", "configmaps", false, true),
        ("", "secrets", false, true),
        ("", "services", true, true),
        ("", "endpoints", true, true),
        ("", "events", true, true),
        ("", "limitranges", true, true),
        ("coordination.k8s.io", "leases", true, false),
        ("rbac.authorization.k8s.io", "roles", true, true),
        ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", false, false),
        ("discovery.k8s.io", "endpointslices", false, true),
        ("node.k8s.io", "runtimeclasses", false, false),
        ("storage.k8s.io", "csinodes", false, false),
        ("apiextensions.k8s.io", "customresourcedefinitions", false, false),
    ];
    for (group, resource, creates, unconditional) in table {
        let rules = strategy(group, resource);
        assert_eq!(rules.allow_create_on_update(), creates, "{resource}");
        assert_eq!(rules.allow_unconditional_update(), unconditional, "{resource}");
    }
}
