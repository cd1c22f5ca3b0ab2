#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# generate.sh HELM: prints what deploy/manifests/sluice.yaml holds: the chart with its default values and a namespace
# for it, without the hooks that only Helm runs.
set -eu

chart=$(dirname "$0")/../helm/sluice
cat <<'END'
# SPDX-License-Identifier: Apache-2.0
# Generated from deploy/helm/sluice by `make manifests`: change it there.
apiVersion: v1
kind: Namespace
metadata:
  name: sluice-system
  labels:
    # The agent has host mounts, the host's process ids and three capabilities.
    pod-security.kubernetes.io/enforce: privileged
END
"$1" template sluice "$chart" --namespace sluice-system --kube-version 1.33.0 --no-hooks --set uninstall.hook=false
