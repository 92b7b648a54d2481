#![allow(clippy::unwrap_used)]

mod schema;

use serde_json::{Value, json};

use super::{CustomResourceDefinitions, establish, is_established, terminating};
use crate::builtin::{Part, Strategy};
use crate::crd::Definition;
use crate::field;

const NOW: &str = "2024-01-01T00:00:00Z";
const STRATEGY: CustomResourceDefinitions = CustomResourceDefinitions;

fn version(name: &str, storage: bool) -> Value {
    json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema":
        {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}})
}

fn definition(plural: &str, versions: Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.kw.example.com")},
        "spec": {"group": "kw.example.com", "scope": "Namespaced", "versions": versions,
            "names": {"plural": plural, "kind": "Widget"}},
    })
}

fn created(mut crd: Value) -> (Value, field::Errors) {
    STRATEGY.default(&mut crd);
    STRATEGY.prepare_create(&mut crd);
    let errors = STRATEGY.validate_create(&crd);
    (crd, errors)
}

fn widgets() -> Value {
    let (mut crd, errors) = created(definition("widgets", json!([version("v1", true)])));
    assert_eq!(errors, []);
    crd["status"] = establish(&crd, &[], NOW);
    crd
}

/// Reason without its prefix, and field, of every finding.
fn causes(errors: &field::Errors) -> Vec<(&str, &str)> {
    let pair = |error| {
        let error: &field::Error = error;
        (error.reason().trim_start_matches("FieldValue"), error.field.as_str())
    };
    errors.iter().map(pair).collect()
}

fn with(change: impl FnOnce(&mut Value)) -> field::Errors {
    let mut crd = definition("widgets", json!([version("v1", true)]));
    change(&mut crd);
    created(crd).1
}

#[test]
fn names_conversion_and_status_are_filled_in() {
    let crd = widgets();
    let names = json!({"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"});
    assert_eq!(crd["spec"]["names"], names);
    assert_eq!(crd["spec"]["conversion"], json!({"strategy": "None"}));
    assert_eq!(crd["metadata"]["generation"], 1);
    assert_eq!(crd["status"]["storedVersions"], json!(["v1"]));
    let mut again = crd.clone();
    STRATEGY.default(&mut again);
    assert_eq!(again, crd);
    assert!(Definition::compile(&crd).is_ok());
}

#[test]
fn free_names_establish_at_once() {
    let crd = widgets();
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "lastTransitionTime": NOW, "reason": reason, "message": message});
    let expected = json!([
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]);
    assert_eq!(crd["status"]["conditions"], expected);
    assert_eq!(crd["status"]["acceptedNames"], crd["spec"]["names"]);
    let later = establish(&crd, std::slice::from_ref(&crd), "2025-01-01T00:00:00Z");
    assert_eq!(later, crd["status"]);
}

#[test]
fn taken_names_are_not_accepted_until_they_are_free() {
    let first = widgets();
    let mut second = definition("others", json!([version("v1", true)]));
    second["spec"]["names"]["shortNames"] = json!(["o", "widget"]);
    let (mut second, _) = created(second);
    second["status"] = establish(&second, &[first], NOW);
    assert!(!is_established(&second));
    assert_eq!(second["status"]["acceptedNames"], json!({"plural": "others", "kind": ""}));
    let state = |crd: &Value, at: usize| {
        let condition = &crd["status"]["conditions"][at];
        (condition["status"].clone(), condition["reason"].clone())
    };
    assert_eq!(state(&second, 0), (json!("False"), json!("ListKindConflict")));
    assert_eq!(state(&second, 1), (json!("False"), json!("NotAccepted")));
    second["status"] = establish(&second, &[], NOW);
    assert!(is_established(&second));
    assert_eq!(state(&second, 0), (json!("True"), json!("NoConflicts")));
}

#[test]
fn deletion_leaves_a_finalizer_and_a_condition() {
    let mut crd = widgets();
    terminating(&mut crd, NOW);
    assert_eq!(
        crd["metadata"]["finalizers"],
        json!(["customresourcecleanup.apiextensions.k8s.io"])
    );
    assert_eq!(crd["status"]["conditions"][2]["reason"], "InstanceDeletionPending");
    let once = crd.clone();
    terminating(&mut crd, "2025-01-01T00:00:00Z");
    assert_eq!(crd, once);
}

