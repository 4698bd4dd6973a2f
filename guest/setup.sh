#!/bin/sh
# Install what building the default guest needs: Debian's kernel source, a C tool chain, busybox; or the packages
# that are named.
#
# As root it calls apt-get; otherwise it prints the line to run and ends with status 1. With nothing missing it
# says nothing and takes a few milliseconds.
set -eu

packages="bc binutils bison busybox-static bzip2 cpio e2fsprogs flex gcc kmod libc6-dev libelf-dev linux-libc-dev
linux-source-6.12 lz4 make patch tar xz-utils"
[ $# -eq 0 ] || packages=$*

# missing prints the packages that are not installed, on one line.
missing() {
	# shellcheck disable=SC2086 # a list of words
	have=" $(dpkg-query --show --showformat='${db:Status-Status}=${Package} ' $packages 2>/dev/null || true) "
	for p in $packages; do
		case $have in
		*" installed=$p "*) ;;
		*) printf '%s ' "$p" ;;
		esac
	done
}

# quietly runs a command with its output in a file, and shows the file if the command fails.
quietly() {
	if ! "$@" >"$log" 2>&1 </dev/null; then
		echo "guest/setup.sh: '$*' failed; it said:" >&2
		cat "$log" >&2
		exit 1
	fi
}

if ! command -v dpkg-query >/dev/null; then
	echo "guest/setup.sh: this is no Debian system; a guest is built from Debian packages: $packages" >&2
	exit 1
fi

need=$(missing)
[ -n "$need" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "guest/setup.sh: these packages are needed and not installed. Please run:" >&2
	echo "  sudo apt-get update && sudo apt-get install --yes --no-install-recommends $need" >&2
	exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive

echo "guest/setup.sh: installing $need"
quietly apt-get update
# shellcheck disable=SC2086 # a list of words
quietly apt-get install --yes --no-install-recommends $need

need=$(missing)
if [ -n "$need" ]; then
	echo "guest/setup.sh: apt-get succeeded, but these are still missing: $need" >&2
	exit 1
fi
