#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn canonical(group: &str, version: &str, kind: &str, mut value: Value) -> (Value, Findings) {
    let schema = schema_of(group, version, kind).unwrap();
    let findings = canonicalize(&schema, &mut value).unwrap();
    (value, findings)
}

fn refused(group: &str, version: &str, kind: &str, mut value: Value) -> String {
    let schema = schema_of(group, version, kind).unwrap();
    canonicalize(&schema, &mut value).unwrap_err().to_string()
}

#[test]
fn duplicates_are_reported_and_the_last_wins() {
    let body = br#"{"metadata":{"name":"a"},"data":{"k":"1","k":"2"},"l":[{"x":1,"x":2}],"l":[]}"#;
    let (value, findings) = parse(Media::Json, body).unwrap();
    assert_eq!(value["data"]["k"], "2");
    assert_eq!(findings.duplicate, ["data.k", "l[0].x", "l"]);
    assert_eq!(
        findings.messages(),
        ["duplicate field \"data.k\"", "duplicate field \"l[0].x\"", "duplicate field \"l\""]
    );
}

#[test]
fn syntax_errors_read_as_those_of_go() {
    let table = [
        ("{bad", "invalid character 'b' looking for beginning of object key string"),
        ("{\"a\" 1}", "invalid character '1' after object key"),
        ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{}x", "invalid character 'x' after top-level value"),
        ("data: {a: b}", "invalid character 'd' looking for beginning of value"),
        ("{\"a\":", "unexpected end of JSON input"),
        ("", "unexpected end of JSON input"),
    ];
    for (body, wanted) in table {
        let error = parse(Media::Json, body.as_bytes()).unwrap_err();
        assert_eq!(error, DecodeError::Json(wanted.to_owned()), "{body}");
    }
    let error = parse(Media::Json, b"[]").unwrap_err();
    assert!(error.to_string().contains("cannot unmarshal array into Go value"));
    assert_eq!(parse(Media::Json, b"null").unwrap().0, json!({}));
}

#[test]
fn numbers_keep_their_value() {
    let body =
        br#"{"i":9007199254740993,"f":1.5,"e":1e2,"w":1000.0,"b":-1,"big":18446744073709551615}"#;
    let (value, _) = parse(Media::Json, body).unwrap();
    assert_eq!(
        value.to_string(),
        r#"{"b":-1,"big":18446744073709551615,"e":100,"f":1.5,"i":9007199254740993,"w":1000}"#
    );
}

#[test]
fn yaml_follows_the_old_rules() {
    let body = "apiVersion: v1\nmetadata: {name: y, on: \"y\"}\nn: 010\nh: 0x1F\nf: 1.0\nt: 2024-01-02\nm: |\n  a\n  b\nz: ~\n1: one\n";
    let (value, _) = parse(Media::Yaml, body.as_bytes()).unwrap();
    let wanted = json!({
        "apiVersion": "v1", "metadata": {"name": true, "on": "y"}, "n": 8, "h": 31, "f": 1,
        "t": "2024-01-02", "m": "a\nb\n", "z": null, "1": "one",
    });
    assert_eq!(value, wanted);
}

#[test]
fn yaml_reads_one_document_and_finds_duplicates() {
    let body = b"# c\n---\na: 1\n---\na: 2\n";
    assert_eq!(parse(Media::Yaml, body).unwrap().0, json!({"a": 1}));
    let (value, findings) = parse(Media::Yaml, b"a: {b: 1, b: 2}\n").unwrap();
    assert_eq!(value, json!({"a": {"b": 2}}));
    assert_eq!(findings.duplicate, ["a.b"]);
    assert!(matches!(parse(Media::Yaml, b"a: [unclosed"), Err(DecodeError::Yaml(_))));
}

#[test]
fn unknown_fields_and_nulls_vanish() {
    let (value, findings) = canonical(
        "",
        "v1",
        "ConfigMap",
        json!({
            "metadata": {"name": "a", "Labels": {"a": "b"}, "labels": null, "annotations": {}},
            "Data": {}, "data": {"n": null, "e": ""}, "immutable": null,
        }),
    );
    let meta = json!({"name": "a", "creationTimestamp": null});
    assert_eq!(value, json!({"metadata": meta, "data": {"n": "", "e": ""}}));
    assert_eq!(findings.unknown, ["Data", "metadata.Labels"]);
}

