#!/usr/bin/env bash
# All checks: lint, types, import directions, tests. Options go on to pytest: ./test.sh --update tests/formulas
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/.ci/venv"

prepare test
cd "$root" || exit 2
export PATH="$root/.venv/bin:$PATH"
# The same run twice: one hash seed (the tests that are about other seeds set their own), one BLAS thread a process.
export PYTHONHASHSEED=${PYTHONHASHSEED:-0} OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

failed=()
check() {  # name, command: one quiet line where it passes, its output where not
  local name=$1 output; shift
  if output=$("$@" 2>&1); then printf '%-8s ok\n' "$name"; else printf '%s\n%-8s FAILED\n' "$output" "$name"; failed+=("$name"); fi
}
check ruff ruff check --quiet --output-format concise .
check mypy mypy
check imports lint-imports --no-logo --no-cache

# Two processes, each test file whole on one of them: fixtures of a file are built once, its tests run in order; files
# start in the order of tests/conftest.py, the longest first.
pytest -q -n 2 --dist loadfile --no-loadscope-reorder "$@"
status=$?
if [ ${#failed[@]} -gt 0 ]; then echo "symgrad: failed before the tests: ${failed[*]} (see the top)" >&2; exit 1; fi
exit $status
