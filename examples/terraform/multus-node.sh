#!/bin/bash
set -euo pipefail
for unit in nodeadm-run kubelet; do folder=/etc/systemd/system/$unit.service.d; mkdir -p $folder; printf '[Unit]\nAfter=multus-node.service\nAssertPathExists=/run/multus-node/kubelet-may-start\n' > $folder/10-multus-node.conf; done; systemctl daemon-reload
for pause in 5 10 20 40 0; do uri=$(aws ssm get-parameter --name /multus-eni/MultusEni-example/node-bootstrap --query Parameter.Value --output text) && aws s3 cp --only-show-errors "$uri" /run/multus-node.pyz && break || sleep $pause; done; digest=$(basename "$uri" .pyz); if ! echo "$digest  /run/multus-node.pyz" | sha256sum --check --quiet; then echo "bootstrap-missing: the archive that the stack published is not here (found: ${uri:-no parameter}). Attach the stack's node-policy to the node's role, then run the user data again: docs/runbook.md, A node without multus-node." >&2; exit 1; fi
/usr/bin/python3 -IS /run/multus-node.pyz install --node-group user-plane
