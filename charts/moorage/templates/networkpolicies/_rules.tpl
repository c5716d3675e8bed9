{{/* Parts of NetworkPolicies. */}}

{{- define "moorage.egress.dns" -}}
- to:
    {{- toYaml .Values.networkPolicies.dns | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{/* To a store: list ROOT NAME PORT. External ones are where nobody here knows. */}}
{{- define "moorage.egress.store" -}}
{{- $root := index . 0 -}}
- ports:
    - {protocol: TCP, port: {{ index . 2 }}}
  {{- if (get $root.Values (index . 1)).bundled }}
  to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $root.Release.Namespace }}
      podSelector:
        matchLabels:
          {{- include "moorage.selector" (list $root (index . 1)) | nindent 10 }}
  {{- end }}
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
{{ include "moorage.egress.store" (list . "redis" 6379) }}
- ports:
    - {protocol: TCP, port: 443}
    - {protocol: TCP, port: 6443}
{{- with .Values.networkPolicies.controlPlaneEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
