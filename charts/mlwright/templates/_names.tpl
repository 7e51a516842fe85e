{{/* Name of the application, for labels. */}}
{{- define "mlwright.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of the objects: the release's, with the application's unless it is part of it. 50 leaves room for suffixes. */}}
{{- define "mlwright.fullname" -}}
{{- $name := include "mlwright.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of objects without a namespace. Releases of one name may exist in several namespaces, whose names hold no dot. */}}
{{- define "mlwright.clusterName" -}}
{{- printf "%s.%s" (include "mlwright.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "mlwright.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "mlwright.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.create is false and serviceAccount.name is empty: name the account that exists, or let the chart create one" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change, by which Deployment and Service find the pods. */}}
{{- define "mlwright.selector" -}}
app.kubernetes.io/name: {{ include "mlwright.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "mlwright.labels" -}}
{{ include "mlwright.selector" . }}
app.kubernetes.io/part-of: mlwright
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{/* Role of routers, which the operator binds in each namespace that has one. */}}
{{- define "mlwright.routerRole" -}}
{{- printf "%s-router" (ternary (include "mlwright.fullname" .) (include "mlwright.clusterName" .) (ne .Values.watchNamespace "")) -}}
{{- end -}}
