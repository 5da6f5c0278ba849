#!/bin/sh
# Everything: the bridge's C tests under ASan and UBSan, its decoders under a short fuzzing, then vitest.
# Ends with one line that adds all up.
set -u
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
trap 'exit 130' INT TERM HUP

# Prints what the command prints, into $log/$name too. A command that failed has failed even if no test of it says so
# (it may not have compiled).
native() {  # native NAME COMMAND...
  name=$1; shift
  { "$@" 2>&1 || touch "$log/$name.failed"; } | tee "$log/$name"
  [ ! -e "$log/$name.failed" ] || grep -q '^FAIL ' "$log/$name" || echo "FAIL $name" | tee -a "$log/$name"
}
native tests make -s -C native-bridge test
native fuzz make -s -C native-bridge fuzz SECONDS="${FUZZ_SECONDS:-20}"
cat "$log/tests" "$log/fuzz" >"$log/native"

vitest run --reporter=default --reporter=json --outputFile.json="$log/vitest.json"
vitest_status=$?

node scripts/test-summary.ts "$log/native" "$log/vitest.json" "$vitest_status"
