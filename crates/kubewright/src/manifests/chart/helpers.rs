//! What the templates share.

use crate::manifests::{Area, Component};

/// templates/_helpers.tpl
pub(super) fn text() -> String {
    let labels: String = Component::Controllers
        .labels()
        .iter()
        .map(|(label, value)| match label.ends_with("/component") {
            true => format!(" {label:?} (index . 1)"),
            false => format!(" {label:?} {value:?}"),
        })
        .collect();
    let chosen: String = Area::CONTROLLERS
        .iter()
        .map(|(_, name)| {
            format!(
                "{{{{- if .Values.{name}.enabled }}}}\
                 {{{{- $chosen = append $chosen {name:?} }}}}{{{{- end }}}}\n"
            )
        })
        .collect();
    format!(
        "\
{{{{- /* The image: by digest where there is one, else by tag. */}}}}
{{{{- define \"kubewright.image\" -}}}}
{{{{- if .Values.image.digest -}}}}
{{{{- printf \"%s@%s\" .Values.image.repository .Values.image.digest -}}}}
{{{{- else -}}}}
{{{{- printf \"%s:%s\" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}}}
{{{{- end -}}}}
{{{{- end }}}}

{{{{- /* Labels of an object, for a list: the top, a component, and labels of its own. Ours go before
those that somebody gives. */}}}}
{{{{- define \"kubewright.labels\" -}}}}
{{{{- $top := first . }}}}
{{{{- $labels := dict{labels} }}}}
{{{{- $_ := set $labels \"app.kubernetes.io/instance\" $top.Release.Name }}}}
{{{{- $_ := set $labels \"app.kubernetes.io/version\" $top.Chart.AppVersion }}}}
{{{{- $_ := set $labels \"app.kubernetes.io/managed-by\" $top.Release.Service }}}}
{{{{- $chart := printf \"%s-%s\" $top.Chart.Name $top.Chart.Version | replace \"+\" \"_\" }}}}
{{{{- $_ := set $labels \"helm.sh/chart\" $chart }}}}
{{{{- range slice . 2 }}}}
{{{{- $labels = merge $labels . }}}}
{{{{- end }}}}
{{{{- toYaml (merge $labels $top.Values.commonLabels) }}}}
{{{{- end }}}}

{{{{- /* The controllers that are installed. */}}}}
{{{{- define \"kubewright.controllers\" -}}}}
{{{{- $chosen := list }}}}
{chosen}{{{{- join \",\" $chosen }}}}
{{{{- end }}}}

{{{{- /* Whether the controllers must not wait for a network of pods. */}}}}
{{{{- define \"kubewright.sharesNetwork\" -}}}}
{{{{- if or .Values.hostendpoint.enabled .Values.node.enabled }}}}true{{{{- end }}}}
{{{{- end }}}}
"
    )
}
