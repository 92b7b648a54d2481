//! Every field of our CustomResourceDefinitions.

use anyhow::Result;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps,
    JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use super::{code, table};
use crate::manifests;

pub(super) fn page() -> Result<String> {
    let mut text = "# Resources\nPrinted by `kubewright crds`. A field that is required says so; \
        of a list `[]` is an element, of a map `{}` a value.\n"
        .to_owned();
    for crd in manifests::crds() {
        for version in &crd.spec.versions {
            text += &resource(&crd, version)?;
        }
    }
    Ok(text)
}

fn resource(
    crd: &CustomResourceDefinition,
    version: &CustomResourceDefinitionVersion,
) -> Result<String> {
    let (spec, names) = (&crd.spec, &crd.spec.names);
    let mut text = format!("\n## {} ({}/{})\n", names.kind, spec.group, version.name);
    let schema = version.schema.as_ref().and_then(|it| it.open_api_v3_schema.as_ref());
    if let Some(about) = schema.and_then(|schema| schema.description.as_deref()) {
        text += &format!("{about}\n\n");
    }
    let mut short = vec![names.plural.clone()];
    short.extend(names.short_names.iter().flatten().cloned());
    let short: Vec<String> = short.iter().map(|name| code(name)).collect();
    text += &format!("{}; for kubectl {}.", spec.scope, short.join(" or "));
    let columns: Vec<&str> =
        version.additional_printer_columns.iter().flatten().map(|it| it.name.as_str()).collect();
    if !columns.is_empty() {
        text += &format!(" `kubectl get` shows {}.", columns.join(", "));
    }
    text += "\n\n";
    let mut rows = Vec::new();
    if let Some(schema) = schema {
        for (name, field) in schema.properties.iter().flatten() {
            let required = schema.required.iter().flatten().any(|it| it == name);
            fields(name, field, required, &mut rows)?;
        }
    }
    text += &table(["field", "type", "default", "description", "validation"], rows);
    Ok(text)
}

fn fields(
    path: &str,
    schema: &JSONSchemaProps,
    required: bool,
    rows: &mut Vec<[String; 5]>,
) -> Result<()> {
    let default = match (&schema.default, required) {
        (Some(default), _) => code(&serde_json::to_string(&default.0)?),
        (None, true) => "required".to_owned(),
        (None, false) => String::new(),
    };
    let about = schema.description.clone().unwrap_or_default();
    rows.push([code(path), kind(schema), default, about, validation(schema)?]);
    if kubernetes_own(schema).is_some() {
        return Ok(());
    }
    for (name, field) in schema.properties.iter().flatten() {
        let required = schema.required.iter().flatten().any(|it| it == name);
        fields(&format!("{path}.{name}"), field, required, rows)?;
    }
    // A list or map of plain values is said in its own row.
    for (of, inside) in [("[]", item(schema)), ("{}", value(schema))] {
        if let Some(inside) = inside.filter(|inside| inside.properties.is_some()) {
            fields(&format!("{path}{of}"), inside, false, rows)?;
        }
    }
    Ok(())
}

/// What Kubernetes defines and everybody knows, by its name there.
fn kubernetes_own(schema: &JSONSchemaProps) -> Option<&'static str> {
    let has = |name: &str| schema.properties.as_ref().is_some_and(|all| all.contains_key(name));
    match () {
        () if has("matchLabels") && has("matchExpressions") => Some("LabelSelector"),
        () if has("lastTransitionTime") && has("observedGeneration") => Some("Condition"),
        () if has("limits") && has("requests") => Some("ResourceRequirements"),
        () => None,
    }
}

fn item(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => Some(item),
        _ => None,
    }
}

fn value(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(value)) => Some(value),
        _ => None,
    }
}

fn kind(schema: &JSONSchemaProps) -> String {
    let own = schema.type_.clone().unwrap_or_default();
    if let Some(name) = kubernetes_own(schema) {
        return name.to_owned();
    }
    let mut text = match (item(schema), value(schema)) {
        (Some(item), _) => format!("list of {}", kind(item)),
        (_, Some(value)) => format!("map of {}", kind(value)),
        _ if schema.x_kubernetes_int_or_string == Some(true) => "integer or string".to_owned(),
        _ if own.is_empty() => "any".to_owned(),
        _ => own,
    };
    if let Some(format) = &schema.format {
        text += &format!(" ({format})");
    }
    text
}

fn validation(schema: &JSONSchemaProps) -> Result<String> {
    let mut said = Vec::new();
    if let Some(values) = &schema.enum_ {
        let values: Vec<String> = values
            .iter()
            .filter(|value| !value.0.is_null())
            .map(|value| Ok(code(&serde_json::to_string(&value.0)?)))
            .collect::<Result<_>>()?;
        said.push(format!("one of {}", values.join(", ")));
    }
    said.extend(schema.pattern.as_deref().map(|pattern| format!("matches {}", code(pattern))));
    let mut bound = |words: &str, number: Option<String>| {
        said.extend(number.map(|number| format!("{words} {number}")));
    };
    bound("at least", schema.minimum.map(|it| it.to_string()));
    bound("at most", schema.maximum.map(|it| it.to_string()));
    bound("characters at least", schema.min_length.map(|it| it.to_string()));
    bound("characters at most", schema.max_length.map(|it| it.to_string()));
    bound("elements at least", schema.min_items.map(|it| it.to_string()));
    bound("elements at most", schema.max_items.map(|it| it.to_string()));
    bound("keys at most", schema.max_properties.map(|it| it.to_string()));
    if let Some(list) = schema.x_kubernetes_list_type.as_deref().filter(|kind| *kind != "atomic") {
        let keys = schema.x_kubernetes_list_map_keys.clone().unwrap_or_default();
        said.push(match keys.is_empty() {
            true => format!("a {list}"),
            false => format!("a {list} by {}", keys.join(", ")),
        });
    }
    for inside in item(schema).into_iter().chain(value(schema)).filter(|it| it.properties.is_none())
    {
        said.extend(
            Some(validation(inside)?).filter(|it| !it.is_empty()).map(|it| format!("each: {it}")),
        );
    }
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        said.push(rule.message.clone().unwrap_or_else(|| code(&rule.rule)));
    }
    Ok(said.join("; "))
}
