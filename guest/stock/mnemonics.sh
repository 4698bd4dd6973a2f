#!/bin/sh
# List every mnemonic that stands in the code of kernels, and how often: for vcpu/assist/testdata/mnemonics.tsv.
#
#   mnemonics.sh NAME=VMLINUX...   ELF files; a bzImage's payload is one once it is unpacked
set -eu

echo '# Every mnemonic in the kernels below and how often it stands there, as objdump disassembles them (guest/stock/mnemonics.sh).'
for k; do
	objdump --disassemble --wide "${k#*=}" | awk -F '\t' -v kernel="${k%%=*}" '
		function prefix(w) {
			return w ~ /^(lock|rep|repz|repnz|bnd|notrack|data16|addr32|cs|ds|es|ss|fs|gs|rex(\.[WRXB]+)?)$/
		}
		NF > 2 {
			n = split($3, w, " ")
			for (i = 1; i <= n && prefix(w[i]); i++)
				;
			if (i <= n && w[i] != "(bad)")
				print w[i], kernel
		}'
done | awk -v kernels="$(for k; do printf '%s ' "${k%%=*}"; done)" '
	{ count[$1, $2]++; seen[$1] }
	END {
		n = split(kernels, k, " ")
		line = "# mnemonic"
		for (i = 1; i <= n; i++)
			line = line "\t" k[i]
		print line
		for (m in seen) {
			line = m
			for (i = 1; i <= n; i++)
				line = line "\t" count[m, k[i]] + 0
			print line | "sort"
		}
	}'
