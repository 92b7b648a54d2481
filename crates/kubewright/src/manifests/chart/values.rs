//! The values of the chart: what each means, what it is by default and what it may be.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::output;

/// One value, named by its section and itself.
pub(super) struct Setting {
    pub(super) path: &'static str,
    pub(super) about: &'static str,
    pub(super) default: Value,
    schema: Value,
}

/// What sections are for.
const SECTIONS: &[(&str, &str)] = &[
    ("image", "The image that holds kubewright."),
    ("hostendpoint", "Calico HostEndpoints for nodes, and the rights of the boot guard."),
    ("peerpod", "Capacity for peer pods, their adaptor and their webhook."),
    ("node", "Requests of nodes for certificates, answered as a policy says."),
    ("podnet", "Networks of running pods: an agent on each node."),
    ("console", "Roles for the users of the console."),
    ("controllers", "The Deployment that runs the controllers of the areas."),
    ("podDisruptionBudget", "How many controllers may be missing while nodes are drained: one."),
    ("networkPolicy", "Who may speak to the controllers and the webhook, and to whom they may."),
    ("serviceMonitor", "For the Prometheus operator: how metrics are found."),
    ("dashboard", "The Grafana dashboard, as a ConfigMap."),
];

/// All values. `lifted` are the defaults that the objects gave; `templates` those of HostEndpoints,
/// and `template` the schema of one's spec.
pub(super) fn settings(
    lifted: &BTreeMap<&'static str, Value>,
    repository: &str,
    templates: Value,
    template: Value,
) -> Result<Vec<Setting>> {
    let strings = || json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let list = |items: Value| json!({ "type": "array", "items": items });
    let boolean = || json!({ "type": "boolean" });
    let string = || json!({ "type": "string" });
    let name = || json!({ "type": "string", "minLength": 1 });
    let path = || json!({ "type": "string", "pattern": "^/" });
    let on = |path, about| Setting { path, about, default: json!(true), schema: boolean() };
    let off = |path, about| Setting { path, about, default: json!(false), schema: boolean() };
    let given = |path, about, default, schema| Setting { path, about, default, schema };
    // What is empty stands in no object.
    let of_object = |path: &'static str, about, empty: Value, schema| -> Result<Setting> {
        let default = lifted.get(path).with_context(|| format!("no object has {path}"))?.clone();
        let default = if default.is_null() { empty } else { default };
        Ok(Setting { path, about, default, schema })
    };
    let template = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "spec"],
        "properties": { "name": name(), "spec": template },
    });
    Ok(vec![
        given("image.repository", "Where the image is.", json!(repository), name()),
        given("image.tag", "Its tag; that of this chart where it is empty.", json!(""), string()),
        given(
            "image.digest",
            "Its digest, as in sha256:…, which goes before the tag.",
            json!(""),
            json!({ "type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$" }),
        ),
        given(
            "image.pullPolicy",
            "When it is pulled; as Kubernetes has it where it is empty.",
            json!(""),
            json!({ "enum": ["", "Always", "IfNotPresent", "Never"] }),
        ),
        given(
            "imagePullSecrets",
            "Secrets to pull it with.",
            json!([]),
            list(json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["name"],
                "properties": { "name": name() },
            })),
        ),
        given("commonLabels", "Labels for all objects.", json!({}), strings()),
        given(
            "logLevel",
            "A level (error, warn, info, debug, trace), or directives such as info,kube=debug.",
            json!("info"),
            name(),
        ),
        on("hostendpoint.enabled", "Whether it is installed."),
        given("hostendpoint.templates", "The HostEndpointTemplates.", templates, list(template)),
        on("peerpod.enabled", "Whether it is installed."),
        on("peerpod.webhook", "Whether the controller deploys the webhook that configs ask for."),
        on("node.enabled", "Whether it is installed."),
        on("podnet.enabled", "Whether it is installed."),
        of_object(
            "podnet.plugin",
            "What becomes of the CNI plugin on each node: install, or, before the chart is removed, uninstall.",
            Value::Null,
            json!({ "enum": ["install", "uninstall"] }),
        )?,
        of_object("podnet.cniBinDir", "Where the nodes have CNI plugins.", Value::Null, path())?,
        of_object(
            "podnet.cniConfDir",
            "Where the nodes have CNI configurations.",
            Value::Null,
            path(),
        )?,
        given(
            "podnet.policy",
            "Whether a policy lets each agent change pods of its own node only; for Kubernetes 1.30 or newer.",
            json!(false),
            json!({ "type": "boolean" }),
        ),
        given("podnet.extraArgs", "More arguments of the agent.", json!([]), list(name())),
        given(
            "podnet.extraVolumes",
            "More volumes of its pods, for a runtime whose socket is elsewhere, for example.",
            json!([]),
            list(json!({
                "type": "object",
                "required": ["name"],
                "properties": { "name": name() },
            })),
        ),
        given(
            "podnet.extraVolumeMounts",
            "Where the agent has them.",
            json!([]),
            list(volume_mount()),
        ),
        of_object(
            "podnet.updateStrategy",
            "How agents are replaced.",
            json!({}),
            update_strategy(),
        )?,
        of_object("podnet.resources", "What an agent gets.", json!({}), resources())?,
        of_object("podnet.nodeSelector", "Nodes that have an agent.", json!({}), strings())?,
        of_object(
            "podnet.tolerations",
            "Taints that do not keep it away.",
            json!([]),
            list(toleration()),
        )?,
        of_object("podnet.affinity", "Where else it may run.", json!({}), affinity())?,
        of_object("podnet.podAnnotations", "Annotations of its pods.", json!({}), strings())?,
        of_object("podnet.priorityClassName", "Its priority.", Value::Null, string())?,
        on("console.enabled", "Whether there are ClusterRoles for them. Nobody is bound to one."),
        of_object(
            "controllers.replicas",
            "How many run at the same time; one of them leads.",
            Value::Null,
            json!({ "type": "integer", "minimum": 0 }),
        )?,
        given("controllers.extraArgs", "More arguments.", json!([]), list(name())),
        of_object("controllers.resources", "What each gets.", json!({}), resources())?,
        of_object("controllers.nodeSelector", "Where they run.", json!({}), strings())?,
        of_object(
            "controllers.tolerations",
            "Taints that do not keep them away.",
            json!([]),
            list(toleration()),
        )?,
        of_object("controllers.affinity", "Where else they run: apart.", json!({}), affinity())?,
        of_object(
            "controllers.podAnnotations",
            "Annotations of their pods.",
            json!({}),
            strings(),
        )?,
        of_object("controllers.priorityClassName", "Their priority.", Value::Null, string())?,
        on("podDisruptionBudget.enabled", "Whether there is one."),
        on("networkPolicy.enabled", "Whether there are NetworkPolicies."),
        given(
            "networkPolicy.apiServerPorts",
            "Ports of the API servers, behind and before their Service.",
            json!(super::super::traffic::API_SERVER_PORTS),
            list(json!({ "type": "integer", "minimum": 1, "maximum": 65535 })),
        ),
        off("serviceMonitor.enabled", "Whether there are Services and ServiceMonitors."),
        of_object(
            "serviceMonitor.interval",
            "How often metrics are asked for.",
            Value::Null,
            json!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$" }),
        )?,
        given(
            "serviceMonitor.labels",
            "Labels by which Prometheus chooses ServiceMonitors.",
            json!({}),
            strings(),
        ),
        off("dashboard.enabled", "Whether there is one."),
        of_object(
            "dashboard.labels",
            "Labels by which Grafana's sidecar finds it.",
            json!({}),
            strings(),
        )?,
    ])
}

