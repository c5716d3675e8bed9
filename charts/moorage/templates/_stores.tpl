{{/* Where Redis and PostgreSQL are, and with which login. */}}

{{- define "moorage.redis.secret" -}}
{{- $redis := .Values.redis -}}
{{- if $redis.bundled -}}
{{- default (include "moorage.component" (list . "redis")) $redis.auth.existingSecret -}}
{{- else -}}
{{- default (include "moorage.component" (list . "redis")) $redis.external.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "moorage.postgres.secret" -}}
{{- $postgres := .Values.postgres -}}
{{- if $postgres.bundled -}}
{{- default (include "moorage.component" (list . "postgres")) $postgres.auth.existingSecret -}}
{{- else -}}
{{- default (include "moorage.component" (list . "postgres")) $postgres.external.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* The bundled Redis, as everybody reaches it. */}}
{{- define "moorage.redis.address" -}}
{{- printf "%s.%s.svc:6379/0" (include "moorage.component" (list . "redis")) .Release.Namespace -}}
{{- end -}}

{{- define "moorage.redis.scheme" -}}
{{- ternary "rediss" "redis" (ne .Values.redis.tls.existingSecret "") -}}
{{- end -}}

{{/* Redis as sessions reach it; the operator puts a login of the session's own in. */}}
{{- define "moorage.redis.sessionurl" -}}
{{- if .Values.redis.bundled -}}
{{ include "moorage.redis.scheme" . }}://{{ include "moorage.redis.address" . }}
{{- else -}}
{{- $url := required "redis.external.sessionUrl must be set where redis.bundled is false" .Values.redis.external.sessionUrl -}}
{{- if and .Values.redis.tls.existingSecret (not (hasPrefix "rediss://" $url)) -}}
{{- fail "redis.external.sessionUrl must begin with rediss:// where redis.tls.existingSecret is set: sessions would talk without TLS" -}}
{{- end -}}
{{- $url -}}
{{- end -}}
{{- end -}}

{{/* Environment with a login to Redis: list ROOT VARIABLE USER. */}}
{{- define "moorage.redis.env" -}}
{{- $root := index . 0 -}}
{{- $secret := include "moorage.redis.secret" $root -}}
{{- if $root.Values.redis.bundled -}}
{{ include "moorage.secretenv" (list "REDIS_PASSWORD" $secret (printf "%s-password" (index . 2))) }}
- name: {{ index . 1 }}
  value: {{ include "moorage.redis.scheme" $root }}://{{ index . 2 }}:$(REDIS_PASSWORD)@{{ include "moorage.redis.address" $root }}
{{- else -}}
{{ include "moorage.secretenv" (list (index . 1) $secret (printf "%s-url" (index . 2))) }}
{{- end -}}
{{- $prefix := printf "%s__TLS__" (trimSuffix "_URL" (index . 1) | trimSuffix "_") }}
{{- if $root.Values.redis.tls.existingSecret }}
- name: {{ $prefix }}CA_FILE
  value: /secrets/redis/ca.crt
{{- if include "moorage.redis.clientcertificate" $root }}
- name: {{ $prefix }}CERT_FILE
  value: /secrets/redis/tls.crt
- name: {{ $prefix }}KEY_FILE
  value: /secrets/redis/tls.key
{{- end }}
{{- end }}
{{- end -}}

{{/* Not empty: the control plane shows Redis a certificate. The bundled one wants none. */}}
{{- define "moorage.redis.clientcertificate" -}}
{{- if and .Values.redis.tls.clientCertificate (not .Values.redis.bundled) }}yes{{ end -}}
{{- end -}}

{{/* What "moorage.redis.env" names, as an item of volumeMounts and of volumes; empty without TLS. */}}
{{- define "moorage.redis.tls.mount" -}}
{{- if .Values.redis.tls.existingSecret -}}
- name: redis-tls
  mountPath: /secrets/redis
  readOnly: true
{{- end -}}
{{- end -}}

{{- define "moorage.redis.tls.volume" -}}
{{- with .Values.redis.tls.existingSecret -}}
- name: redis-tls
  secret:
    secretName: {{ . }}
    defaultMode: 288
    items:
      - key: ca.crt
        path: ca.crt
      {{- if include "moorage.redis.clientcertificate" $ }}
      - key: tls.crt
        path: tls.crt
      - key: tls.key
        path: tls.key
      {{- end }}
{{- end -}}
{{- end -}}

{{/* Environment with a login to PostgreSQL. */}}
{{- define "moorage.postgres.env" -}}
{{- $secret := include "moorage.postgres.secret" . -}}
{{- if .Values.postgres.bundled -}}
{{ include "moorage.secretenv" (list "POSTGRES_PASSWORD" $secret "password") }}
- name: MOORAGE_DATABASE_URL
  value: postgresql+asyncpg://moorage:$(POSTGRES_PASSWORD)@{{ include "moorage.component" (list . "postgres") }}.{{ .Release.Namespace }}.svc:5432/moorage
{{- else -}}
{{ include "moorage.secretenv" (list "MOORAGE_DATABASE_URL" $secret "url") }}
{{- if .Values.caBundle.existingConfigMap }}
- name: PGSSLROOTCERT
  value: {{ include "moorage.ca.file" . }}
{{- end }}
{{- end -}}
{{- end -}}

{{/*
The one claim of a bundled server, as a template of a StatefulSet: list ROOT COMPONENT. The API server
changes no such template, which is told before anything else is changed.
*/}}
{{- define "moorage.volumeclaim" -}}
{{- $root := index . 0 -}}
{{- $volume := (get $root.Values (index . 1)).volume -}}
{{- $name := include "moorage.component" . -}}
{{- with lookup "apps/v1" "StatefulSet" $root.Release.Namespace $name -}}
{{- $spec := (first .spec.volumeClaimTemplates).spec -}}
{{- $size := $spec.resources.requests.storage -}}
{{- $class := $spec.storageClassName | default "" -}}
{{- $command := printf "kubectl delete statefulset %s -n %s --cascade=orphan" $name $root.Release.Namespace -}}
{{- if ne (include "moorage.bytes" $size) (include "moorage.bytes" $volume.size) -}}
{{- include "moorage.unchangeable" (list (printf "%s.volume.size" (index $ 1)) $size $command) -}}
{{- end -}}
{{- if ne $class $volume.storageClassName -}}
{{- include "moorage.unchangeable" (list (printf "%s.volume.storageClassName" (index $ 1)) ($class | default "the cluster's default") $command) -}}
{{- end -}}
{{- end -}}
- metadata:
    name: data
  spec:
    accessModes: [ReadWriteOnce]
    {{- with $volume.storageClassName }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ $volume.size }}
{{- end -}}

{{/* How many bytes a size is, since the API server writes 2048Mi as 2Gi. */}}
{{- define "moorage.bytes" -}}
{{- $units := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15
  "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 -}}
{{- $unit := regexFind "[A-Za-z]*$" . -}}
{{- mulf (trimSuffix $unit .) (get $units $unit) -}}
{{- end -}}