#[test]
fn zero_values_follow_the_go_types() {
    let (value, _) = canonical(
        "apps",
        "v1",
        "Deployment",
        json!({
            "metadata": {"name": "d"},
            "spec": {"replicas": 0, "paused": false, "minReadySeconds": 0, "selector": {},
                "template": {"spec": {"automountServiceAccountToken": false, "hostNetwork": false,
                    "containers": [{"name": "c", "tty": false, "env": [], "ports": [{"containerPort": 0}]}]}}},
        }),
    );
    assert_eq!(
        value["spec"],
        json!({
            "replicas": 0, "selector": {}, "strategy": {},
            "template": {"metadata": {"creationTimestamp": null},
                "spec": {"automountServiceAccountToken": false,
                    "containers": [{"name": "c", "resources": {}, "ports": [{"containerPort": 0}]}]}},
        })
    );
    assert_eq!(value["status"], json!({}));
}

#[test]
fn fields_without_omitempty_are_always_there() {
    let (event, _) = canonical("", "v1", "Event", json!({"metadata": {"name": "e"}}));
    let wanted = json!({
        "metadata": {"name": "e", "creationTimestamp": null}, "involvedObject": {}, "source": {},
        "firstTimestamp": null, "lastTimestamp": null, "eventTime": null,
        "reportingComponent": "", "reportingInstance": "",
    });
    assert_eq!(event, wanted);

    let (event, _) = canonical("events.k8s.io", "v1", "Event", json!({"reportingInstance": ""}));
    let wanted = json!({
        "metadata": {"creationTimestamp": null}, "eventTime": null, "regarding": {},
        "deprecatedSource": {}, "deprecatedFirstTimestamp": null, "deprecatedLastTimestamp": null,
    });
    assert_eq!(event, wanted);

    let (slice, _) =
        canonical("discovery.k8s.io", "v1", "EndpointSlice", json!({"endpoints": [], "ports": []}));
    assert_eq!(slice["endpoints"], Value::Null);
    assert_eq!(slice.get("ports"), Some(&Value::Null));

    let (node, _) = canonical("", "v1", "Node", json!({}));
    assert_eq!(node["status"]["daemonEndpoints"], json!({"kubeletEndpoint": {"Port": 0}}));
    assert_eq!(node["status"]["nodeInfo"]["machineID"], "");

    let (set, _) = canonical("apps", "v1", "StatefulSet", json!({}));
    assert_eq!(set["status"], json!({"replicas": 0, "availableReplicas": 0}));
    assert_eq!(set["spec"]["serviceName"], "");
}

#[test]
fn scalars_get_their_canonical_form() {
    let (pod, _) = canonical(
        "",
        "v1",
        "Pod",
        json!({"spec": {
            "volumes": [{"name": "h", "hostPath": {"path": "/", "type": ""}}, {"name": "e", "emptyDir": {"sizeLimit": "1024Mi"}}],
            "containers": [{"name": "c", "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi", "x.com/y": 2e0}},
                "livenessProbe": {"httpGet": {"port": 8e1}, "periodSeconds": 0}}],
        }}),
    );
    let spec = &pod["spec"];
    assert_eq!(spec["volumes"][0]["hostPath"], json!({"path": "/", "type": ""}));
    assert_eq!(spec["volumes"][1]["emptyDir"]["sizeLimit"], "1Gi");
    let container = &spec["containers"][0];
    assert_eq!(
        container["resources"]["limits"],
        json!({"cpu": "500m", "memory": "1Gi", "x.com/y": "2"})
    );
    assert_eq!(container["livenessProbe"], json!({"httpGet": {"port": 80}}));

    let (event, _) = canonical(
        "",
        "v1",
        "Event",
        json!({
            "firstTimestamp": "2024-01-02T03:04:06.789+02:00", "eventTime": "2024-01-02T03:04:06.500000+02:00",
        }),
    );
    assert_eq!(event["firstTimestamp"], "2024-01-02T01:04:06Z");
    assert_eq!(event["eventTime"], "2024-01-02T01:04:06.500000Z");
}

