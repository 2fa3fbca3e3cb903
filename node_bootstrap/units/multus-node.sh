#!/bin/sh
exec /usr/bin/python3 -IS /opt/multus-node/multus-node.pyz "$@"
