#!/bin/sh
# The linters, few and without exceptions: fix what they find.
set -eu
cd "$(dirname "$0")/.."

unformatted=$(git ls-files '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'gofmt would change:\n%s\n' "$unformatted" >&2
	exit 1
fi
go vet ./...
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
go run github.com/polyfloyd/go-errorlint@v1.8.0 ./...
if command -v shellcheck >/dev/null 2>&1; then
	git ls-files '*.sh' .ci/run guest/debian/root/usr/local/sbin/vm-rc | xargs shellcheck
else
	echo 'lint: shellcheck is not installed; apt-get install shellcheck' >&2
fi
echo 'lint: clean'
