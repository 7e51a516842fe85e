{{/* What the policies look at: the kinds from which pods are made, when they are created or their spec changes. */}}
{{- define "mlwright.policyScope" -}}
failurePolicy: Fail
matchConstraints:
  resourceRules:
    - apiGroups: [mlwright.dev]
      apiVersions: ["*"]
      operations: [CREATE, UPDATE]
      resources: [trainingpipelines, trainingruns, modeldeployments, batchpredictions, driftmonitors]
matchConditions:
  - name: spec-is-new
    expression: oldObject == null || object.spec != oldObject.spec
{{- end -}}

{{- define "mlwright.policyBinding" -}}
validationActions: [Deny]
{{- with .Values.watchNamespace }}
matchResources:
  namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ . }}
{{- end }}
{{- end -}}

{{/* training.resources as the policies compare them: a list in JSON, which CEL reads as well. */}}
{{- define "mlwright.resourceKinds" -}}
{{- $kinds := list -}}
{{- range .Values.training.resources -}}
{{- $kinds = append $kinds (printf "%s of %s/%s" .kind .group .version) -}}
{{- end -}}
{{- toJson $kinds -}}
{{- end -}}
