#!/bin/sh
# Everything: the bridge's C tests under ASan and UBSan, its decoders under a short fuzzing, the auth lane's threads, then
# all else. Ends with one line that adds all up.
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
native fuzz make -s -C native-bridge fuzz SECONDS="${FUZZ_SECONDS:-10}"
cat "$log/tests" "$log/fuzz" >"$log/native"

suite() {  # suite NAME ARGUMENT...: its report is $log/$name.json, its exit code $log/$name.status
  name=$1; shift
  vitest run --reporter=default --reporter=json --outputFile.json="$log/$name.json" "$@"
  echo $? >"$log/$name.status"
}

# Where all threads were when Node itself died: it did, twice, in the tests that start and end threads.
tell_cores() {
  for core in core core.*; do
    [ -f "$core" ] || continue
    echo "Node died and left $core:"
    gdb -batch -ex 'thread apply all backtrace 24' "$(command -v node)" "$core" 2>&1 || echo "gdb is needed to read it"
    rm -f "$core"
  done
}

(ulimit -c unlimited 2>/dev/null; suite lane --project=lane)
tell_cores
suite others '--project=!lane'

node scripts/test-summary.ts "$log/native" "$log/lane" "$log/others"
