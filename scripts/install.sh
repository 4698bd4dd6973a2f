#!/bin/sh
# Copy terem to a directory, or take it away again.
#
#     sh scripts/install.sh DIRECTORY            # such as /usr/local
#     sh scripts/install.sh --remove DIRECTORY
#
# terem finds terem-tools, terem-net and terem-share in ../lib/terem. The rest are manual pages and completions, which terem itself writes.
set -eu
umask 022

remove=
if [ "${1-}" = --remove ]; then
	remove=1
	shift
fi
if [ $# -ne 1 ] || [ -z "$1" ]; then
	echo "scripts/install.sh: want one directory, such as /usr/local" >&2
	exit 64
fi
case $1 in
/*) to=${1%/} ;;
*) to=$PWD/${1%/} ;;
esac
cd "$(dirname "$0")/.."
if [ -z "$remove" ] && ! { [ -x bin/terem ] && [ -x bin/terem-tools ] && [ -x bin/terem-net ] && [ -x bin/terem-share ]; }; then
	echo "scripts/install.sh: bin/terem, bin/terem-tools, bin/terem-net and bin/terem-share are not all there: \`make build\`" >&2
	exit 69
fi

bash=$to/share/bash-completion/completions/terem
case $to in
*/usr) zsh=$to/share/zsh/vendor-completions/_terem ;; # Debian's own packages
*) zsh=$to/share/zsh/site-functions/_terem ;;
esac
fish=$to/share/fish/vendor_completions.d/terem.fish

# What an earlier version has left goes first: its pages may have other names.
rm -f "$to/bin/terem" "$to/lib/terem/terem-tools" "$to/lib/terem/terem-net" "$to/lib/terem/terem-share" "$to/share/man/man1/terem.1" "$to"/share/man/man1/terem-*.1 "$bash" "$zsh" "$fish"
if [ -n "$remove" ]; then
	rmdir "$to/lib/terem" 2>/dev/null || true
	exit 0
fi

install -D -m 755 bin/terem "$to/bin/terem"
install -D -m 755 bin/terem-tools "$to/lib/terem/terem-tools"
install -D -m 755 bin/terem-net "$to/lib/terem/terem-net"
install -D -m 755 bin/terem-share "$to/lib/terem/terem-share"
[ -n "${SOURCE_DATE_EPOCH-}" ] || SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH
bin/terem man "$to/share/man/man1"
mkdir -p "${bash%/*}" "${zsh%/*}" "${fish%/*}"
bin/terem completion bash >"$bash"
bin/terem completion zsh >"$zsh"
bin/terem completion fish >"$fish"