fn resources() -> Value {
    let amounts = json!({
        "type": "object",
        "additionalProperties": { "type": ["string", "number"] },
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": { "limits": amounts, "requests": amounts },
    })
}

fn toleration() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "key": { "type": "string" },
            "operator": { "enum": ["Exists", "Equal"] },
            "value": { "type": "string" },
            "effect": { "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"] },
            "tolerationSeconds": { "type": "integer" },
        },
    })
}

fn volume_mount() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "mountPath"],
        "properties": {
            "name": text,
            "mountPath": { "type": "string", "pattern": "^/" },
            "readOnly": { "type": "boolean" },
            "mountPropagation": { "enum": ["None", "HostToContainer", "Bidirectional"] },
            "subPath": text,
        },
    })
}

fn affinity() -> Value {
    let any = json!({ "type": "object" });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": { "nodeAffinity": any, "podAffinity": any, "podAntiAffinity": any },
    })
}

fn update_strategy() -> Value {
    let amount = json!({ "type": ["string", "integer"] });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "type": { "enum": ["RollingUpdate", "OnDelete"] },
            "rollingUpdate": {
                "type": "object",
                "additionalProperties": false,
                "properties": { "maxUnavailable": amount, "maxSurge": amount },
            },
        },
    })
}

/// values.yaml
pub(super) fn yaml(settings: &[Setting]) -> Result<String> {
    let mut text = String::new();
    let mut open = None;
    for setting in settings {
        let (section, name) = parts(setting.path);
        if section != open {
            text.push('\n');
            if let Some(section) = section {
                text += &format!("# {}\n{section}:\n", section_about(section)?);
            }
            open = section;
        }
        let space = if section.is_some() { "  " } else { "" };
        text += &format!("{space}# {}\n", setting.about);
        for line in output::yaml(&json!({ name: setting.default }))?.lines() {
            text += &format!("{space}{line}\n");
        }
    }
    Ok(text)
}

/// values.schema.json: what is not named there is refused.
pub(super) fn schema(settings: &[Setting]) -> Result<String> {
    // Charts that have this one in them set it for all.
    let mut top = Map::from_iter([("global".to_owned(), json!({ "type": "object" }))]);
    for setting in settings {
        let mut schema = setting.schema.clone();
        schema["description"] = json!(setting.about);
        match parts(setting.path) {
            (None, name) => drop(top.insert(name.to_owned(), schema)),
            (Some(section), name) => {
                let about = section_about(section)?;
                let section = top.entry(section).or_insert_with(|| {
                    json!({
                        "type": "object",
                        "description": about,
                        "additionalProperties": false,
                        "properties": {},
                    })
                });
                section["properties"][name] = schema;
            }
        }
    }
    output::json(&json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the kubewright chart",
        "type": "object",
        "additionalProperties": false,
        "properties": top,
    }))
}

/// The table of the README.
pub(super) fn table(settings: &[Setting]) -> String {
    let mut text = "| value | default | what it is |\n|---|---|---|\n".to_owned();
    for Setting { path, about, default, .. } in settings {
        let default = default.to_string();
        // The long ones can be read in values.yaml.
        let default =
            if default.len() > 60 { "see values.yaml".into() } else { format!("`{default}`") };
        text += &format!("| `{path}` | {default} | {about} |\n");
    }
    text
}

fn parts(path: &'static str) -> (Option<&'static str>, &'static str) {
    match path.split_once('.') {
        Some((section, name)) => (Some(section), name),
        None => (None, path),
    }
}

fn section_about(name: &str) -> Result<&'static str> {
    let found = SECTIONS.iter().find(|(section, _)| *section == name);
    found.map(|(_, about)| *about).with_context(|| format!("nothing is said about {name}"))
}
