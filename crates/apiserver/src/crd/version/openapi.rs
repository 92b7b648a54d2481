//! What is published of a version: OpenAPI v3 schemas for kubectl and other clients.

use serde_json::{Map, Value, json};

use super::Version;
use crate::crd::schema::metadata::OBJECT_META;

const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

impl Version {
    /// The name under which the schema is published: the group backwards, version, kind
    /// (`com.example.v1.Widget`).
    pub fn openapi_name(&self) -> String {
        let mut parts: Vec<&str> = self.group.split('.').rev().collect();
        parts.extend([self.name.as_str(), self.names.kind.as_str()]);
        parts.join(".")
    }

    /// The schema of objects. `components` is where other schemas are found:
    /// `#/components/schemas/` for v3, `#/definitions/` for v2.
    pub fn openapi(&self, components: &str) -> Value {
        let mut schema = self.raw.clone();
        publish(&mut schema, components, true);
        schema["x-kubernetes-group-version-kind"] = self.kinds(&self.names.kind);
        schema
    }

    /// The schema of lists, to be published as [`Version::openapi_name`] plus `List`.
    pub fn openapi_list(&self, components: &str) -> Value {
        let mut schema = json!({
            "description": format!("{} is a list of {}", self.names.list_kind, self.names.kind),
            "type": "object",
            "required": ["items"],
            "properties": {
                "items": {
                    "description": format!("List of {}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md", self.names.plural),
                    "type": "array",
                    "items": {"$ref": format!("{components}{}", self.openapi_name())},
                },
            },
        });
        type_meta(&mut schema["properties"]);
        schema["properties"]["metadata"] =
            reference("Standard list metadata.", components, LIST_META);
        schema["x-kubernetes-group-version-kind"] = self.kinds(&self.names.list_kind);
        schema
    }

    fn kinds(&self, kind: &str) -> Value {
        json!([{"group": self.group, "version": self.name, "kind": kind}])
    }
}

/// Adds what resources have implicitly, at the root and in embedded resources.
fn publish(schema: &mut Value, components: &str, resource: bool) {
    let embedded = schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    for name in ["items", "additionalProperties"] {
        if let Some(below) = map.get_mut(name) {
            publish(below, components, false);
        }
    }
    if let Some(Value::Object(fields)) = map.get_mut("properties") {
        fields.values_mut().for_each(|below| publish(below, components, false));
    }
    if resource || embedded {
        let fields = map.entry("properties").or_insert_with(|| Value::Object(Map::new()));
        type_meta(fields);
        fields["metadata"] = reference("Standard object's metadata.", components, OBJECT_META);
    }
}

fn type_meta(fields: &mut Value) {
    fields["apiVersion"] = json!({
        "description": "APIVersion defines the versioned schema of this representation of an object.",
        "type": "string",
    });
    fields["kind"] = json!({
        "description": "Kind is a string value representing the REST resource this object represents.",
        "type": "string",
    });
}

fn reference(description: &str, components: &str, name: &str) -> Value {
    if components.contains("components") {
        let target = json!({"$ref": format!("{components}{name}")});
        json!({"description": description, "allOf": [target]})
    } else {
        json!({"description": description, "$ref": format!("{components}{name}")})
    }
}
