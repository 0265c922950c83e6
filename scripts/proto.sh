#!/usr/bin/env bash
# Generates the Go code of proto/ into the packages that own the types. Needs protoc (Debian: protobuf-compiler).
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
gogo=$(go list -m -f '{{.Dir}}' github.com/cosmos/gogoproto)
GOBIN=$bin go install github.com/cosmos/gogoproto/protoc-gen-gocosmos
for dir in $(find proto/mprd -name '*.proto' -printf '%h\n' | sort -u); do
  protoc -I proto -I "$gogo" -I "$gogo/protobuf" --plugin="$bin/protoc-gen-gocosmos" \
    --gocosmos_out=paths=import:"$bin" "$dir"/*.proto
done
find . -name '*.pb.go' -not -path './.git/*' -delete
cp -r "$bin"/mprd/* .
