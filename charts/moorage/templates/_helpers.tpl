{{/* Names, labels and images: each in one place. */}}

{{- define "moorage.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* What all names begin with: the release's name, unless that says it already. */}}
{{- define "moorage.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "moorage.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "moorage.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of an object of a component: list ROOT COMPONENT. */}}
{{- define "moorage.component" -}}
{{- printf "%s-%s" (include "moorage.fullname" (index . 0)) (index . 1) -}}
{{- end -}}

{{/* The name of an object of the whole cluster, of which another release has its own. */}}
{{- define "moorage.clustername" -}}
{{- printf "%s-%s" (index . 0).Release.Namespace (include "moorage.component" .) -}}
{{- end -}}

{{/* Labels that select a component's pods, and never change: list ROOT COMPONENT. */}}
{{- define "moorage.selector" -}}
app.kubernetes.io/name: {{ include "moorage.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of every object: list ROOT COMPONENT. */}}
{{- define "moorage.labels" -}}
{{ include "moorage.selector" . }}
app.kubernetes.io/part-of: moorage
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name, namespace and labels: list ROOT COMPONENT. */}}
{{- define "moorage.metadata" -}}
name: {{ include "moorage.component" . }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "moorage.labels" . | nindent 2 }}
{{- end -}}

{{/* One of Moorage's images: list ROOT NAME. A name with a tag or digest is whole. */}}
{{- define "moorage.image" -}}
{{- $images := (index . 0).Values.images -}}
{{- $name := get $images (index . 1) -}}
{{- if or (contains "@" $name) (contains ":" (base $name)) -}}
{{- $name -}}
{{- else -}}
{{- $tag := default (index . 0).Chart.AppVersion $images.tag -}}
{{- with $images.registry }}{{ trimSuffix "/" . }}/{{ end }}{{ $name }}:{{ $tag -}}
{{- end -}}
{{- end -}}

{{/* The namespaces of sessions, as JSON with the one key `list`. */}}
{{- define "moorage.namespaces" -}}
{{- dict "list" (prepend .Values.sessions.additionalNamespaces .Values.sessions.namespace | uniq) | toJson -}}
{{- end -}}

{{/*
A password in base64: list ROOT SECRET KEY. That of the cluster, else a new one, which is kept beside
the values while rendering, so that whoever asks again gets the same.
*/}}
{{- define "moorage.password" -}}
{{- $root := index . 0 -}}
{{- if not (hasKey $root.Values "made") }}{{ $_ := set $root.Values "made" dict }}{{ end -}}
{{- $name := printf "%s/%s" (index . 1) (index . 2) -}}
{{- if not (hasKey $root.Values.made $name) -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace (index . 1) -}}
{{- $kept := get (($found).data | default dict) (index . 2) -}}
{{- $_ := set $root.Values.made $name ($kept | default (randAlphaNum 40 | b64enc)) -}}
{{- end -}}
{{- get $root.Values.made $name -}}
{{- end -}}

{{/*
A digest of what ConfigMaps and Secrets hold, by their templates: list ROOT TEMPLATE... It is an
annotation of pods, which are exchanged when it changes. Labels do not count: they tell the version.
*/}}
{{- define "moorage.checksum" -}}
{{- $root := first . -}}
{{- $data := list -}}
{{- range rest . -}}
{{- $data = append $data (include (printf "%s/%s" $root.Template.BasePath .) $root | fromYaml).data -}}
{{- end -}}
{{- toJson $data | sha256sum -}}
{{- end -}}

{{/* Refuses a value that the API server does not change: list VALUE WHAT-IT-IS COMMAND. */}}
{{- define "moorage.unchangeable" -}}
{{- fail (printf "%s cannot be changed, it is %v in the cluster: leave it so, or first run `%s`, as docs/install.md says under Upgrading" (index . 0) (index . 1) (index . 2)) -}}
{{- end -}}
