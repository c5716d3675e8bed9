{{/* A Role or ClusterRole and its binding: dict "root" ROOT "component" NAME "account" OF "rules" RULES, and
"namespace" for a Role. Names of a Role outside the release's namespace tell the release's. */}}
{{- define "moorage.role" -}}
{{- $kind := ternary "Role" "ClusterRole" (hasKey . "namespace") -}}
{{- $name := include "moorage.component" (list .root .component) -}}
{{- if ne (.namespace | default "") .root.Release.Namespace -}}
{{- $name = include "moorage.clustername" (list .root .component) -}}
{{- end -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "moorage.labels" (list .root .component) | nindent 4 }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ $name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "moorage.labels" (list .root .component) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "moorage.component" (list .root .account) }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{/* The account, and a Role in each sessions' namespace, of files/NAME-rules.yaml: list ROOT NAME. */}}
{{- define "moorage.account" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $rules := $root.Files.Get (printf "files/%s-rules.yaml" $name) | fromYaml -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "moorage.metadata" . | nindent 2 }}
automountServiceAccountToken: false
{{- range (include "moorage.namespaces" $root | fromJson).list }}
---
{{ include "moorage.role" (dict "root" $root "component" $name "account" $name "rules" $rules.namespaced "namespace" .) }}
{{- end }}
{{- end -}}
