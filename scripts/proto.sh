#!/usr/bin/env bash
# Generates the Go code of proto/ into the packages that own the types. Needs protoc (Debian: protobuf-compiler).
# Only files whose content changes are written, and generated files without a source are removed.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v protoc >/dev/null || { echo "protoc is missing: apt-get install protobuf-compiler" >&2; exit 1; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

go mod download github.com/cosmos/gogoproto
gogo=$(go list -m -f '{{.Dir}}' github.com/cosmos/gogoproto)
go build -o "$out/bin/protoc-gen-gocosmos" github.com/cosmos/gogoproto/protoc-gen-gocosmos
mkdir "$out/go"
find proto/mprd -name '*.proto' -printf '%h\n' | LC_ALL=C sort -u | while read -r dir; do
  protoc -I proto -I "$gogo" -I "$gogo/protobuf" --plugin="$out/bin/protoc-gen-gocosmos" \
    --gocosmos_out=paths=import:"$out/go" "$dir"/*.proto
done

find . -name '*.pb.go' -not -path './.git/*' -printf '%P\n' | while read -r old; do
  [ -f "$out/go/mprd/$old" ] || { echo "removed $old"; rm "$old"; }
done
(cd "$out/go/mprd" && find . -name '*.pb.go' -printf '%P\n') | while read -r new; do
  cmp -s "$out/go/mprd/$new" "$new" && continue
  mkdir -p "$(dirname "$new")"
  cp "$out/go/mprd/$new" "$new"
  echo "written $new"
done
