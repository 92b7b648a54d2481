#![allow(clippy::unwrap_used)]

use super::*;

/// The text of an object with marks, without its first line.
fn text(marks: &Marks, object: &Value) -> String {
    let text = marks.template(object).unwrap();
    text.strip_prefix("---\n").unwrap().to_owned()
}

#[test]
fn what_a_mark_replaces_is_the_default_of_its_value() {
    let mut marks = Marks::default();
    let mut object = json!({ "a": { "number": 2, "text": "t", "map": { "k": "v" } } });
    for (pointer, value) in [
        ("/a/number", "s.number"),
        ("/a/text", "s.text"),
        ("/a/map", "s.map"),
        ("/a/none", "s.none"),
    ] {
        marks.lift(&mut object, pointer, value).unwrap();
    }
    let defaults = marks.defaults();
    assert_eq!(defaults["s.number"], 2);
    assert_eq!(defaults["s.map"], json!({ "k": "v" }));
    assert_eq!(defaults["s.none"], Value::Null);
    let wanted = "\
a:
  {{- with .Values.s.map }}
  map:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.s.none }}
  none:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  number: {{ .Values.s.number }}
  text: {{ .Values.s.text | quote }}
";
    assert_eq!(text(&marks, &object), wanted);
}

#[test]
fn items_are_there_under_their_conditions() {
    let mut marks = Marks::default();
    let name = marks.expression(".Release.Name");
    let object = json!({ "args": [
        format!("--name={name}"),
        marks.when(".Values.on", "--on"),
        marks.items("more"),
    ] });
    let wanted = "\
args:
- --name={{ .Release.Name }}
{{- if .Values.on }}
- --on
{{- end }}
{{- with .Values.more }}
{{- toYaml . | nindent 0 }}
{{- end }}
";
    assert_eq!(text(&marks, &object), wanted);
}

/// A name that looks like a template would be one.
#[test]
fn what_a_template_would_misread_is_refused() {
    let marks = Marks::default();
    let error = marks.template(&json!({ "a": "{{ .Values }}" })).unwrap_err();
    assert!(error.to_string().contains("would take"), "{error}");
    let error = Marks::default().lift(&mut json!({}), "/a/b", "v").unwrap_err();
    assert!(error.to_string().contains("no /a/b"), "{error}");
}

/// Whatever its schema says of a default, the default keeps to it: Helm refuses the chart otherwise.
#[test]
fn the_schema_names_every_value_and_nothing_else() {
    let files: std::collections::BTreeMap<_, _> = files().unwrap().into_iter().collect();
    let values: Value = serde_saphyr::from_str(&files["values.yaml"]).unwrap();
    let schema: Value = serde_json::from_str(&files["values.schema.json"]).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut sections = names(&schema["properties"]);
    sections.retain(|name| name != "global");
    assert_eq!(sections, names(&values));
    for section in sections {
        let below = &schema["properties"][&section];
        if below.get("properties").is_some() {
            assert_eq!(names(&below["properties"]), names(&values[&section]), "{section}");
            assert_eq!(below["additionalProperties"], false, "{section}");
        }
    }
    for path in files.keys() {
        assert!(!path.starts_with('/') && !path.contains(".."), "{path}");
    }
}

/// k3s has folders of its own. What `install` writes for the plugin that the runtime calls names
/// them, and so does what the agent hands to plugins in the root of the node.
#[test]
fn the_nodes_folders_are_the_same_everywhere() {
    let files: std::collections::BTreeMap<_, _> = files().unwrap().into_iter().collect();
    let podnet = &files["templates/podnet.yaml"];
    for (value, places) in [
        ("cniBinDir", ["- mountPath: ", "path: ", "value: ", "value: "].as_slice()),
        ("cniConfDir", &["- mountPath: ", "- mountPath: ", "path: ", "value: ", "value: "]),
    ] {
        let mark = format!("{{{{ .Values.podnet.{value} | quote }}}}");
        let mut found: Vec<_> =
            podnet.lines().filter_map(|line| line.trim().strip_suffix(&mark)).collect();
        found.sort_unstable();
        assert_eq!(found, places, "{value}");
    }
    for default in ["/opt/cni/bin", "/etc/cni/net.d"] {
        assert!(!podnet.contains(default), "{default} stays whatever the values say");
    }
}
