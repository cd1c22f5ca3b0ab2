{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "sluice.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "sluice.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "sluice.fullname" .) -}}
{{- end }}

{{- define "sluice.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{- end }}

{{- define "sluice.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "sluice.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The agent's configuration file. An observing agent listens where nobody looks for it. */}}
{{- define "sluice.config" -}}
{{- $own := dict
  "mode" .Values.mode
  "source" "kubernetes"
  "kubernetes" (dict "serviceAccount" (include "sluice.serviceAccount" .) "daemonSet" (include "sluice.fullname" .))
  "metrics" (dict "address" .Values.metrics.address)
-}}
{{- if eq .Values.mode "observe" -}}
{{- $_ := set $own "zds" (dict "socket" "/run/sluice/observe.sock") -}}
{{- end -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $own) -}}
{{- end }}

{{/* The port of "[::]:15014". */}}
{{- define "sluice.port" -}}
{{- .Values.metrics.address | splitList ":" | last -}}
{{- end }}

{{- define "sluice.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
{{- end }}
