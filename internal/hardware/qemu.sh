#!/bin/sh
# Print the command of a QEMU whose AMD-V can be relied on, 9.1 or newer: the system's, or else that of Debian's
# backports, which is unpacked into the cache and never installed. It needs no privileges, and leaves apt's own
# lists as they are.
set -eu

# recent says whether a QEMU is there, and new enough: its version is in the first line, "QEMU emulator version 10.0.2 (...)".
recent() {
	version=$("$1" --version 2>/dev/null | sed -n '1s/.* version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
	[ -n "$version" ] || return 1
	[ "${version% *}" -gt 9 ] || { [ "${version% *}" -eq 9 ] && [ "${version#* }" -ge 1 ]; }
}

if recent qemu-system-x86_64; then
	echo qemu-system-x86_64
	exit 0
fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/terem/qemu
tree=$cache/tree
command=$tree/usr/bin/qemu-system-x86_64
mkdir -p "$cache"

# The directory comes there only when it is whole. What a killed call has left goes: nobody else holds the lock.
if [ ! -d "$tree" ]; then
	exec 9>"$cache/lock"
	flock 9
fi
if [ ! -d "$tree" ]; then
	rm -rf "$cache"/new.*
	# shellcheck disable=SC2016 # apt's own names
	mirror=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
		sed -n 's/^Debian main \([a-z]*\) /\1 /p' | head -n 1)
	if [ -z "$mirror" ]; then
		echo "qemu: the system's QEMU is older than 9.1, and apt knows no Debian mirror that may have a newer one" >&2
		exit 1
	fi
	release=${mirror%% *}
	new=$(mktemp -d "$cache/new.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	trap 'exit 130' INT # or the trap above is not sprung
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	mkdir -p "$new/lists/partial" "$new/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror#* } $release-backports main" >"$new/sources"
	apt() {
		apt-get --quiet=2 -o APT::Sandbox::User="$(id -un)" -o Dir::Etc::SourceList="$new/sources" -o Dir::Etc::SourceParts=/dev/null \
			-o Dir::State::Lists="$new/lists" -o Dir::Cache="$new" "$@" >&2 </dev/null
	}
	echo "qemu: downloading QEMU of $release-backports" >&2
	apt update
	(cd "$new" && apt download qemu-system-x86 qemu-system-data seabios)
	for package in "$new"/*.deb; do
		dpkg -x "$package" "$new/tree"
	done
	mv "$new/tree" "$tree"
fi
if ! recent "$command"; then
	echo "qemu: $command is none, or older than 9.1: remove $cache, and try again" >&2
	exit 1
fi
echo "$command"
