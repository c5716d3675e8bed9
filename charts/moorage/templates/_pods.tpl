{{/* What all pods of the control plane have in common: they meet pod security `restricted`. */}}

{{/* list ROOT COMPONENT VALUES CHECKSUM: metadata of a component's pods. No version
is in it: a new version of the chart alone rolls nothing. */}}
{{- define "moorage.podmetadata" -}}
{{- $values := index . 2 -}}
labels:
  {{- include "moorage.selector" (list (index . 0) (index . 1)) | nindent 2 }}
  app.kubernetes.io/part-of: moorage
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/config: {{ index . 3 }}
  {{- with $values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* list ROOT COMPONENT VALUES USER: all of a pod's spec but its account, containers and volumes. */}}
{{- define "moorage.podspec" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- $user := index . 3 -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  runAsGroup: {{ $user }}
  fsGroup: {{ $user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- $class := $values.priorityClassName }}
{{- if and (not $class) $root.Values.priorityClasses.create }}
{{- $class = include "moorage.clustername" (list $root "control-plane") }}
{{- end }}
{{- with $class }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- if $values.topologySpreadConstraints }}
  {{- toYaml $values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "moorage.selector" (list $root (index $ 1)) | nindent 8 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{/* Of every container. */}}
{{- define "moorage.restricted" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Environment from a Secret's key: list VARIABLE SECRET KEY. */}}
{{- define "moorage.secretenv" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ index . 2 }}
{{- end -}}
