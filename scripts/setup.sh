#!/bin/sh
# Brings a fresh checkout to the point where everything runs: npm packages (Node 24 among them), the system's
# packages, generated protobuf code, the bridge. Both `npm start` and `npm test` call it; a second call does nothing.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

# --- npm packages -----------------------------------------------------------------------------------------------
has npm || { say "npm is missing: install Node 20 or newer with npm, then run this again"; exit 1; }
stamp=node_modules/.picket-setup
if ! cmp -s package-lock.json "$stamp"; then
  say "installing npm packages"
  # Asked first and once: without a network npm would try each package again and again, silently, for many minutes.
  npm view long version --fetch-retries=1 --fetch-timeout=20000 --loglevel=error >/dev/null || {
    say "the npm registry ($(npm config get registry)) does not answer, see above. The packages of"
    say "package-lock.json come from there, Node 24 among them, and nothing here runs without them. Mend the network,"
    say "or the proxy or registry in npm's configuration ('npm config list'), then run this again."
    exit 1
  }
  # What an installation left half done is not told from a whole one by npm.
  rm -rf node_modules
  # Not `npm ci`: it refuses a lock file without the optional packages of other platforms, and a mirror that has only
  # this platform's packages never lets them into the lock. Versions and hashes come from the lock file all the same.
  npm install --no-save --no-fund --no-audit --loglevel=error >&2 || {
    say "npm could not install the packages of package-lock.json, without which nothing here runs; its reason is above"
    exit 1
  }
  cp package-lock.json "$stamp"
fi
node=node_modules/.bin/node
case "$("$node" --version 2>/dev/null || true)" in
  v24.*) ;;
  *) rm -f "$stamp"
     say "Node 24 did not install. It comes as the npm package 'node', whose install script must be allowed:"
     say "  npm install-scripts approve node && npm rebuild node"
     exit 1 ;;
esac
"$node" -e 'require("node:zlib").zstdCompressSync("")' || { say "this Node 24 has no zstd in node:zlib"; exit 1; }

# --- the system's packages ----------------------------------------------------------------------------------------
PATH="$PATH:/usr/sbin:/sbin"
wanted=''      # Debian packages
missing=''     # one line each: what, why
need() {  # need PACKAGE REASON PROBE...
  package=$1 reason=$2; shift 2
  "$@" >/dev/null 2>&1 && return 0
  wanted="$wanted $package"
  missing="$missing
  $package: $reason"
}
header() { printf '#include <%s>\n' "$1" | cc -E -x c - -o /dev/null; }
liked=''       # the same of what it also goes without
lacking=''
like() {
  package=$1 reason=$2; shift 2
  "$@" >/dev/null 2>&1 && return 0
  liked="$liked $package"
  lacking="$lacking
  $package: $reason"
}
check_all() {
  wanted='' missing='' liked='' lacking=''
  need gcc 'compiles the bridge' has cc
  need libc6-dev "the C library's headers" header stdio.h
  need make 'builds the bridge' has make
  need protobuf-compiler 'reads proto/ for the bridge' has protoc
  need nanopb 'generates the C code of the protocol' has nanopb_generator.py
  need libnanopb-dev 'the protobuf library of the bridge' header pb_encode.h
  need nats-server 'what events are published to, in the demo and the tests' has nats-server
  if [ "$(uname -s)" = Linux ]; then
    need linux-libc-dev "the kernel's headers (fanotify)" header linux/fanotify.h
    need e2fsprogs 'makes the file systems that tests guard' has mkfs.ext4
    need util-linux 'mounts, namespaces and users in tests' has setpriv
    need systemd 'judges the packaged units in tests' has systemd-analyze
    like clang 'builds the eBPF program that tells of processes; without it the proc connector does' has clang
    like libbpf-dev 'loads that program' header bpf/libbpf.h
  fi
}
check_all
# What can be had without is tried once in a checkout: where it can't be had, each start would wait for that.
tried=node_modules/.picket-tried-ebpf
[ ! -e "$tried" ] || liked=''
if [ -n "$wanted$liked" ] && has apt-get && [ "$(id -u)" = 0 ]; then
  say "installing$wanted$liked"
  export DEBIAN_FRONTEND=noninteractive
  install() { apt-get install -y -qq -o DPkg::Lock::Timeout=120 --no-install-recommends "$@" >&2 || say "apt-get failed"; }
  apt-get update -qq >&2 || say "apt-get update failed"
  # shellcheck disable=SC2086
  [ -z "$wanted" ] || install $wanted
  # shellcheck disable=SC2086
  [ -z "$liked" ] || { install $liked; : >"$tried"; }
  check_all
fi
if [ -n "$missing" ]; then
  say "these are missing and could not be installed:$missing"
  if has apt-get; then say "as root: apt-get install$wanted"
  elif has brew; then say "with Homebrew: brew install nanopb protobuf nats-server"
  else say "install them with this system's package manager"; fi
  exit 1
fi

[ -z "$lacking" ] || say "these would be of use and are not there:$lacking"

# --- what is generated and built ------------------------------------------------------------------------------------
sh scripts/proto.sh
make -s -C native-bridge >&2
[ "$(uname -s)" != Linux ] || make -s -C test/native >&2
