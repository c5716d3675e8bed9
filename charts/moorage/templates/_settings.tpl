{{/*
Settings as environment variables: dict "prefix" PREFIX "settings" MAP. The map has the shape of the
part's settings, so a variable's name is the path to it. Lists of words are written with commas
between, what is deeper as JSON. (Numbers too go through JSON, since Helm reads them as floats.)
*/}}
{{- define "moorage.settings" -}}
{{- range $key, $value := .settings -}}
{{- $name := printf "%s%s" $.prefix (upper $key) -}}
{{- if kindIs "map" $value -}}
{{ include "moorage.settings" (dict "prefix" (printf "%s__" $name) "settings" $value) }}
{{- else if and (kindIs "slice" $value) (not (kindIs "map" (first $value))) -}}
{{ $name }}: {{ join "," $value | quote }}
{{ else if kindIs "string" $value -}}
{{ $name }}: {{ $value | quote }}
{{ else if not (kindIs "invalid" $value) -}}
{{ $name }}: {{ toJson $value | quote }}
{{ end -}}
{{- end -}}
{{- end -}}

{{/* A ConfigMap of settings: dict "root" ROOT "component" NAME "prefix" PREFIX "settings" MAP. */}}
{{- define "moorage.configmap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "moorage.metadata" (list .root .component) | nindent 2 }}
data:
  {{- include "moorage.settings" . | trim | nindent 2 }}
{{- end -}}
