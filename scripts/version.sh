#!/bin/sh
# Print the version of this tree: 0.COMMITS+COMMIT, which grows with each commit, and for a tree with changes a hash of them behind it.
# A tree that is no git repository's own has a hash of its sources.
set -eu
cd "$(dirname "$0")/.."

hash() { sha256sum | cut -c1-12; }

if [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(pwd -P)" ] && commit=$(git rev-parse --short=12 HEAD 2>/dev/null); then
	version=0.$(git rev-list --count HEAD)+$commit
	if [ -n "$(git status --porcelain)" ]; then
		version=$version.dirty.$({ git diff HEAD && git ls-files --others --exclude-standard -z | xargs -0 -r sha256sum; } | hash)
	fi
else
	version=0.0+$(find . -name bin -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | hash)
fi
echo "$version"
