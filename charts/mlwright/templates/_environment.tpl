{{/* Settings of the operator as environment variables; a test compares them with the code, both ways. */}}
{{- define "mlwright.environment" -}}
- name: MLWRIGHT_TRAINER_IMAGE
  value: {{ include "mlwright.image" (list . "trainer") | quote }}
- name: MLWRIGHT_SERVER_IMAGE
  value: {{ include "mlwright.image" (list . "server") | quote }}
- name: MLWRIGHT_ROUTER_IMAGE
  value: {{ include "mlwright.image" (list . "router") | quote }}
- name: MLWRIGHT_ROUTER_ROLE
  value: {{ include "mlwright.routerRole" . }}
- name: MLWRIGHT_TRAFFIC_PROVIDER
  value: {{ include "mlwright.trafficProvider" . }}
- name: MLWRIGHT_NETWORK_POLICY
  value: {{ .Values.networkPolicy.enabled | quote }}
- name: MLWRIGHT_NETWORK_POLICY_FROM
  value: {{ include "mlwright.networkPolicyFrom" . | quote }}
- name: MLWRIGHT_NETWORK_POLICY_GATEWAYS
  value: {{ .Values.networkPolicy.gateways | toJson | quote }}
- name: MLWRIGHT_IMAGE_PULL_POLICY
  value: {{ .Values.imagePullPolicy | quote }}
- name: MLWRIGHT_ARTIFACTS_URI
  value: {{ include "mlwright.artifacts" . | quote }}
- name: MLWRIGHT_NAMESPACE
  value: {{ .Values.watchNamespace | quote }}
- name: MLWRIGHT_WORKERS
  value: {{ .Values.workers | quote }}
- name: MLWRIGHT_RESYNC_SECONDS
  value: {{ .Values.resyncSeconds | quote }}
- name: MLWRIGHT_STEP_ATTEMPTS
  value: {{ .Values.stepAttempts | quote }}
- name: MLWRIGHT_TRAINING_RESOURCES
  value: {{ include "mlwright.trainingResources" . | quote }}
- name: MLWRIGHT_OUTSIDE_HOSTS
  value: {{ join "," .Values.outside.hosts | quote }}
- name: MLWRIGHT_UNSAFE_FORMATS
  value: {{ .Values.outside.allowUnsafeFormats | quote }}
- name: MLWRIGHT_PROMETHEUS_URL
  value: {{ include "mlwright.prometheus.url" . | quote }}
- name: MLWRIGHT_PROMETHEUS_FOLDER
  value: {{ ternary "/mlwright/prometheus" "" (ne .Values.prometheus.secretName "") | quote }}
- name: MLWRIGHT_LOG_FORMAT
  value: {{ .Values.log.format | quote }}
- name: MLWRIGHT_LOG_LEVEL
  value: {{ .Values.log.level | quote }}
- name: MLWRIGHT_HEALTH_PORT
  value: "8081"
- name: MLWRIGHT_LEADER_ELECTION
  value: "true" # with one replica too: during a rolling update there are two
- name: MLWRIGHT_LEASE_NAME
  value: {{ include "mlwright.fullname" . }}
- name: MLWRIGHT_LEASE_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: MLWRIGHT_IDENTITY
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- end -}}

{{/* training.resources as the operator reads them. */}}
{{- define "mlwright.trainingResources" -}}
{{- $entries := list -}}
{{- range .Values.training.resources -}}
{{- $entries = append $entries (printf "%s/%s/%s/%s" .group .version .plural .kind) -}}
{{- end -}}
{{- join "," $entries -}}
{{- end -}}

{{/* Who may reach guarded pods beside routers and Gateways: as networkPolicy.from says, and the embedded Prometheus. */}}
{{- define "mlwright.networkPolicyFrom" -}}
{{- $peers := .Values.networkPolicy.from -}}
{{- if .Values.prometheus.embedded.enabled -}}
{{- $namespace := dict "matchLabels" (dict "kubernetes.io/metadata.name" .Release.Namespace) -}}
{{- $pods := dict "matchLabels" (include "mlwright.prometheus.selector" . | fromYaml) -}}
{{- $peers = append $peers (dict "namespaceSelector" $namespace "podSelector" $pods) -}}
{{- end -}}
{{- $peers | toJson -}}
{{- end -}}
