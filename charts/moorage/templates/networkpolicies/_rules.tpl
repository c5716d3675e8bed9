{{/* Parts of NetworkPolicies. */}}

{{- define "moorage.egress.dns" -}}
- to:
    {{- toYaml .Values.networkPolicies.dns | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{/*
To a store: list ROOT NAME PORT URLS. A bundled one has that port; of an external one the URLs that
stand in the values tell it.
*/}}
{{- define "moorage.egress.store" -}}
{{- $root := index . 0 -}}
{{- $store := get $root.Values (index . 1) -}}
{{- $ports := list -}}
{{- if not $store.bundled -}}
{{- range index . 3 | compact -}}
{{- $ports = append $ports (regexFind ":[0-9]+([/?]|$)" (last (splitList "@" .)) | trimAll ":/?" | default (index $ 2 | toString)) -}}
{{- end -}}
{{- end -}}
- ports:
    {{- range $ports | default (list (index . 2)) | uniq | sortAlpha }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- if $store.bundled }}
  to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $root.Release.Namespace }}
      podSelector:
        matchLabels:
          {{- include "moorage.selector" (list $root (index . 1)) | nindent 10 }}
  {{- else }}
  {{- with $store.external.peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{/* To PostgreSQL. An external one without peers may be anywhere: only trusted pods have this rule. */}}
{{- define "moorage.egress.postgres" -}}
{{- include "moorage.egress.store" (list . "postgres" 5432 (list .Values.postgres.external.url)) -}}
{{- end -}}

{{/* Who may read metrics: PORT in ROOT. */}}
{{- define "moorage.ingress.metrics" -}}
- ports:
    - {protocol: TCP, port: metrics}
  from:
    {{- toYaml (.Values.networkPolicies.scrapers | default (list (dict "namespaceSelector" dict))) | nindent 4 }}
{{- end -}}

{{/* The public addresses. */}}
{{- define "moorage.public" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except:
      {{- toYaml .Values.networkPolicies.private | nindent 6 }}
{{- end -}}

{{/* Head of a policy for a component's pods: list ROOT COMPONENT. */}}
{{- define "moorage.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "moorage.metadata" . | nindent 2 }}
spec:
  policyTypes: [Ingress, Egress]
  podSelector:
    matchLabels:
      {{- include "moorage.selector" . | nindent 6 }}
{{- end -}}

{{/* A component of this release, as a peer: list ROOT COMPONENT. */}}
{{- define "moorage.peer" -}}
- podSelector:
    matchLabels:
      {{- include "moorage.selector" . | nindent 6 }}
{{- end -}}

{{/* All sessions, as a peer. */}}
{{- define "moorage.peer.sessions" -}}
- namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values:
          {{- toYaml (include "moorage.namespaces" . | fromJson).list | nindent 10 }}
  podSelector:
    matchLabels:
      app.kubernetes.io/component: session
{{- end -}}

{{- /* The API server has no labels, and its address is not known here: its ports have to do. */ -}}
{{- define "moorage.egress.process" -}}
{{ include "moorage.egress.dns" . }}
{{- $redis := .Values.redis.external }}
{{ include "moorage.egress.store" (list . "redis" 6379 (list $redis.sessionUrl $redis.operatorUrl $redis.gatewayUrl $redis.proxyUrl)) }}
- ports:
    - {protocol: TCP, port: 443}
    - {protocol: TCP, port: 6443}
{{- with .Values.networkPolicies.controlPlaneEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
