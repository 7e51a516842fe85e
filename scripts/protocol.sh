#!/usr/bin/env bash
# Make the Python messages of the gRPC service from their definition.
#
# The result is committed: it changes as rarely as the protocol does, and nobody needs the compiler to build or to test.
set -euo pipefail
cd "$(dirname "$0")/../operator/mlwright/server/protocol"

TOOLS_VERSION=1.76.0 # its messages work with every protobuf of major version 6 from 31 on, which the lock has
tool="${XDG_CACHE_HOME:-$HOME/.cache}/mlwright/grpc-tools-$TOOLS_VERSION"

if [ ! -e "$tool/ready" ]; then
  python3 -m venv --clear "$tool"
  "$tool/bin/python" -m pip install --quiet "grpcio-tools==$TOOLS_VERSION"
  touch "$tool/ready"
fi

"$tool/bin/python" -m grpc_tools.protoc --proto_path=. --python_out=. --pyi_out=. open_inference.proto
