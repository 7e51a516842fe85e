#!/usr/bin/env bash
# Resolve the extras of pyproject.toml into hash-locked files, one for each image and one for development.
#
# The files hold names, versions and hashes only: no index address, no option line, no path, so they mean the
# same on every machine. Everything is resolved once (dev) and the others are cut from that answer, which is
# why trainer and server cannot drift apart.
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9
tool="${XDG_CACHE_HOME:-$HOME/.cache}/mlwright/lock-tool-$UV_VERSION"

if [ ! -x "$tool/bin/uv" ]; then
  python3 -m venv "$tool"
  "$tool/bin/python" -m pip install --quiet "uv==$UV_VERSION"
fi

compile() { # compile OUTPUT EXTRA [further options]
  local output=$1 extra=$2
  shift 2
  "$tool/bin/uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --upgrade \
    --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    --extra "$extra" --output-file "$output" "$@"
}

mkdir -p requirements
compile requirements/dev.txt dev
for extra in operator server router trainer; do
  compile "requirements/$extra.txt" "$extra" --constraint requirements/dev.txt
done
compile requirements/demo.txt demo --no-deps
wc -c requirements/*.txt
