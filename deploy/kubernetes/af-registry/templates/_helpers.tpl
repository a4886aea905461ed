{{- define "af-registry.fullname" -}}
{{- if contains "af-registry" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-af-registry" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* What selects the pods of one part: (list $ "registry"). */}}
{{- define "af-registry.selector" -}}
app.kubernetes.io/name: af-registry
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "af-registry.labels" -}}
{{ include "af-registry.selector" . }}
app.kubernetes.io/part-of: af-registry
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}

{{- define "af-registry.secret" -}}
{{- .Values.secrets.existing | default (printf "%s-secrets" (include "af-registry.fullname" .)) }}
{{- end }}

{{- define "af-registry.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "af-registry.fullname" .) }}
{{- end }}

{{- define "af-registry.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* What may not be left open, in words. */}}
{{- define "af-registry.check" -}}
{{- if and (not .Values.database.host) (not .Values.postgresql.enabled) }}
{{- fail "The registry needs a PostgreSQL: set database.host, or postgresql.enabled=true for one of one instance." }}
{{- end }}
{{- if and .Values.database.host .Values.postgresql.enabled }}
{{- fail "database.host names a PostgreSQL and postgresql.enabled makes another one: choose one of them." }}
{{- end }}
{{- if and (not .Values.ipfs.apiUrl) (not .Values.kubo.enabled) }}
{{- fail "The registry needs a Kubo: set ipfs.apiUrl, or kubo.enabled=true for one of one instance." }}
{{- end }}
{{- if and .Values.ipfs.apiUrl .Values.kubo.enabled }}
{{- fail "ipfs.apiUrl names a Kubo and kubo.enabled makes another one: choose one of them." }}
{{- end }}
{{- if not .Values.domain }}
{{- fail "Set domain to the name that clients use, such as registry.example: tokens and redirects carry it." }}
{{- end }}
{{- end }}

{{/* The sandbox of every container. */}}
{{- define "af-registry.sandbox" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The sandbox of a pod whose processes run as this user. */}}
{{- define "af-registry.podSandbox" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}
