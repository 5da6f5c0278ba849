#!/bin/sh
# Everything: the bridge's C tests under ASan and UBSan, its decoders under a short fuzzing, then vitest.
# Ends with one line that adds both up.
set -u
cd "$(dirname "$0")/.."
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

make -s -C native-bridge test 2>&1 | tee "$log/native"
make -s -C native-bridge fuzz SECONDS="${FUZZ_SECONDS:-20}" >"$log/fuzz" 2>&1 && echo 'PASS fuzz' >>"$log/native" || {
  echo 'FAIL fuzz' >>"$log/native"
  tail -n 60 "$log/fuzz"
}
vitest run --reporter=default --reporter=json --outputFile.json="$log/vitest.json"
vitest_status=$?

node scripts/test-summary.ts "$log/native" "$log/vitest.json" "$vitest_status"
