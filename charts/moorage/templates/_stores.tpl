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

{{/* Redis as sessions reach it; the operator puts a login of the session's own in. */}}
{{- define "moorage.redis.sessionurl" -}}
{{- if .Values.redis.bundled -}}
redis://{{ include "moorage.redis.address" . }}
{{- else -}}
{{- required "redis.external.sessionUrl must be set where redis.bundled is false" .Values.redis.external.sessionUrl -}}
{{- end -}}
{{- end -}}

{{/* Environment with a login to Redis: list ROOT VARIABLE USER. */}}
{{- define "moorage.redis.env" -}}
{{- $root := index . 0 -}}
{{- $secret := include "moorage.redis.secret" $root -}}
{{- if $root.Values.redis.bundled -}}
{{ include "moorage.secretenv" (list "REDIS_PASSWORD" $secret (printf "%s-password" (index . 2))) }}
- name: {{ index . 1 }}
  value: redis://{{ index . 2 }}:$(REDIS_PASSWORD)@{{ include "moorage.redis.address" $root }}
{{- else -}}
{{ include "moorage.secretenv" (list (index . 1) $secret (printf "%s-url" (index . 2))) }}
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
{{- end -}}
{{- end -}}

{{/* The one claim of a bundled server, as a template of a StatefulSet: VOLUME. */}}
{{- define "moorage.volumeclaim" -}}
- metadata:
    name: data
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storageClassName }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ .size }}
{{- end -}}
