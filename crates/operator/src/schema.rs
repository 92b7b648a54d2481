//! Parts of CRD schemas that are written by hand.

use schemars::{Schema, SchemaGenerator, json_schema};

/// `metav1.LabelSelector` with its list types declared, which the generated
/// schema of k8s-openapi leaves out.
pub fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "Kubernetes label selector; an empty one selects everything.",
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object",
                "additionalProperties": {"type": "string"},
            },
            "matchExpressions": {
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {"type": "string", "minLength": 1},
                        "operator": {
                            "type": "string",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "type": "array",
                            "x-kubernetes-list-type": "atomic",
                            "items": {"type": "string"},
                        },
                    },
                },
            },
        },
    })
}

/// An object with any fields, for fields that had several shapes in their history.
pub fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// `corev1.ResourceRequirements` without claims, and without the essay on quantities that the
/// generated schema of k8s-openapi repeats for each of its fields.
pub fn resources(_: &mut SchemaGenerator) -> Schema {
    let amounts = json_schema!({
        "type": "object",
        "additionalProperties": {
            "x-kubernetes-int-or-string": true,
            "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
        },
    });
    json_schema!({
        "description": "Kubernetes resource requests and limits, by resource name.",
        "type": "object",
        "properties": {"requests": amounts, "limits": amounts},
    })
}
