#!/usr/bin/env bash
# The main job on real input; ends by itself. Needs build/mprd (make build). -without-haproxy: as where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
exec go run ./scripts/demo "$@" build/mprd examples/model-fleet build/demo
