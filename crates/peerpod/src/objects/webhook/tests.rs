#![allow(clippy::unwrap_used)]

use super::*;

fn webhook(fields: Value) -> Webhook {
    serde_json::from_value(fields).unwrap()
}

#[test]
fn the_objects_of_the_webhook() {
    let owner = Owner { name: "config".to_owned(), uid: "1-2".to_owned() };
    let webhook = webhook(json!({}));
    let address = Address::Service { namespace: "peer-pods".to_owned() };
    let settings = Settings { instance_type: Some("t3.large".to_owned()), ..Settings::default() };
    insta::assert_yaml_snapshot!([
        deployment(&settings, 2, "kubewright:1", "peer-pods", Some(&owner)),
        service("peer-pods", Some(&owner)),
        configuration(&webhook, &address, "Q0E="),
    ]);
}

#[test]
fn a_url_is_called_where_services_cannot_be() {
    let address = Address::Url { base: "https://127.0.0.1:9443".to_owned() };
    let made = configuration(&webhook(json!({})), &address, "Q0E=");
    assert_eq!(
        made["webhooks"][0]["clientConfig"],
        json!({"url": "https://127.0.0.1:9443/mutate", "caBundle": "Q0E="})
    );
}

#[test]
fn namespaces_of_the_config_are_narrowed_and_never_widened() {
    let selector = json!({"matchLabels": {"team": "a"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]});
    let made = configuration(
        &webhook(json!({"namespaceSelector": selector})),
        &Address::Service { namespace: "ns".to_owned() },
        "Q0E=",
    );
    let selector = &made["webhooks"][0]["namespaceSelector"];
    assert_eq!(selector["matchLabels"], json!({"team": "a"}));
    assert_eq!(selector["matchExpressions"].as_array().unwrap().len(), 3);
}

#[test]
fn a_runtime_class_cannot_end_the_expression() {
    let made = configuration(
        &webhook(json!({"runtimeClassName": "x' || true || '"})),
        &Address::Service { namespace: "ns".to_owned() },
        "Q0E=",
    );
    let expression = made["webhooks"][0]["matchConditions"][0]["expression"].as_str().unwrap();
    assert!(expression.ends_with(r"== 'x\' || true || \''"), "{expression}");
}