#[test]
fn wrong_types_are_named_as_go_names_them() {
    let table = [
        (
            refused("", "v1", "ConfigMap", json!({"data": {"k": 5}})),
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (
            refused("", "v1", "ConfigMap", json!({"metadata": {"name": true}})),
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.name of type string",
        ),
        (
            refused("", "v1", "ConfigMap", json!({"data": "x"})),
            "json: cannot unmarshal string into Go struct field ConfigMap.data of type map[string]string",
        ),
        (
            refused("apps", "v1", "Deployment", json!({"spec": {"replicas": 3_000_000_000_u64}})),
            "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            refused("", "v1", "Secret", json!({"data": {"k": "not base64!"}})),
            "illegal base64 data at input byte 3",
        ),
        (
            refused("", "v1", "ConfigMap", json!({"binaryData": {"k": "***"}})),
            "illegal base64 data at input byte 0",
        ),
        (
            refused("", "v1", "Node", json!({"status": {"capacity": {"x": "y"}}})),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ];
    for (found, wanted) in table {
        assert_eq!(found, wanted);
    }
}

#[test]
fn times_are_refused_with_the_words_of_go() {
    let micro = "2006-01-02T15:04:05.000000Z07:00";
    let table = [
        ("2024-01-02T03:04:06Z", "Z", ".000000"),
        ("2024-01-02T03:04:06.5Z", ".5Z", ".000000"),
        ("2024-01-02 03:04:06.500000Z", " 03:04:06.500000Z", "T"),
        ("2024-01-02T03:04:06.123456789Z", "789Z", "Z07:00"),
        ("yesterday", "yesterday", "2006"),
    ];
    for (text, rest, element) in table {
        let wanted =
            format!("parsing time {text:?} as {micro:?}: cannot parse {rest:?} as {element:?}");
        assert_eq!(parse_micro_time(text).unwrap_err(), wanted);
    }
    assert!(parse_time("2024-02-30T00:00:00Z").is_err());
    assert!(parse_time("2024-02-03T00:00:00.Z").is_err());
}

#[test]
fn kinds_are_compared_with_the_path() {
    let config_map = Kind::new("", "v1", "ConfigMap");
    let deployment = Kind::new("apps", "v1", "Deployment");
    let table = [
        (&config_map, "v1", "ConfigMap", ""),
        (&config_map, "", "", ""),
        (&deployment, "", "Deployment", ""),
        (
            &config_map,
            "v1",
            "Secret",
            "converting (v1.Secret) to (core.ConfigMap): unknown conversion",
        ),
        (
            &config_map,
            "v2",
            "ConfigMap",
            "no kind \"ConfigMap\" is registered for version \"v2\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        ),
        (
            &config_map,
            "apps/v1",
            "Deployment",
            "converting (v1.Deployment) to (core.ConfigMap): unknown conversion",
        ),
        (
            &config_map,
            "v1",
            "Nope",
            "no kind \"Nope\" is registered for version \"v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        ),
        (
            &deployment,
            "extensions/v1beta1",
            "Deployment",
            "the API version in the data (extensions/v1beta1) does not match the expected API version (apps/v1)",
        ),
    ];
    for (wanted, version, kind, message) in table {
        let object = json!({"apiVersion": version, "kind": kind});
        let found = check_kind(wanted, &object).err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), message);
    }
}

#[test]
fn errors_become_bad_requests() {
    let kind = Kind::new("", "v1", "ConfigMap");
    let error =
        DecodeError::Yaml("line 1: oh".into()).into_status(&kind, "ConfigMap", b"a: [unclosed");
    assert_eq!(
        error.message,
        "the object provided is unrecognized (must be of type ConfigMap): yaml: line 1: oh (613a205b756e636c6f736564)"
    );
    let error = DecodeError::Field("x".into()).into_status(&kind, "ConfigMap", b"{}");
    assert_eq!(error.message, "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: x");
    assert_eq!(error.reason, "BadRequest");
}

fn any_value() -> impl Strategy<Value = Value> {
    let names = [
        "metadata",
        "spec",
        "status",
        "name",
        "containers",
        "resources",
        "limits",
        "template",
        "ports",
        "port",
        "data",
        "labels",
        "replicas",
        "conditions",
        "type",
        "lastTransitionTime",
        "x",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        "[a-z0-9+=.:TZ-]{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 4, move |inner| {
        let entry = (proptest::sample::select(names.to_vec()), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            proptest::collection::vec(entry, 0..6).prop_map(|entries| {
                Value::Object(
                    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn canonical_objects_stay_as_they_are(
        value in any_value(),
        kind in proptest::sample::select(vec![("", "Pod"), ("", "ConfigMap"), ("apps", "Deployment"), ("", "Node"), ("", "Service")]),
    ) {
        let schema = schema_of(kind.0, "v1", kind.1).unwrap();
        let mut first = value;
        if canonicalize(&schema, &mut first).is_ok() {
            let mut again = first.clone();
            prop_assert_eq!(canonicalize(&schema, &mut again).unwrap(), Findings::default());
            prop_assert_eq!(first, again);
        }
    }

    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(Media::Json, &body);
        let _ = parse(Media::Yaml, &body);
    }

    #[test]
    fn json_text_is_read_back(value in any_value()) {
        let text = value.to_string();
        let (read, findings) = parse_json(text.as_bytes()).unwrap();
        prop_assert!(findings.is_empty());
        let (again, _) = parse_json(read.to_string().as_bytes()).unwrap();
        prop_assert_eq!(read, again);
    }
}
