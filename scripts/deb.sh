#!/bin/sh
# Make bin/terem.deb, a Debian package of what `make build` has made: sh scripts/deb.sh
#
# The version (scripts/version.sh) counts commits, so that a later one is newer to apt. The maintainer is DEBFULLNAME and DEBEMAIL, or who made the
# last commit.
set -eu
cd "$(dirname "$0")/.."
umask 022

if ! command -v dpkg-deb >/dev/null; then
	echo "scripts/deb.sh: this is no Debian system: dpkg-deb is missing; use \`make install\`" >&2
	exit 69
fi
if [ "$(git rev-parse --show-toplevel 2>/dev/null)" != "$(pwd -P)" ]; then
	echo "scripts/deb.sh: the version is that of a git repository, and this is none; use \`make install\`" >&2
	exit 69
fi
version=$(sh scripts/version.sh)
when=$(git log -1 --format=%aD)
who=${DEBFULLNAME-$(git log -1 --format=%an)}' <'${DEBEMAIL-$(git log -1 --format=%ae)}'>'

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
root=$tmp/terem
sh scripts/install.sh "$root/usr"
find "$root/usr/share/man" -type f -exec gzip -9n {} +

doc=$root/usr/share/doc/terem
mkdir -p "$doc" "$root/DEBIAN"
cp README.md "$doc/README.md"
gzip -9n "$doc/README.md"
# licences prints those of all that is linked in: Go's own library and the modules.
licences() {
	echo "The Go library, $(go version | cut -d' ' -f3):"
	echo
	cat "$(go env GOROOT)/LICENSE"
	go list -deps -f '{{with .Module}}{{if .Version}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/terem ./cmd/terem-tools ./cmd/terem-net ./cmd/terem-share | LC_ALL=C sort -u |
		while read -r module number dir; do
			echo
			echo "$module $number:"
			for f in "$dir"/LICENSE* "$dir"/LICENCE* "$dir"/COPYING* "$dir"/NOTICE*; do
				[ ! -f "$f" ] || { echo && cat "$f"; }
			done
		done
}
licences | gzip -9n >"$doc/licences.gz"
cat >"$doc/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: terem
Comment: The programs are linked with Go's library and other modules, whose licences are in licences.gz, beside this file.

Files: *
Copyright: 2026 the authors of terem
License: Apache-2.0
 On Debian systems the text of the Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.
END
gzip -9n >"$doc/changelog.gz" <<END
terem ($version) unstable; urgency=medium

  * Built from the commit of that name: the repository has the changes.

 -- $who  $when
END
cat >"$root/DEBIAN/control" <<END
Package: terem
Version: $version
Architecture: amd64
Maintainer: $who
Section: misc
Priority: optional
Recommends: e2fsprogs
Suggests: bc, bison, busybox-static, bzip2, cpio, crun, flex, gcc, kmod, libc6-dev, libelf-dev, linux-libc-dev, linux-source-6.12, make, patch, xz-utils
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Description: small hypervisor that shows what a virtual machine is
 terem boots a Linux guest on KVM from the terminal, and puts a virtual
 machine beside a container: the same program runs as a process, in a
 container and in a virtual machine, and terem measures all three.
 .
 The default guest is built once by "terem guest build", from Debian's kernel
 source and what else is suggested here.
END
mkdir -p "$root/usr/share/lintian/overrides"
cat >"$root/usr/share/lintian/overrides/terem" <<END
# Go links its programs so.
terem: statically-linked-binary
END
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
dpkg-deb --root-owner-group --build "$root" bin/terem.deb >/dev/null
echo "bin/terem.deb: terem $version"
