#!/bin/sh
# What `make demo` operates where HAProxy is not installed: mprd's exec driver (docs/drivers.md) runs this in
# the folder of the target; it keeps the task as a file, reads it back and says what is there.
set -eu
[ "$MPRD_DO" = apply ] || exit 64
read -r task || [ -n "$task" ] # the line may be without its end
printf '%s\n' "$task" >"$MPRD_TARGET.json"
read -r there <"$MPRD_TARGET.json"
printf '{"observed":%s,"resources_used":1}\n' "$there"
