#!/usr/bin/env bash
# Tables and JSON lines of docs/bench/: about six minutes on two cores. Flags are those of scripts/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
make build
commit=$(git describe --always --dirty 2>/dev/null || echo unknown)
exec go run ./scripts/bench -commit "$commit" "$@"
