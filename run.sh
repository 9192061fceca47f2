#!/usr/bin/env bash
# Trains a small network on the digits data and shows what it learnt. Options go on to `symgrad train`: ./run.sh --help
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/.ci/venv"

prepare examples
exec "$root/.venv/bin/symgrad" train "$root/examples/digits.py" "$@"
