#!/bin/sh
# Boot Debian's own cloud kernels, unmodified, and say how far each came.
#
#   STOCK_KERNELS  versions to boot, one after the other; default "6.12 6.1"
#   STOCK_TIMEOUT  the longest that each may run; default 25m
#   STOCK_APPEND   more words for the kernel's command line
set -eu
cd "$(dirname "$0")/../.."

failed=0
for version in ${STOCK_KERNELS:-6.12 6.1}; do
	if ! kernel=$(sh guest/distro/fetch.sh "$version"); then
		failed=1
		continue
	fi
	echo "stock: booting ${kernel##*/}; on a software backend of KVM this takes minutes"
	go run ./guest/stock --timeout "${STOCK_TIMEOUT:-25m}" --append "${STOCK_APPEND:-}" "$kernel" || failed=1
done
exit $failed
