{{/* The name of every object: the release's, or what the user wants. Room is left for suffixes. */}}
{{- define "orion-operator.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "orion-operator.serviceAccount" -}}
{{- default (include "orion-operator.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* What tells this installation's pods from those of another one; never changes. */}}
{{- define "orion-operator.selector" -}}
app.kubernetes.io/name: orion-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "orion-operator.labels" -}}
{{ include "orion-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "orion-operator.image" -}}
{{- with .Values.image -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "orion-operator.storekeeper" -}}
{{- with .Values.storekeeper -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end -}}
{{- end -}}

{{/* The one namespace that is watched, unless all are. */}}
{{- define "orion-operator.namespace" -}}
{{- default .Release.Namespace .Values.watch.namespace -}}
{{- end -}}
