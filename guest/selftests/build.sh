#!/bin/sh
# Build the kernel's own selftests as static programs, once, and print the directory that they lie in.
#
# They are those of Debian's linux-source-6.12, unmodified, made by their own Makefiles; only rseq, whose Makefile
# links a shared library, is compiled here. Kernel headers are the installed ones (linux-libc-dev). All versions are
# in the hash that names the directory, which is there whole or not at all.
#
# They are 64-bit programs: the default guest has no 32-bit system calls (CONFIG_IA32_EMULATION). Programs that jump
# to 32-bit code by themselves are among them (ldt_gdt, sigreturn).
set -eu
umask 022
cd "$(dirname "$0")"

archive=/usr/src/linux-source-6.12.tar.xz
packages="binutils gcc libc6-dev libcap-dev linux-libc-dev linux-source-6.12 make tar xz-utils"
suites="x86 sigaltstack timers futex seccomp clone3 rseq"

# shellcheck disable=SC2086 # a list of words
sh ../setup.sh $packages >&2

cache=${XDG_CACHE_HOME:-$HOME/.cache}/terem/selftests
# shellcheck disable=SC2086,SC2016 # words; and dpkg-query expands the format
hash=$({
	cat build.sh
	dpkg-query --show --showformat='${Package} ${Version}\n' $packages
	gcc --version
} | sha256sum | cut -c 1-12)
built=$cache/$hash

say() { echo "selftests: $*" >&2; }

# unpack takes what the programs need out of the kernel's source.
unpack() {
	set -- linux-source-6.12/tools/include linux-source-6.12/arch/x86/include
	for f in lib.mk kselftest.h kselftest_harness.h $suites; do
		set -- "$@" "linux-source-6.12/tools/testing/selftests/$f"
	done
	tar --extract --xz --file "$archive" --directory "$new" --strip-components 1 "$@"
}

# suite has the suite's Makefile build its programs; what stands behind the name is for make.
suite() {
	name=$1
	shift
	mkdir -p "$out/$name"
	# No headers of the kernel's tree; valid-adjtimex has a clock_adjtime of its own, as the C library has.
	make -C "$tests/$name" OUTPUT="$out/$name" KHDR_INCLUDES= CC="gcc -static -Wl,-z,muldefs" "$@"
}

# rseq compiles one program: its name, its source, more flags. The flags are those of the suite's Makefile.
rseq() {
	name=$1 source=$2
	shift 2
	mkdir -p "$out/rseq"
	gcc -static -O2 -g -I"$tests/rseq" -I"$new/tools/include" "$@" \
		-o "$out/rseq/$name" "$tests/rseq/$source" "$tests/rseq/rseq.c" -lpthread -ldl
}

compile() {
	# Said to be possible though there may be no 32-bit C library: so the Makefile makes the 64-bit programs that
	# it couples to one, and none of 32 bits, which have a target of their own.
	suite x86 CAN_BUILD_I386=1 all_64
	for s in sigaltstack timers futex/functional seccomp clone3; do
		suite "$s"
	done
	rseq basic_test basic_test.c
	rseq basic_percpu_ops_test basic_percpu_ops_test.c
	rseq basic_percpu_ops_mm_cid_test basic_percpu_ops_test.c -DBUILDOPT_RSEQ_PERCPU_MM_CID
	rseq param_test param_test.c
	rseq param_test_compare_twice param_test.c -DRSEQ_COMPARE_TWICE
	rseq param_test_mm_cid param_test.c -DBUILDOPT_RSEQ_PERCPU_MM_CID
	find "$out" -type f -exec strip {} +
}

if [ -d "$built" ]; then
	echo "$built"
	exit 0
fi
mkdir -p "$cache"
exec 9>"$cache/lock"
flock --nonblock 9 || { say "another build holds $cache/lock; waiting for it"; flock 9; }
if [ ! -d "$built" ]; then
	rm -rf "$cache"/tmp-* # of builds that did not end: nobody else holds the lock
	new=$(mktemp -d "$cache/tmp-XXXXXX")
	trap 'rm -rf "$new"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	tests=$new/tools/testing/selftests out=$new/out
	say "unpacking the kernel's source"
	unpack
	say "compiling; $cache/build.log has what the tools say"
	compile >"$cache/build.log" 2>&1 9>&- & # "set -e" does not hold in what an "if" tests
	if ! wait $!; then
		say "that failed; the end of the log:"
		tail -n 20 "$cache/build.log" >&2
		exit 1
	fi
	chmod 755 "$out"
	mv "$out" "$built"
	say "done: $(find "$built" -type f | wc -l) programs, $(du -sh "$built" | cut -f 1)"
fi
echo "$built"
