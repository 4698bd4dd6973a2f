#!/bin/sh
# Make one squashfs for each compressor that the default guest's kernel knows: squashfs-zlib.img and so on. Each has one program,
# /bin/seven, which ends with status 7 after it has looked at 32 KiB of its own data, and directories to mount on.
#
# Needs gcc and squashfs-tools (mksquashfs).
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/root/bin" "$tmp/root/dev" "$tmp/root/proc" "$tmp/root/sys" "$tmp/root/run" "$tmp/root/tmp"

cat >"$tmp/seven.S" <<'END'
	.globl _start
_start:	lea words(%rip), %rsi
	xor %ecx, %ecx
	mov $7, %edi
1:	mov %ecx, %eax
	imul $2654435761, %eax
	shr $20, %eax		# compressible, but not one byte repeated
	cmp (%rsi,%rcx,4), %eax
	je 2f
	mov $8, %edi
2:	inc %ecx
	cmp $8192, %ecx
	jne 1b
	mov $231, %eax		# exit_group
	syscall
	.data
words:	.set i, 0
	.rept 8192
	.long ((i * 2654435761) & 0xffffffff) >> 20
	.set i, i + 1
	.endr
END
gcc -nostdlib -static -o "$tmp/root/bin/seven" "$tmp/seven.S"
strip "$tmp/root/bin/seven"
for c in gzip lz4 xz zstd; do
	name=$c
	[ "$c" != gzip ] || name=zlib # as the kernel calls it
	rm -f "squashfs-$name.img"
	mksquashfs "$tmp/root" "squashfs-$name.img" -comp "$c" -all-root -no-progress -quiet -all-time 0 -mkfs-time 0 >/dev/null
done
