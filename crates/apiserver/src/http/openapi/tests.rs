#![allow(clippy::unwrap_used)]

use super::*;

fn catalog() -> Catalog {
    Catalog::new([])
}

fn schema<'a>(document: &'a Value, name: &str) -> &'a Value {
    &document["components"]["schemas"][name]
}

#[test]
fn types_and_fields_are_explained() {
    let apps = document(&catalog(), "apps", "v1").unwrap();
    let spec = schema(&apps, "io.k8s.api.apps.v1.DeploymentSpec");
    assert!(spec["description"].as_str().unwrap().contains("specification of the desired"));
    let replicas = &spec["properties"]["replicas"];
    assert!(replicas["description"].as_str().unwrap().starts_with("Number of desired pods"));
    // What a field says of itself stands beside its type, which has words of its own.
    let template = &spec["properties"]["template"];
    assert!(template["description"].is_string(), "{template}");
    assert_eq!(
        template["allOf"][0]["$ref"],
        "#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec"
    );
    let surge = &schema(&apps, "io.k8s.apimachinery.pkg.util.intstr.IntOrString");
    assert_eq!(surge["oneOf"], json!([{ "type": "integer" }, { "type": "string" }]));
    let flow = document(&catalog(), "flowcontrol.apiserver.k8s.io", "v1beta3").unwrap();
    let flow = schema(&flow, "io.k8s.api.flowcontrol.v1beta3.FlowSchemaSpec");
    assert!(flow["properties"]["priorityLevelConfiguration"]["description"].is_string());
}

#[test]
fn nearly_every_field_of_built_in_kinds_has_words() {
    let swagger = swagger(&catalog());
    let mut mute = Vec::new();
    let mut all = 0;
    for (name, schema) in swagger["definitions"].as_object().unwrap() {
        // The types of schemas are for machines; Kubernetes says nothing of them either.
        if name.ends_with("JSONSchemaProps") || name.ends_with("ExternalDocumentation") {
            continue;
        }
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            all += 1;
            if !schema["description"].is_string() {
                mute.push(format!("{name}.{field}"));
            }
        }
    }
    assert!(all > 1500, "{all}");
    // Fields that were taken back since.
    assert!(mute.len() <= 6, "{} of {all}: {mute:?}", mute.len());
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(path)) = map.get("$ref") {
                    assert!(document.pointer(path.trim_start_matches('#')).is_some(), "{path}");
                }
                map.values().for_each(|value| check(value, document));
            }
            Value::Array(items) => items.iter().for_each(|value| check(value, document)),
            _ => {}
        }
    }
    let catalog = catalog();
    let swagger = swagger(&catalog);
    check(&swagger, &swagger);
    for group in catalog.groups() {
        for version in &group.versions {
            let document = document(&catalog, &group.name, version).unwrap();
            check(&document, &document);
        }
    }
}
