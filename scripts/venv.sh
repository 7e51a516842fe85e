#!/usr/bin/env bash
# Make or update the virtual environment of this checkout: venv.sh DIRECTORY STAMP
#
# STAMP is a file inside DIRECTORY whose name carries a hash of the locks, so an unchanged lock costs nothing.
# Needs python3 (3.11 or newer); the venv module is installed on Debian when it is missing and we are root.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 stamp=$2

fail() {
  echo "venv: $1" >&2
  exit 1
}

command -v python3 >/dev/null || fail "python3 is not installed; install Python 3.11 or newer and try again"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "python3 is $(python3 -V 2>&1 | cut -d' ' -f2), but 3.11 or newer is needed; put a newer one first in PATH"

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail "Python's venv module is missing; install it (Debian: apt-get install python3-venv) and try again"
  fi
  apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
fi

mkdir -p build
if command -v flock >/dev/null; then # two makes at once: the second one waits and then finds the work done
  exec 9>build/.venv.lock
  flock 9
fi
[ -f "$stamp" ] && exit 0

export PIP_CACHE_DIR="${XDG_CACHE_HOME:-$HOME/.cache}/mlwright/pip" PIP_DISABLE_PIP_VERSION_CHECK=1
if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  python3 -m venv --clear "$venv" # absent, or its interpreter has gone
fi
# The lock names every package, so nothing is resolved again. What pip would compile one by one is compiled on all cores.
pip=("$venv/bin/python" -m pip install --quiet --progress-bar off --no-deps --no-compile)
"${pip[@]}" --require-hashes --requirement requirements/dev.txt
"${pip[@]}" --require-hashes --no-build-isolation --requirement requirements/demo.txt
"${pip[@]}" --no-build-isolation --editable .
"$venv/bin/python" -m compileall -qq -j 0 "$venv"/lib || true # templates and examples among it are no Python
"$venv/bin/python" -m pip check --quiet >&2 # the lock is whole: nothing that a package needs is missing
rm -f "$venv"/.ready-*
touch "$stamp"
