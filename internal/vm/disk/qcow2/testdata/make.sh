#!/bin/sh
# Makes the images beside it, with qemu-img of QEMU 7.2. They all show the same disk of
# 1 MiB and 512 bytes: sector s is 512 times the byte s*7+1 (modulo 256) where s/16 is
# a multiple of three, and zeros elsewhere.
set -eu
cd "$(dirname "$0")"
raw=$(mktemp)
trap 'rm -f "$raw"' EXIT
python3 - "$raw" <<'PY'
import sys
with open(sys.argv[1], "wb") as f:
    for s in range(2049):
        f.write(bytes([(s * 7 + 1) % 256 if s // 16 % 3 == 0 else 0]) * 512)
PY
make() { # name, options ...
	name=$1
	shift
	rm -f "$name.qcow2"
	qemu-img convert -q -f raw -O qcow2 "$@" "$raw" "$name.qcow2"
	gzip -9nf "$name.qcow2"
}
make v3 -o cluster_size=8192
make v2 -o compat=0.10,cluster_size=4096
make zlib -c -o cluster_size=65536
make zstd -c -o compression_type=zstd,cluster_size=16384
make tiny -o cluster_size=512,refcount_bits=1
qemu-img convert -q -f raw -O qcow2 -o cluster_size=4096 "$raw" snap.qcow2
qemu-img snapshot -c one snap.qcow2
qemu-io -c 'write -z 8k 16k' snap.qcow2 >/dev/null
qemu-io -c 'write -P 0 0 4k' -c 'write -P 1 0 512' -c 'write -P 8 512 512' -c 'write -P 15 1k 512' -c 'write -P 22 1536 512' \
	-c 'write -P 29 2k 512' -c 'write -P 36 2560 512' -c 'write -P 43 3k 512' -c 'write -P 50 3584 512' snap.qcow2 >/dev/null
gzip -9nf snap.qcow2
qemu-img create -q -f qcow2 -o cluster_size=4096 -b zlib.qcow2 -F qcow2 -u backing.qcow2 1M
gzip -9nf backing.qcow2
qemu-img convert -q -f raw -O qcow2 -o cluster_size=4096 "$raw" bitmap.qcow2
qemu-img bitmap --add bitmap.qcow2 one
qemu-img bitmap --add -g 4096 bitmap.qcow2 two
qemu-io -c 'write -P 8 512 512' bitmap.qcow2 >/dev/null
gzip -9nf bitmap.qcow2
