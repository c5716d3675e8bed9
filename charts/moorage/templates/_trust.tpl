{{/* Certificate authorities of one's own: decision record 0085. */}}

{{/* What programs in the images trust; their variables name it. */}}
{{- define "moorage.ca.file" -}}
/etc/ssl/certs/ca-certificates.crt
{{- end -}}

{{/* An item of volumeMounts and of volumes; empty where the images' own are trusted. */}}
{{- define "moorage.ca.mount" -}}
{{- if .Values.caBundle.existingConfigMap -}}
- name: ca-bundle
  mountPath: {{ include "moorage.ca.file" . }}
  subPath: {{ include "moorage.ca.file" . | base }}
  readOnly: true
{{- end -}}
{{- end -}}

{{- define "moorage.ca.volume" -}}
{{- with .Values.caBundle.existingConfigMap -}}
- name: ca-bundle
  configMap:
    name: {{ . }}
    items:
      - key: {{ $.Values.caBundle.key }}
        path: {{ include "moorage.ca.file" $ | base }}
{{- end -}}
{{- end -}}
