#!/usr/bin/env bash
# Builds the documentation into site/: formulas, pictures and outputs are made by running the examples. Open
# site/index.html, or `./docs.sh --serve` and see http://127.0.0.1:8000. Other options go on to `mkdocs build`.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/.ci/venv"

prepare docs
cd "$root"
"$root/.venv/bin/python" -m mkdocs build --quiet --strict --clean "${@/--serve/--quiet}"
echo "symgrad: the documentation is in site/index.html"
if [[ " $* " == *" --serve "* ]]; then exec "$root/.venv/bin/python" -m http.server --bind 127.0.0.1 --directory site 8000; fi
