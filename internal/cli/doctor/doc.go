// Package doctor finds out what this host can do for terem: whether /dev/kvm is
// there and opens, what stands behind it, and which container engines and build
// tools are installed. For each thing that is missing it gives the command that
// mends it.
//
// [Examine] looks, and never fails: what it cannot find out is a finding too. It
// changes nothing on the host; it reads files under /proc, /sys and /etc, asks
// /dev/kvm, runs a loop of one register in a VM for some milliseconds, and runs
// the engines with --version, each for two seconds at the most.
//
// # The report as JSON
//
// The names below are stable; new ones may be added. A change of meaning raises
// "schema".
//
//	schema        1
//	ready         true: `terem run` can start a VM here
//	summary       the same in one sentence
//	host          cpu, vendor, cores, threads, memory_bytes, available_bytes,
//	              kernel, os
//	platform      virtual, hypervisor, signature, type ("1", "2", "hybrid",
//	              "unknown"), type_note, product; container ("" if in none),
//	              container_note
//	kvm           a check, and path, mode, owner, group, opened, api_version,
//	              vcpus_advised, vcpus_most, guest_features
//	backend       a check, and kind ("vt-x", "amd-v", "software", "unknown",
//	              "none"), module, cpu_flag, hardware_features,
//	              instructions_per_second, defects
//	capabilities  a list of checks, each with cap, its KVM_CAP number, and value
//	isolation     cgroups, user_namespaces: checks, with version ("v1", "v2",
//	              "hybrid", "none") and controllers
//	engines       a list of checks, each with path, version, package
//	guest         kernel, cache, tools: checks, with kernel_version, cache_dir,
//	              free_bytes, missing_packages
//
// A check is
//
//	name          of the thing that was looked at
//	state         "ok", "warn" (there, but not as it should be) or "missing"
//	required      true: `terem run` cannot work without it
//	detail        what was found
//	why           what follows from a state other than ok
//	mend          the command that mends it
//
// Read first: report.go, then examine.go and one of the files that it calls.
package doctor
