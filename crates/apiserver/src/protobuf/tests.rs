#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Numbers checked against the published messages by hand, bytes as `protoc --encode` lays
/// them out.
#[test]
fn a_config_map_byte_by_byte() {
    let map = json!({ "kind": "ConfigMap", "apiVersion": "v1",
        "metadata": { "name": "a", "creationTimestamp": "1970-01-01T00:00:05Z" },
        "data": { "k": "v" } });
    let expected = [
        b"k8s\0".as_slice(),
        // Unknown: typeMeta.
        b"\x0a\x0f\x0a\x02v1\x12\x09ConfigMap",
        // raw: metadata { creationTimestamp, name }, data.
        b"\x12\x13",
        b"\x12\x06\x0a\x01k\x12\x01v",
        b"\x0a\x09\x42\x04\x08\x05\x10\x00\x0a\x01a",
        b"\x1a\x00\x22\x00",
    ];
    let encoded = encode(&map).unwrap();
    assert_eq!(encoded.len(), expected.concat().len());
    assert_eq!(decode(&encoded).unwrap(), map);
    assert_eq!(decode(&expected.concat()).unwrap(), map);
}

#[test]
fn what_has_a_form_of_its_own_comes_back() {
    let objects = [
        json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "name": "p",
                "managedFields": [{ "manager": "m", "fieldsV1": { "f:spec": {} } }] },
            "spec": { "containers": [{ "name": "c", "ports": [{ "containerPort": 80 }],
                    "resources": { "limits": { "cpu": "100m" } },
                    "readinessProbe": { "httpGet": { "port": "web" }, "periodSeconds": 3 },
                    "livenessProbe": { "tcpSocket": { "port": -1 } } }],
                "volumes": [{ "name": "v", "configMap": { "name": "x", "optional": false } }],
                "terminationGracePeriodSeconds": 0, "priority": -7 } }),
        json!({ "kind": "Secret", "apiVersion": "v1", "metadata": { "name": "s" },
            "data": { "a": "AAEC", "empty": "" } }),
        json!({ "kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": {},
            "spec": { "renewTime": "2024-01-01T00:00:00.123456Z" } }),
        json!({ "kind": "ConfigMapList", "apiVersion": "v1", "metadata": { "resourceVersion": "7" },
            "items": [{ "metadata": { "name": "a" } }, {}] }),
        json!({ "kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1",
            "metadata": {}, "spec": { "versions": [{ "name": "v1", "schema": { "openAPIV3Schema": {
                "type": "object", "default": { "a": [1, null] }, "maximum": 1.5, "enum": ["x", 2],
                "items": { "type": "string" }, "additionalProperties": false,
                "properties": { "a": { "additionalProperties": { "type": "integer" } } } } } }] } }),
        json!({ "kind": "CertificateSigningRequest", "apiVersion": "certificates.k8s.io/v1",
            "metadata": {}, "spec": { "extra": { "k": ["a", "b"] }, "request": "eA==" } }),
        json!({ "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0,
            "propagationPolicy": "Orphan" }),
    ];
    for object in objects {
        let encoded = encode(&object).unwrap();
        assert_eq!(decode(&encoded).unwrap(), object);
    }
}

#[test]
fn what_is_no_message_is_refused() {
    for body in
        [&b""[..], b"{}", b"k8s\0\xff", b"k8s\0\x0a\x05\x0a\x01v", b"k8s\0\x12\xff\xff\xff\xff\xff"]
    {
        assert!(decode(body).is_err(), "{body:?}");
    }
    assert_eq!(encode(&json!({ "kind": "Widget", "apiVersion": "example.com/v1" })), None);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(
        kind in prop_oneof![Just("Pod"), Just("ConfigMap"), Just("Secret")],
        raw in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut envelope = Vec::new();
        wire::write_bytes(1, b"v1", &mut envelope);
        wire::write_bytes(2, kind.as_bytes(), &mut envelope);
        let mut body = MAGIC.to_vec();
        wire::write_bytes(1, &envelope, &mut body);
        wire::write_bytes(2, &raw, &mut body);
        if let Ok(object) = decode(&body) {
            prop_assert!(encode(&object).is_some());
        }
    }
}
