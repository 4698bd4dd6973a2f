#!/bin/sh
# Boot Debian's own cloud kernels, unmodified, and say how far each came.
#
#   STOCK_KERNELS  versions to boot, one after the other; default "6.12 6.1"
#   STOCK_TIMEOUT  the longest that each may run; default 25m
#   STOCK_APPEND   more words for the kernel's command line
#
# Packages are downloaded and unpacked into the cache, never installed.
set -eu
cd "$(dirname "$0")/../.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/terem/stock
mkdir -p "$cache"

# newest names the newest cloud kernel package of a version: linux-image-6.12.117+deb12-cloud-amd64 of 6.12.
newest() {
	apt-cache pkgnames "linux-image-$1." | grep '[0-9]-cloud-amd64$' | sort --version-sort | tail -n 1
}

# fetch unpacks a package into a directory of its name. It comes there only when it is whole.
fetch() {
	[ -d "$cache/$1" ] && return
	echo "stock: downloading $1"
	new=$(mktemp -d "$cache/new.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	(cd "$new" && apt-get --quiet=2 download "$1")
	dpkg -x "$new"/*.deb "$new/tree"
	mv "$new/tree" "$cache/$1"
	rm -rf "$new"
	trap - EXIT
}

failed=0
for version in ${STOCK_KERNELS:-6.12 6.1}; do
	package=$(newest "$version")
	if [ -z "$package" ]; then
		echo "stock: apt knows no cloud kernel $version; try \`apt-get update\`, or set STOCK_KERNELS" >&2
		failed=1
		continue
	fi
	fetch "$package"
	echo "stock: booting $package; on a software backend of KVM this takes minutes"
	go run ./guest/stock --timeout "${STOCK_TIMEOUT:-25m}" --append "${STOCK_APPEND:-}" "$cache/$package" || failed=1
done
exit $failed
