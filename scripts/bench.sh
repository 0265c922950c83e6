#!/usr/bin/env bash
# Tables and JSON lines of docs/bench/. Takes some minutes, most of them for the million.
set -euo pipefail
cd "$(dirname "$0")/.."
make build
exec go run ./scripts/bench "$@"
