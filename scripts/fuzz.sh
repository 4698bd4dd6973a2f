#!/bin/sh
# Run every fuzz target of the module for FUZZTIME each.
set -eu
cd "$(dirname "$0")/.."
time=${FUZZTIME:-60s}

for pkg in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
		printf '\n== %s %s, %s\n' "$pkg" "$target" "$time"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "$pkg"
	done
done
