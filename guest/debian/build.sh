#!/bin/sh
# Make a disk image with Debian in it, once, and print its path. `make guest-debian` calls it.
#
#   DEBIAN_SUITE     the release; default bookworm
#   DEBIAN_MIRROR    where packages come from; default: mmdebstrap's own choice
#   DEBIAN_PACKAGES  more packages than make up the smallest Debian, with commas; default procps
#   DEBIAN_SIZE      size of the disk; default 1G
#
# The image lies in the cache under a hash of these and of the files beside this script. It is there whole or not
# at all. Newer packages come with a new one: remove the directory.
set -eu
umask 022
cd "$(dirname "$0")"

suite=${DEBIAN_SUITE:-bookworm} mirror=${DEBIAN_MIRROR:-} packages=${DEBIAN_PACKAGES-procps} size=${DEBIAN_SIZE:-1G}
terem=../../bin/terem

cache=${XDG_CACHE_HOME:-$HOME/.cache}/terem/debian
hash=$({
	echo "$suite $mirror $packages $size"
	cat build.sh
	find root -type f | LC_ALL=C sort | while read -r f; do echo "$f" && cat "$f"; done
} | sha256sum | cut -c 1-12)
image=$cache/$hash/root.img

say() { echo "guest-debian: $*" >&2; }

# tell shows what mmdebstrap is doing, keeps all that it says, and ends with the status that comes last. An interrupt
# is for mmdebstrap, which then clears up.
tell() {
	trap '' INT HUP
	while read -r line; do
		case $line in
		"status "*) return "${line#status }" ;;
		"I: "*) say "${line#I: }" ;;
		esac
		echo "$line" >>"$log"
	done
}

# userland makes a tar of a Debian: as root, or without in a user namespace, which may not be able to enter the
# directory that this is. The console will ask for no password. Init complains if there is no inittab.d.
userland() {
	trap : INT HUP
	cd /
	# shellcheck disable=SC2016 # $1 is the hook's
	mmdebstrap --variant=minbase --include="sysvinit-core${packages:+,$packages}" \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--customize-hook='chroot "$1" passwd --quiet --delete root' --customize-hook='mkdir -p "$1/etc/inittab.d"' \
		"$suite" "$1" ${mirror:+"$mirror"}
	echo "status $?"
}

# add puts the files of root/ into the tar. Of two entries with one name the later counts.
add() {
	find root -type f -printf '%P\n' | LC_ALL=C sort | tar --append --file "$1" --directory root \
		--owner=root:0 --group=root:0 --mode='u=rwX,go=rX' --files-from=-
}

if [ -f "$image" ]; then
	echo "$image"
	exit 0
fi
sh ../setup.sh mmdebstrap e2fsprogs uidmap >&2
mkdir -p "$cache"
exec 9>"$cache/lock"
flock --nonblock 9 || { say "another build holds $cache/lock; waiting for it"; flock 9; }
if [ ! -f "$image" ]; then
	rm -rf "$cache"/tmp-* # of builds that did not end: nobody else holds the lock
	new=$(mktemp -d "$cache/tmp-XXXXXX")
	trap 'rm -rf "$new"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	log=$cache/build.log
	: >"$log"
	if ! userland "$new/root.tar" 2>&1 9>&- | tell; then
		say "mmdebstrap failed; the end of $log:"
		tail -n 20 "$log" >&2
		exit 1
	fi
	say "making the file system"
	add "$new/root.tar"
	mkdir "$new/out"
	"$terem" disk from-dir "$new/root.tar" "$new/out/root.img" --size "$size" --label debian
	rm -rf "${image%/*}"
	chmod 755 "$new/out"
	mv "$new/out" "${image%/*}"
	say "done: $suite, $(du -h "$image" | cut -f 1) of $size"
fi
echo "$image"