#[test]
fn names_group_and_scope_are_checked() {
    let errors = with(|crd| {
        crd["spec"]["names"] = json!({"plural": "Widgets", "kind": "widget-", "shortNames": ["-"], "categories": ["A"]});
        crd["spec"]["group"] = json!("nodots");
        crd["spec"]["scope"] = json!("Odd");
    });
    let expected = [
        ("Invalid", "metadata.name"),
        ("Invalid", "spec.group"),
        ("NotSupported", "spec.scope"),
        ("Invalid", "spec.names.plural"),
        ("Invalid", "spec.names.singular"),
        ("Invalid", "spec.names.kind"),
        ("Invalid", "spec.names.shortNames[0]"),
        ("Invalid", "spec.names.categories[0]"),
    ];
    assert_eq!(causes(&errors), expected);
    let (_, errors) = created(json!({"metadata": {"name": "a.b.c"}}));
    let expected = [
        ("Invalid", "metadata.name"),
        ("Required", "spec.group"),
        ("Required", "spec.scope"),
        ("Invalid", "spec.versions"),
        ("Required", "spec.names.plural"),
        ("Required", "spec.names.singular"),
        ("Required", "spec.names.kind"),
        ("Required", "spec.names.listKind"),
        ("Invalid", "status.storedVersions"),
    ];
    assert_eq!(causes(&errors), expected);
    let errors = with(|crd| crd["spec"]["names"]["listKind"] = json!("Widget"));
    assert_eq!(causes(&errors), [("Invalid", "spec.names.listKind")]);
}

#[test]
fn protected_groups_need_approval() {
    let approved = |word: Value| {
        with(|crd| {
            crd["metadata"] = json!({"name": "widgets.x.k8s.io", "annotations": {"api-approved.kubernetes.io": word}});
            crd["spec"]["group"] = json!("x.k8s.io");
        })
    };
    const AT: &str = "metadata.annotations[api-approved.kubernetes.io]";
    assert_eq!(causes(&approved(Value::Null)), [("Required", AT)]);
    assert_eq!(causes(&approved(json!("yes"))), [("Invalid", AT)]);
    assert_eq!(approved(json!("https://github.com/x/y")), []);
    assert_eq!(approved(json!("unapproved, testing")), []);
}

#[test]
fn versions_have_names_of_their_own_and_one_is_stored() {
    let versions = |list: Value| with(|crd| crd["spec"]["versions"] = list);
    let two = versions(json!([version("v1", true), version("v2", true)]));
    assert_eq!(causes(&two), [("Invalid", "spec.versions"), ("Invalid", "status.storedVersions")]);
    let same = versions(json!([version("v1", true), version("v1", false)]));
    assert_eq!(causes(&same), [("Invalid", "spec.versions")]);
    let mut odd = version("V1", true);
    odd["deprecationWarning"] = json!("x");
    odd["schema"] = Value::Null;
    let expected = [
        ("Required", "spec.versions[0].schema.openAPIV3Schema"),
        ("Invalid", "spec.versions[0].name"),
        ("Invalid", "spec.versions[0].deprecationWarning"),
    ];
    assert_eq!(causes(&versions(json!([odd]))), expected);
}

