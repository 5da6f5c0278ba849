#!/bin/sh
# Generates protobufjs's static code and its typings from proto/ into src/events/proto/, when proto/ is newer.
set -eu
cd "$(dirname "$0")/.."
out=src/events/proto
mkdir -p "$out"
[ -f "$out/picket.d.ts" ] && [ -z "$(find proto -name '*.proto' -newer "$out/picket.d.ts")" ] && exit 0
PATH="$PWD/node_modules/.bin:$PATH"
pbjs -p proto -t static-module -w es6 --es6 --no-service --no-create --no-verify --force-long \
  -o "$out/picket.js" proto/picket/v1/event.proto proto/picket/v1/batch.proto proto/picket/v1/bridge.proto
# Under its own name only when whole: its time says whether all of this has to be done again.
pbts -o "$out/picket.d.ts.part" "$out/picket.js"
mv "$out/picket.d.ts.part" "$out/picket.d.ts"
