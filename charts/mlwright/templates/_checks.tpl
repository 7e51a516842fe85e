{{/* Values whose form a schema could refuse, but not explain. */}}

{{/* One of images.*, empty or with a tag or digest. Arguments: root, name. */}}
{{- define "mlwright.image" -}}
{{- $image := get (index . 0).Values.images (index . 1) -}}
{{- if and $image (not (regexMatch `^[^\s@]+(:[\w][\w.-]*|@sha256:[0-9a-f]{64})$` $image)) -}}
{{- fail (printf "images.%s is %q: a bare name means whatever is newest, so end it with :TAG or @sha256:DIGEST" (index . 1) $image) -}}
{{- end -}}
{{- $image -}}
{{- end -}}

{{- define "mlwright.artifacts" -}}
{{- $uri := .Values.artifacts.uri -}}
{{- if and $uri (not (regexMatch `^pvc://[^/\s]+/\S+$` $uri)) -}}
{{- fail (printf "artifacts.uri is %q, expected pvc://CLAIM/path: name a PersistentVolumeClaim that exists in each namespace with pipelines, or leave it empty" $uri) -}}
{{- end -}}
{{- $uri -}}
{{- end -}}

{{- define "mlwright.trafficProvider" -}}
{{- if and (eq .Values.traffic.provider "Router") (not .Values.images.router) -}}
{{- fail "traffic.provider is Router and images.router is empty: build the image (make images), push it to a registry of yours and name it there, or let traffic.provider be Service" -}}
{{- end -}}
{{- .Values.traffic.provider -}}
{{- end -}}