#[test]
fn what_versions_share_is_reported_once_at_the_top() {
    let mut odd = version("v2", false);
    odd["schema"]["openAPIV3Schema"]["type"] = json!("string");
    let alone = with(|crd| crd["spec"]["versions"] = json!([version("v1", true), odd]));
    assert_eq!(causes(&alone), [("Invalid", "spec.versions[1].schema.openAPIV3Schema.type")]);
    let both = with(|crd| {
        for name in ["v1", "v2"] {
            let mut version = version(name, name == "v1");
            version["subresources"] =
                json!({"scale": {"specReplicasPath": "spec.n", "statusReplicasPath": ".spec.n"}});
            version["additionalPrinterColumns"] =
                json!([{"name": "a", "type": "odd", "format": "odd", "jsonPath": "x"}, {}]);
            let versions = crd["spec"]["versions"].as_array_mut().unwrap();
            if name == "v1" { versions[0] = version } else { versions.push(version) }
        }
    });
    let columns = "spec.additionalPrinterColumns";
    let fields: Vec<_> = both.iter().map(|it| it.field.clone()).collect();
    let expected = [
        "spec.subresources.scale.specReplicasPath".to_owned(),
        "spec.subresources.scale.statusReplicasPath".to_owned(),
        format!("{columns}[0].type"),
        format!("{columns}[0].format"),
        format!("{columns}[0].JSONPath"),
        format!("{columns}[1].name"),
        format!("{columns}[1].type"),
        format!("{columns}[1].JSONPath"),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn conversion_webhooks_are_complete() {
    let conversion = |value: Value| with(|crd| crd["spec"]["conversion"] = value);
    let errors = conversion(json!({"strategy": "Webhook"}));
    let at = |name: &str| format!("spec.conversion.{name}");
    assert_eq!(
        causes(&errors),
        [
            ("Required", at("webhookClientConfig").as_str()),
            ("Required", at("conversionReviewVersions").as_str()),
        ]
    );
    let webhook = |client: Value, versions: Value| {
        conversion(
            json!({"strategy": "Webhook", "webhook": {"clientConfig": client, "conversionReviewVersions": versions}}),
        )
    };
    assert_eq!(webhook(json!({"service": {"name": "a", "namespace": "b"}}), json!(["v1"])), []);
    let errors = webhook(json!({"url": "http://x"}), json!(["v9"]));
    assert_eq!(
        causes(&errors),
        [
            ("Invalid", at("webhookClientConfig.url").as_str()),
            ("Invalid", at("conversionReviewVersions").as_str()),
        ]
    );
    let errors =
        conversion(json!({"strategy": "None", "webhook": {"conversionReviewVersions": ["v1"]}}));
    assert_eq!(causes(&errors), [("Forbidden", at("conversionReviewVersions").as_str())]);
}

#[test]
fn updates_keep_what_storage_hangs_on() {
    let stored = widgets();
    let mut changed = stored.clone();
    changed["spec"]["scope"] = json!("Cluster");
    changed["spec"]["group"] = json!("kw.example.org");
    changed["spec"]["names"]["kind"] = json!("Gadget");
    let expected = ["spec.scope", "spec.names.kind", "spec.group"].map(|it| ("Invalid", it));
    let errors = STRATEGY.validate_update(Part::Main, &changed, &stored);
    assert_eq!(causes(&errors), expected);
    let mut fresh = stored;
    fresh["status"]["conditions"] = json!([]);
    let errors = STRATEGY.validate_update(Part::Main, &changed, &fresh);
    assert_eq!(causes(&errors), [("Invalid", "spec.group")]);
}

#[test]
fn stored_versions_are_remembered() {
    let stored = widgets();
    let mut next = stored.clone();
    next["spec"]["versions"] = json!([version("v1", false), version("v2", true)]);
    next["status"] = Value::Null;
    STRATEGY.prepare_update(Part::Main, &mut next, &stored);
    assert_eq!(next["status"]["storedVersions"], json!(["v1", "v2"]));
    assert_eq!(next["metadata"]["generation"], 2);
    let mut gone = next.clone();
    gone["spec"]["versions"] = json!([version("v2", true)]);
    let errors = STRATEGY.validate_update(Part::Main, &gone, &next);
    assert_eq!(causes(&errors), [("Invalid", "status.storedVersions[0]")]);
    let mut migrated = next.clone();
    migrated["status"]["storedVersions"] = json!(["v2"]);
    migrated["spec"] = Value::Null;
    STRATEGY.prepare_update(Part::Sub("status"), &mut migrated, &next);
    assert_eq!(
        (&migrated["spec"], &migrated["status"]["storedVersions"]),
        (&next["spec"], &json!(["v2"]))
    );
    assert_eq!(STRATEGY.validate_update(Part::Sub("status"), &migrated, &next), []);
}
