# terem: `make run` boots a guest, `make test` runs every test, `make help` lists the rest.

GO      ?= go
TEREM   := bin/terem
PREFIX  ?= /usr/local
RUNARGS ?=
HARDWARE = $(GO) run ./internal/hardware --kernels "$(or $(KERNELS),6.1 6.12)" --run "$(TEST)" --packages "$(PACKAGES)"

.DEFAULT_GOAL := help
.PHONY: help run build install uninstall deb setup guest guest-debian run-debian test test-short test-stock test-debian test-selftests test-selftests-amdv test-selftests-vtx test-crash test-lab test-v2 test-amdv test-vtx test-hardware shell-amdv shell-vtx script-amdv script-vtx bench-vtx bench-amdv compare-amdv compare-vtx emulators fuzz compare engines bench lint golden clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { n++; name[n] = $$1; text[n] = $$2; if (length($$1) > widest) widest = length($$1) } \
		END { for (i = 1; i <= n; i++) printf "  make %-" widest "s  %s\n", name[i], text[i] }' $(MAKEFILE_LIST)

run: guest ## get everything ready and boot Linux on this terminal (RUNARGS="--cpus 2")
	@$(TEREM) run $(RUNARGS)

# What goes into the guest; its hashes are constants of the program.
GUEST_SOURCES = $(wildcard guest/bare/*.go guest/bare/src/* guest/init/src/* guest/agent/src/* guest/probe/src/* guest/reach/src/* guest/kernel/config guest/kernel/patches/* \
	guest/bare/src guest/init/src guest/agent/src guest/probe/src guest/reach/src guest/kernel/patches \
	guest/initramfs/*.go guest/recipe/hash.go)

guest/hashes.go: $(GUEST_SOURCES)
	@$(GO) run ./guest/stamp

build: guest/hashes.go ## compile bin/terem and the programs beside it
	@mkdir -p bin
	@CGO_ENABLED=0 $(GO) build -ldflags "-s -w -X terem/internal/cli/command.build=$$(sh scripts/version.sh)" -o bin/ ./cmd/terem ./cmd/terem-tools ./cmd/terem-net ./cmd/terem-share

install: ## copy terem, its manual pages and completions to PREFIX (default /usr/local), below DESTDIR
	@[ -x bin/terem ] && [ -x bin/terem-tools ] && [ -x bin/terem-net ] && [ -x bin/terem-share ] || $(MAKE) build
	@sh scripts/install.sh "$(DESTDIR)$(PREFIX)"

uninstall: ## take them away again
	@sh scripts/install.sh --remove "$(DESTDIR)$(PREFIX)"

deb: build ## bin/terem.deb, for `apt install ./bin/terem.deb`
	@sh scripts/deb.sh

setup: ## install the Debian packages that are missing (as root; else print the line to run)
	@sh guest/setup.sh

guest: setup build ## build the guest's kernel and initrd, once
	@$(TEREM) guest build

guest-debian: guest ## make a disk image with Debian, once, and print its path
	@sh guest/debian/build.sh

run-debian: guest-debian ## boot Debian to its login (root, no password); it keeps what you change
	@image=$$(sh guest/debian/build.sh) && $(TEREM) run --disk "$$image,overlay=$${image%/*}/changes" $(RUNARGS)

test: guest ## all tests, under the race detector
	@$(GO) test -race -timeout 14m ./...

test-short: build ## the tests that take seconds
	@$(GO) test -short ./...

test-stock: guest ## boot Debian's own cloud kernel; minutes on a software backend
	@sh guest/stock/run.sh

test-debian: guest-debian ## boot Debian, log in, power off; a minute and more on a software backend
	@TEREM_DEBIAN_IMAGE=$$(sh guest/debian/build.sh) TEREM_BINARY=$(CURDIR)/$(TEREM) \
		$(GO) test -race -count 1 -timeout 15m -v -run TestLogin ./guest/debian

test-selftests: guest ## the kernel's own selftests on the host and in a guest, compared (SELFTESTS="x86/ldt_gdt"); as root
	@sh guest/selftests/run.sh

test-crash: guest ## kill terem 50 times while its guest writes and flushes, and look at the disk
	@TEREM_CRASH_ROUNDS=50 $(GO) test -count 1 -timeout 60m -v -run TestKilled ./internal/cli/launch

test-lab: ## grade each solution of the lab's exercises, and each wrong one; as root
	@TEREM_LAB_ALL=1 $(GO) test -count 1 -timeout 10m -run 'TestSolutions|TestStart$$|TestDoesNotCompile|TestWithoutRoot' ./internal/lab/grade

test-v2: guest ## start containers where control groups are of version 2: in a guest; four minutes on a software backend
	@TEREM_V2_BINARY=$(CURDIR)/$(TEREM) $(GO) test -count 1 -timeout 15m -v -run TestUnified ./internal/container

emulators:
	@sh guest/setup.sh qemu-system-x86 bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso lz4 busybox-static

test-amdv: guest emulators ## on an emulated AMD-V, under Debian's kernels: TEST=Name, KERNELS="6.1 6.12"; twenty minutes
	@TEREM_LONG=1 $(HARDWARE) --backend amdv

test-vtx: guest emulators ## the same on an emulated VT-x; longer
	@TEREM_LONG=1 $(HARDWARE) --backend vtx

test-hardware: guest emulators ## the short form, on both; five minutes
	@$(GO) run ./internal/hardware --short --kernels "$(or $(KERNELS),6.1)" --run "$(TEST)"

shell-amdv: guest emulators ## a shell in Debian's kernel on an emulated AMD-V, with terem in PATH
	@$(HARDWARE) --backend amdv --shell

shell-vtx: guest emulators ## the same on an emulated VT-x; it comes after a minute
	@$(HARDWARE) --backend vtx --shell

fuzz: ## run each fuzz target for FUZZTIME (default 60s)
	@sh scripts/fuzz.sh

compare: guest ## measure process, containers and VMs side by side; eight minutes
	@$(TEREM) compare --html compare.html --json compare.json

engines: ## install the container engines that terem compare knows (as root; else print the line to run)
	@sh guest/setup.sh bubblewrap crun runc systemd-container podman docker.io runsc default-jdk-headless qemu-system-x86

# What is measured on an emulated processor: beside peers, which `make engines` installs.
MEASURE = $(GO) run ./internal/hardware --kernels "$(or $(KERNELS),6.1)"

script-amdv: guest emulators ## run SCRIPT, a file for busybox's sh, on an emulated AMD-V, with terem in PATH
	@$(HARDWARE) --backend amdv --script "$(SCRIPT)"

script-vtx: guest emulators ## the same on an emulated VT-x
	@$(HARDWARE) --backend vtx --script "$(SCRIPT)"

bench-vtx: guest emulators ## starts, exits and boots on an emulated VT-x, in instructions, beside the peers; ten minutes
	@$(MEASURE) --backend vtx --measure bench --report bin/bench-vtx.json

bench-amdv: guest emulators ## the same on an emulated AMD-V
	@$(MEASURE) --backend amdv --measure bench --report bin/bench-amdv.json

compare-amdv: guest emulators ## terem compare --quick on an emulated AMD-V; three minutes
	@$(MEASURE) --backend amdv --measure compare --report bin/compare-amdv.json

compare-vtx: guest emulators ## the same on an emulated VT-x; longer
	@$(MEASURE) --backend vtx --measure compare --report bin/compare-vtx.json

test-selftests-amdv: guest emulators ## the kernel's selftests in the outer system and in a guest there, on an emulated AMD-V
	@$(MEASURE) --backend amdv --measure selftests

test-selftests-vtx: guest emulators ## the same on an emulated VT-x
	@$(MEASURE) --backend vtx --measure selftests

bench: guest ## measure start, exits, boot and memory beside the peers
	@$(GO) run ./bench $(BENCHARGS)

lint: ## gofmt, vet, staticcheck, errorlint, shellcheck
	@sh scripts/lint.sh

golden: ## rewrite the golden files of the tests
	@$(GO) test ./boot ./internal/arch ./internal/cli/doctor ./internal/cli/launch ./internal/cli/watch/report ./internal/compare/report ./internal/lab/show ./internal/vm/snapshot -update

clean: ## remove bin/; the guest's cache stays
	@rm -rf bin
