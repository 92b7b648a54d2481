#![allow(clippy::unwrap_used)]

use super::*;

fn spec(mut fields: Value) -> PeerPodConfigSpec {
    fields["limit"] = json!("20");
    serde_json::from_value(fields).unwrap()
}

fn provider(name: &str) -> Settings {
    Settings { provider: Some(name.to_owned()), digest: "sha256:0".to_owned() }
}

fn built(spec: &PeerPodConfigSpec) -> Value {
    let owner = Owner { name: "config".to_owned(), uid: "1-2".to_owned() };
    let selector = spec.selector().unwrap();
    let tolerations = spec.adaptor.tolerations.clone();
    let placement = Placement { selectors: vec![&selector], tolerations };
    daemon_set(spec, &placement, "adaptor:1", &provider("aws"), "peer-pods", Some(&owner))
}

#[test]
fn it_is_the_daemon_set_of_the_replaced_controller() {
    insta::assert_yaml_snapshot!(built(&spec(json!({"nodeSelector": {"kata": "yes"}}))));
}

#[test]
fn what_the_spec_says_about_it_is_in_it() {
    let made = built(&spec(json!({
        "labelSelector": {"matchExpressions": [{"key": "kata", "operator": "Exists"}]},
        "adaptor": {
            "maxUnavailable": "10%",
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"cpu": "0.5"}},
        },
    })));
    let pod = &made["spec"]["template"]["spec"];
    assert_eq!(made["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"], "10%");
    assert_eq!(pod["tolerations"], json!([{"key": "gpu", "operator": "Exists"}]));
    assert_eq!(
        pod["containers"][0]["resources"],
        json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "500m"}})
    );
    let terms = &pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    assert_eq!(
        terms["nodeSelectorTerms"],
        json!([{"matchExpressions": [{"key": "kata", "operator": "Exists"}]}])
    );
}

#[test]
fn the_image_is_of_the_spec_then_of_the_environment_then_of_the_cloud() {
    let plain = spec(json!({}));
    let own = spec(json!({"adaptor": {"image": "mine:1"}}));
    let of = |spec, environment, settings: &Settings| image(spec, environment, settings, "ns");
    assert_eq!(of(&own, Some("env:1"), &provider("aws")).unwrap(), "mine:1");
    assert_eq!(of(&plain, Some("env:1"), &provider("aws")).unwrap(), "env:1");
    for name in PROVIDERS {
        let image = of(&plain, None, &provider(name)).unwrap();
        assert!(image.ends_with(&format!("/cloud-api-adaptor-{name}:latest")), "{image}");
    }
}

#[test]
fn without_a_known_cloud_there_is_no_image() {
    let plain = spec(json!({}));
    let error = image(&plain, None, &Settings::default(), "ns").unwrap_err().to_string();
    assert!(
        error.starts_with("neither ConfigMap peer-pods-cm nor Secret peer-pods-secret"),
        "{error}"
    );
    let error = image(&plain, None, &provider("../x"), "ns").unwrap_err().to_string();
    assert!(error.starts_with("CLOUD_PROVIDER is \"../x\""), "{error}");
}

#[test]
fn several_configs_share_the_daemon_set() {
    let place = |all: &[Value]| {
        let specs: Vec<_> = all.iter().map(|fields| spec(fields.clone())).collect();
        let selectors: Vec<_> = specs.iter().map(|spec| spec.selector().unwrap()).collect();
        let placement = Placement { selectors: selectors.iter().collect(), ..Placement::default() };
        let made = daemon_set(&specs[0], &placement, "a:1", &provider("aws"), "ns", None);
        made["spec"]["template"]["spec"]["affinity"].clone()
    };
    let (a, b) = (json!({"nodeSelector": {"zone": "a"}}), json!({"nodeSelector": {"zone": "b"}}));
    let terms = place(&[a.clone(), b]);
    let terms = &terms["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    assert_eq!(
        *terms,
        json!([
            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]},
            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]},
        ])
    );
    assert_eq!(place(&[a, json!({})]), Value::Null, "one of them is for all nodes");
}
