{{- define "mlwright.prometheus.selector" -}}
app.kubernetes.io/name: {{ include "mlwright.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: prometheus
{{- end -}}

{{- define "mlwright.prometheus.labels" -}}
{{ include "mlwright.prometheus.selector" . }}
app.kubernetes.io/part-of: mlwright
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{/* Which Prometheus the operator asks: the user's before the embedded one. */}}
{{- define "mlwright.prometheus.url" -}}
{{- if .Values.prometheus.url -}}
{{- .Values.prometheus.url -}}
{{- else if .Values.prometheus.embedded.enabled -}}
{{- printf "http://%s-prometheus.%s:9090" (include "mlwright.fullname" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{/* Debian's Prometheus cannot ask the API server, so the operator tells it which pods there are. What pods say of themselves
goes into no label that the operator trusts: a label namespace or pod of their own is renamed. */}}
{{- define "mlwright.prometheus.configuration" -}}
global:
  scrape_interval: {{ .Values.prometheus.embedded.scrapeInterval }}
  scrape_timeout: {{ .Values.prometheus.embedded.scrapeInterval }}
scrape_configs:
  - job_name: mlwright-models
    honor_labels: false
    sample_limit: 20000
    label_limit: 32
    label_value_length_limit: 512
    tls_config: {insecure_skip_verify: true} # as the kubelet does: the certificate is for clients, which ask by another name
    http_sd_configs:
      - url: http://{{ include "mlwright.fullname" . }}-targets.{{ .Release.Namespace }}:8081/targets
        refresh_interval: 3s
{{- end -}}
