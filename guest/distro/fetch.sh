#!/bin/sh
# Print the directory that holds Debian's newest cloud kernel of a version, "6.1": the package is downloaded and
# unpacked into the cache if it is not there yet, and never installed.
set -eu

cache=${XDG_CACHE_HOME:-$HOME/.cache}/terem/stock
mkdir -p "$cache"

# newest names the newest cloud kernel package of a version: linux-image-6.12.117+deb12-cloud-amd64 of 6.12.
newest() {
	apt-cache pkgnames "linux-image-$1." | grep '[0-9]-cloud-amd64$' | sort --version-sort | tail -n 1
}

package=$(newest "$1")
if [ -z "$package" ] && [ "$(id -u)" = 0 ]; then
	apt-get --quiet=2 update >&2 </dev/null
	package=$(newest "$1")
fi
if [ -z "$package" ]; then
	echo "fetch: apt knows no cloud kernel $1; try \`apt-get update\`, or another version" >&2
	exit 1
fi

# The directory comes there only when it is whole. What a killed call has left goes: nobody else holds the lock.
if [ ! -d "$cache/$package" ]; then
	exec 9>"$cache/lock"
	flock 9
fi
if [ ! -d "$cache/$package" ]; then
	rm -rf "$cache"/new.*
	echo "fetch: downloading $package" >&2
	new=$(mktemp -d "$cache/new.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	trap 'exit 130' INT # or the trap above is not sprung
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	(cd "$new" && apt-get --quiet=2 download "$package" >&2)
	dpkg -x "$new"/*.deb "$new/tree"
	mv "$new/tree" "$cache/$package"
fi
echo "$cache/$package"
