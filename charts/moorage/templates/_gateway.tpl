{{/* What gateway, recorder and migration have in common: the image, the settings, the logins. */}}

{{- define "moorage.gateway.checksum" -}}
{{- include "moorage.checksum" (list . "gateway/configmap.yaml" "redis/secret.yaml" "postgres/secret.yaml") -}}
{{- end -}}

{{- define "moorage.gateway.container" -}}
image: {{ include "moorage.image" (list . "gateway") }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
{{ include "moorage.restricted" . }}
envFrom:
  - configMapRef:
      name: {{ include "moorage.component" (list . "gateway") }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- range list "moorage.redis.tls.mount" "moorage.ca.mount" }}
  {{- with include . $ }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "moorage.gateway.env" -}}
{{ include "moorage.redis.env" (list . "MOORAGE_REDIS_URL" "gateway") }}
{{ include "moorage.postgres.env" . }}
{{- end -}}

{{/* Pods that use the tables wait here until the migration's Job has brought them to their version. */}}
{{- define "moorage.gateway.wait" -}}
- name: tables
  {{- include "moorage.gateway.container" . | nindent 2 }}
  args: [migrate, --check, --patience, "600"]
  env:
    {{- include "moorage.gateway.env" . | nindent 4 }}
  resources:
    requests:
      cpu: 10m
      memory: 96Mi
    limits:
      memory: 256Mi
{{- end -}}

{{- define "moorage.gateway.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- range list "moorage.redis.tls.volume" "moorage.ca.volume" }}
{{- with include . $ }}
{{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The Job that brings the tables to this version, once, however many gateways wait for it. */}}
{{- define "moorage.migration.spec" -}}
backoffLimit: 6
template:
  metadata:
    {{- include "moorage.podmetadata" (list . "migration" .Values.gateway (include "moorage.gateway.checksum" .)) | nindent 4 }}
  spec:
    {{- include "moorage.podspec" (list . "migration" .Values.gateway 64103) | nindent 4 }}
    automountServiceAccountToken: false
    restartPolicy: OnFailure
    containers:
      - name: migration
        {{- include "moorage.gateway.container" . | nindent 8 }}
        args: [migrate, --patience, "600"]
        env:
          {{- include "moorage.gateway.env" . | nindent 10 }}
        resources:
          requests:
            cpu: 50m
            memory: 128Mi
          limits:
            memory: 512Mi
    volumes:
      {{- include "moorage.gateway.volumes" . | nindent 6 }}
{{- end -}}

{{/* Requests to names that are not listed are refused, and a pod's address is none. */}}
{{- define "moorage.gateway.probes" -}}
startupProbe:
  httpGet: &live
    path: /api/claude-code/health/live
    port: http
    httpHeaders:
      - name: Host
        value: localhost
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 120
livenessProbe:
  httpGet: *live
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet:
    path: /api/claude-code/health/ready
    port: http
    httpHeaders:
      - name: Host
        value: localhost
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}
