#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::{limits, priority, service_account, tolerations};

fn pod() -> Value {
    json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}]}})
}

#[test]
fn the_token_is_mounted_unless_someone_objects() {
    let mut default = pod();
    service_account(&mut default, Some(&json!({})), "ns", "abcde").unwrap();
    let spec = &default["spec"];
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!(spec["serviceAccount"], "default");
    assert_eq!(
        spec["containers"][0]["volumeMounts"],
        json!([{"name": "kube-api-access-abcde", "readOnly": true,
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}])
    );
    let sources = &spec["volumes"][0]["projected"]["sources"];
    assert_eq!(sources[0]["serviceAccountToken"]["expirationSeconds"], 3607);
    assert_eq!(sources[1]["configMap"]["name"], "kube-root-ca.crt");

    let again = default.clone();
    service_account(&mut default, Some(&json!({})), "ns", "other").unwrap();
    assert_eq!(default, again);

    for (wanted, account, mounts) in [
        (json!(false), json!({}), false),
        (json!(true), json!({"automountServiceAccountToken": false}), true),
        (Value::Null, json!({"automountServiceAccountToken": false}), false),
    ] {
        let mut pod = pod();
        pod["spec"]["automountServiceAccountToken"] = wanted;
        service_account(&mut pod, Some(&account), "ns", "abcde").unwrap();
        assert_eq!(pod["spec"]["volumes"].is_array(), mounts, "{account}");
    }
}

#[test]
fn pull_secrets_come_from_the_account() {
    let account =
        json!({"imagePullSecrets": [{"name": "s"}], "automountServiceAccountToken": false});
    let mut bare = pod();
    service_account(&mut bare, Some(&account), "ns", "a").unwrap();
    assert_eq!(bare["spec"]["imagePullSecrets"], json!([{"name": "s"}]));
    let mut own = pod();
    own["spec"]["imagePullSecrets"] = json!([{"name": "mine"}]);
    service_account(&mut own, Some(&account), "ns", "a").unwrap();
    assert_eq!(own["spec"]["imagePullSecrets"], json!([{"name": "mine"}]));
}

#[test]
fn a_pod_needs_its_account() {
    let mut pod = pod();
    pod["spec"]["serviceAccountName"] = json!("nope");
    let error = service_account(&mut pod, None, "ns", "a").unwrap_err();
    assert_eq!((error.code.as_u16(), error.reason), (403, "Forbidden"));
    assert_eq!(
        error.message,
        "pods \"p\" is forbidden: error looking up service account ns/nope: serviceaccount \"nope\" not found"
    );
}

#[test]
fn tolerations_are_added_where_they_lack() {
    let one = |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    let (ready, reach) = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable");
    for (own, expected) in [
        (json!([]), json!([one(ready), one(reach)])),
        (
            json!([{"key": "x", "operator": "Exists"}, one(reach)]),
            json!([{"key": "x", "operator": "Exists"}, one(reach), one(ready)]),
        ),
        (json!([{"operator": "Exists"}]), json!([{"operator": "Exists"}])),
        (
            json!([{"operator": "Exists", "effect": "NoSchedule"}]),
            json!([{"operator": "Exists", "effect": "NoSchedule"}, one(ready), one(reach)]),
        ),
    ] {
        let mut pod = pod();
        pod["spec"]["tolerations"] = own;
        tolerations(&mut pod);
        assert_eq!(pod["spec"]["tolerations"], expected);
    }
}

#[test]
fn priorities() {
    let class = |name: &str, value: i64, more: Value| {
        let mut class = json!({"metadata": {"name": name}, "value": value});
        for (name, value) in more.as_object().unwrap() {
            class[name] = value.clone();
        }
        class
    };
    let classes = [
        class("high", 1000, json!({"preemptionPolicy": "Never"})),
        class("usual", 5, json!({"globalDefault": true})),
    ];
    let facts = |pod: &Value| {
        ["priorityClassName", "priority", "preemptionPolicy"].map(|name| pod["spec"][name].clone())
    };
    let mut none = pod();
    priority(&mut none, None, &[]).unwrap();
    assert_eq!(facts(&none), [json!(null), json!(0), json!("PreemptLowerPriority")]);
    let mut usual = pod();
    priority(&mut usual, None, &classes).unwrap();
    assert_eq!(facts(&usual), [json!("usual"), json!(5), json!("PreemptLowerPriority")]);
    let mut high = pod();
    high["spec"]["priorityClassName"] = json!("high");
    priority(&mut high, None, &classes).unwrap();
    assert_eq!(facts(&high), [json!("high"), json!(1000), json!("Never")]);

    let mut update = pod();
    priority(&mut update, Some(&high), &[]).unwrap();
    assert_eq!(update["spec"]["priority"], 1000);

    for (name, value) in [
        ("priorityClassName", json!("nope")),
        ("priority", json!(7)),
        ("preemptionPolicy", json!("Never")),
    ] {
        let mut pod = pod();
        pod["spec"][name] = value;
        assert_eq!(priority(&mut pod, None, &classes).unwrap_err().code, 403, "{name}");
    }
}

#[test]
fn limit_ranges_fill_in_and_bound() {
    let ranges = [json!({"spec": {"limits": [
        {"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"},
         "max": {"cpu": "1"}, "min": {"cpu": "50m"}},
        {"type": "Pod", "max": {"cpu": "2"}},
    ]}})];
    let mut filled = pod();
    limits::default(&mut filled, &ranges);
    assert_eq!(
        filled["spec"]["containers"][0]["resources"],
        json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "500m"}})
    );
    assert_eq!(
        filled["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    );
    assert_eq!(limits::check(&filled, &ranges), Ok(()));
    for (resources, part) in [
        (json!({"limits": {"cpu": "3"}, "requests": {"cpu": "1"}}), "but limit is 3"),
        (json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1m"}}), "but request is 1m"),
        (json!({}), "No request is specified"),
    ] {
        let mut pod = pod();
        pod["spec"]["containers"][0]["resources"] = resources;
        let error = limits::check(&pod, &ranges).unwrap_err();
        assert_eq!(error.code, 403);
        assert!(error.message.contains(part), "{}", error.message);
    }
}
