//! HostEndpointTemplates as a value of the chart.

use anyhow::Result;
use kube::CustomResourceExt as _;
use kubewright_hostendpoint::api::HostEndpointTemplate;
use serde_json::{Value, json};

use crate::manifests::{Settings, templates};

/// The HostEndpointTemplates of the values.
///
/// Helm leaves them when it removes the release or a value: a template that is deleted while a
/// controller runs takes the endpoints of its nodes with it, and that is for people to ask for.
pub(super) const TEMPLATES: &str = "\
{{- if .Values.hostendpoint.enabled }}
{{- range .Values.hostendpoint.templates }}
---
apiVersion: kubewright.io/v1alpha1
kind: HostEndpointTemplate
metadata:
  name: {{ .name | quote }}
  labels:
    {{- include \"kubewright.labels\" (list $ \"controllers\") | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  {{- toYaml .spec | nindent 2 }}
{{- end }}
{{- end }}
";

/// The default templates as values.
pub(super) fn defaults() -> Result<Vec<Value>> {
    templates(&Settings::default())
        .into_iter()
        .map(|made| {
            Ok(json!({ "name": made.metadata.name, "spec": serde_json::to_value(made.spec)? }))
        })
        .collect()
}

/// The schema of a template's spec, in the words of JSON Schema alone, and refusing what it does
/// not name.
pub(super) fn schema() -> Result<Value> {
    let crd = serde_json::to_value(HostEndpointTemplate::crd())?;
    let mut schema =
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
    strict(&mut schema);
    Ok(schema)
}

fn strict(schema: &mut Value) {
    let Some(entries) = schema.as_object_mut() else { return };
    entries.retain(|key, _| !key.starts_with("x-") && key != "nullable" && key != "format");
    if entries.contains_key("properties") && !entries.contains_key("additionalProperties") {
        entries.insert("additionalProperties".to_owned(), json!(false));
    }
    for key in ["items", "additionalProperties"] {
        entries.get_mut(key).into_iter().for_each(strict);
    }
    for key in ["properties", "anyOf", "allOf", "oneOf"] {
        match entries.get_mut(key) {
            Some(Value::Object(all)) => all.values_mut().for_each(strict),
            Some(Value::Array(all)) => all.iter_mut().for_each(|one| {
                // Alternatives say which fields go together, not which there are.
                if let Some(entries) = one.as_object_mut() {
                    entries.retain(|key, _| !key.starts_with("x-"));
                }
            }),
            _ => {}
        }
    }
}
