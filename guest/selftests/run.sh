#!/bin/sh
# Run the kernel's own selftests on the host and in a guest, and compare. `make test-selftests` calls this.
#
#   SELFTESTS        programs or suites, with blanks between them: "x86/ldt_gdt seccomp"; default: all but the long ones
#   SELFTESTS_FLAGS  more flags: "--verbose", "--bound 1h"; `go run ./guest/selftests --help` lists them
set -eu
cd "$(dirname "$0")/../.."

programs=$(sh guest/selftests/build.sh)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
# The same binary runs in the guest, which has no C library.
CGO_ENABLED=0 go build -ldflags='-s -w' -o "$tmp/selftests" ./guest/selftests
# shellcheck disable=SC2086 # a list of words
"$tmp/selftests" --only "${SELFTESTS:-}" ${SELFTESTS_FLAGS:-} "$programs"
