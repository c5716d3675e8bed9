{{/* The limits of a namespace, as JSON: list ROOT NAMESPACE. */}}
{{- define "moorage.admission.limits" -}}
{{- $admission := (index . 0).Values.admission -}}
{{- $own := get $admission.namespaces (index . 1) | default dict -}}
{{- $limits := dict -}}
{{- range $key, $default := $admission.limits -}}
{{- $_ := set $limits $key (ternary (get $own $key) $default (hasKey $own $key)) -}}
{{- end -}}
{{- toJson $limits -}}
{{- end -}}

{{/* CEL for the words of a parameter: KEY. */}}
{{- define "moorage.admission.words" -}}
params.data.{{ . }}.split(' ').filter(word, word != '')
{{- end -}}

{{/* CEL for whether a variable's name may be set: NAME. */}}
{{- define "moorage.admission.name" -}}
variables.names.exists(one, {{ include "moorage.admission.like" . }}) && !variables.deniedNames.exists(one, {{ include "moorage.admission.like" . }})
{{- end -}}

{{- define "moorage.admission.like" -}}
one == {{ . }} || (one.endsWith('*') && {{ . }}.startsWith(one.substring(0, size(one) - 1)))
{{- end -}}

{{/* CEL for the sentence of a refusal: list FIELD VALUE KEY, VALUE being CEL for a string. */}}
{{- define "moorage.admission.refusal" -}}
'{{ index . 0 }}: ' + {{ index . 1 }} + ' is not allowed in this namespace; allowed: ' + (params.data.{{ index . 2 }} == '' ? 'nothing, leave it out' : params.data.{{ index . 2 }}) + ' (admission.limits.{{ index . 2 }} in the values of the chart)'
{{- end -}}

{{/* CEL for the sentence about amounts of resources: FIELD. */}}
{{- define "moorage.admission.amount" -}}
'{{ . }}: more than is allowed in this namespace (or, left out, the default is): cpu ' + params.data.maxCpu + ', memory ' + params.data.maxMemory + ', ephemeral-storage ' + params.data.maxEphemeralStorage + ' (admission.limits.maxCpu and so on in the values of the chart)'
{{- end -}}

{{/* CEL for the sentence about variables: list FIELD NAMES, NAMES being CEL for a list. */}}
{{- define "moorage.admission.env" -}}
'{{ index . 0 }}: of ' + string({{ index . 1 }}.join(' ')) + ' not all are allowed in this namespace; allowed: ' + params.data.env + ', but not: ' + params.data.deniedEnv + ' (admission.limits.env and deniedEnv in the values of the chart)'
{{- end -}}
