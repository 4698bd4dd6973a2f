// floor: what a virtual machine costs at the least.
//
// It sets up the same machine as `terem run` and with the same system calls, loads a PVH guest, runs
// it on a thread of its own, and knows three ports: 0x3f8 is standard output, 0x64 ends the guest, and
// the others take what they get. There is no other device, no error to recover from, and no runtime.
//
//   usage: floor [-b] GUEST.elf
//
// With -b it leaves out what a guest this small does not need: the timer chip, and the few instructions
// by which terem finds out whether KVM runs all of a guest by itself.
//
// KVM's interface is described in the kernel's Documentation/virt/kvm/api.rst.

#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	RAM_SIZE = 128 << 20,
	TSS_ADDR = 0xfffbd000,
	IDENTITY_MAP_ADDR = 0xfffbc000,
	START_INFO = 0x2000,
	COM1_PORT = 0x3f8, COM1_GSI = 4, SCI_GSI = 9,
	I8042_PORT = 0x64, I8042_RESET = 0xfe,
	MAX_CPUID = 256,
	NOTE_PHYS32_ENTRY = 18, // xen/include/public/elfnote.h
	START_MAGIC = 0x336ec578, // struct hvm_start_info
};

struct machine {
	int kvm, vm, vcpu;
	uint8_t *ram;
	struct kvm_run *run;
	uint32_t entry;
	const char *path;
	int bare;
};

static int must(int result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
	return result;
}

#define IOCTL(fd, request, arg) must(ioctl(fd, request, arg), #request)

// The memory slot comes before the interrupt chips: a change of slots after those waits for readers.
static void make_vm(struct machine *m)
{
	uint64_t identity = IDENTITY_MAP_ADDR;
	m->kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	if (IOCTL(m->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		errx(1, "unexpected version of the KVM API");
	m->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->ram == MAP_FAILED)
		err(1, "mmap");
	m->vm = IOCTL(m->kvm, KVM_CREATE_VM, 0);
	struct kvm_userspace_memory_region slot = {
		.memory_size = RAM_SIZE, .userspace_addr = (uintptr_t)m->ram,
	};
	IOCTL(m->vm, KVM_SET_USER_MEMORY_REGION, &slot);
	IOCTL(m->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	IOCTL(m->vm, KVM_SET_TSS_ADDR, TSS_ADDR);
	IOCTL(m->vm, KVM_CREATE_IRQCHIP, 0);
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	if (!m->bare)
		IOCTL(m->vm, KVM_CREATE_PIT2, &pit);
}

static void make_irq(struct machine *m, uint32_t gsi)
{
	struct kvm_irqfd line = { .fd = must(eventfd(0, EFD_CLOEXEC), "eventfd"), .gsi = gsi };
	IOCTL(m->vm, KVM_IRQFD, &line);
}

static void make_vcpu(struct machine *m)
{
	static struct { struct kvm_cpuid2 head; struct kvm_cpuid_entry2 entries[MAX_CPUID]; } cpuid;
	cpuid.head.nent = MAX_CPUID;
	IOCTL(m->kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	int size = IOCTL(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	m->vcpu = IOCTL(m->vm, KVM_CREATE_VCPU, 0);
	m->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		err(1, "mmap of the vCPU");
	IOCTL(m->vcpu, KVM_SET_CPUID2, &cpuid);
}

static void read_at(int fd, void *to, size_t size, off_t offset)
{
	if (pread(fd, to, size, offset) != (ssize_t)size)
		errx(1, "the guest's file is too short");
}

// find_entry looks for the address that a PVH loader jumps to.
static void find_entry(struct machine *m, const uint8_t *notes, size_t size)
{
	while (size >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		memcpy(&n, notes, sizeof n);
		size_t name = (n.n_namesz + 3) & ~3, whole = sizeof n + name + ((n.n_descsz + 3) & ~3);
		if (whole > size)
			return;
		if (n.n_type == NOTE_PHYS32_ENTRY && n.n_descsz >= 4)
			memcpy(&m->entry, notes + sizeof n + name, 4);
		notes += whole;
		size -= whole;
	}
}

static void load(struct machine *m)
{
	Elf64_Ehdr head;
	int fd = must(open(m->path, O_RDONLY | O_CLOEXEC), m->path);
	read_at(fd, &head, sizeof head, 0);
	for (int i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr p;
		read_at(fd, &p, sizeof p, head.e_phoff + i * sizeof p);
		if (p.p_paddr > RAM_SIZE || p.p_filesz > RAM_SIZE - p.p_paddr)
			errx(1, "%s does not fit", m->path);
		if (p.p_type == PT_LOAD)
			read_at(fd, m->ram + p.p_paddr, p.p_filesz, p.p_offset);
		if (p.p_type == PT_NOTE)
			find_entry(m, m->ram + p.p_paddr, p.p_filesz);
	}
	if (!m->entry)
		errx(1, "%s: no PVH entry", m->path);
	uint32_t magic = START_MAGIC;
	memcpy(m->ram + START_INFO, &magic, sizeof magic);
	close(fd);
}

// Where the probe puts its page tables and its code, and the MSRs that SYSCALL reads.
enum {
	PROBE_TABLES = 0x9000, PROBE_SYSCALL = 0x10000, PROBE_TARGET = 0x10040,
	MSR_STAR = 0xc0000081, MSR_LSTAR = 0xc0000082, MSR_FMASK = 0xc0000084,
};

struct probe_msrs { struct kvm_msrs head; struct kvm_msr_entry entries[3]; };

// probe_at runs a few instructions in long mode and user mode, and whatever comes of it will do.
static void probe_at(struct machine *m, const struct kvm_sregs *saved, uint32_t rip)
{
	struct kvm_sregs s = *saved;
	struct kvm_segment data = { .limit = ~0u, .selector = 0x2b, .type = 3, .present = 1, .dpl = 3, .db = 1, .s = 1, .g = 1 };
	s.cr0 = 0x80000021;
	s.cr3 = PROBE_TABLES;
	s.cr4 = 0x20;
	s.efer = 0x501; // LMA, LME, SCE
	s.ds = s.es = s.ss = s.cs = data;
	s.cs.selector = 0x33;
	s.cs.type = 0xb;
	s.cs.db = 0;
	s.cs.l = 1;
	struct kvm_regs r = { .rip = rip, .rsp = PROBE_SYSCALL + 0x100, .rflags = 0x3002 };
	IOCTL(m->vcpu, KVM_SET_SREGS, &s);
	IOCTL(m->vcpu, KVM_SET_REGS, &r);
	ioctl(m->vcpu, KVM_RUN, 0);
	m->run->immediate_exit = 1; // finish a port write that is half done
	ioctl(m->vcpu, KVM_RUN, 0);
	m->run->immediate_exit = 0;
}

// probe tries SYSCALL in user mode, and puts everything back.
static void probe(struct machine *m)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;
	struct probe_msrs saved = { { .nmsrs = 3 }, { { .index = MSR_STAR }, { .index = MSR_LSTAR }, { .index = MSR_FMASK } } };
	struct probe_msrs ours = { { .nmsrs = 3 }, { { .index = MSR_STAR, .data = 0x10ull << 32 },
		{ .index = MSR_LSTAR, .data = PROBE_TARGET }, { .index = MSR_FMASK, .data = 0x200 } } };
	uint64_t tables[3] = { (PROBE_TABLES + 0x1000) | 7, (PROBE_TABLES + 0x2000) | 7, 0x87 };
	IOCTL(m->vcpu, KVM_GET_REGS, &regs);
	IOCTL(m->vcpu, KVM_GET_SREGS, &sregs);
	IOCTL(m->vcpu, KVM_GET_VCPU_EVENTS, &events);
	IOCTL(m->vcpu, KVM_GET_MSRS, &saved);
	for (int i = 0; i < 3; i++)
		memcpy(m->ram + PROBE_TABLES + i * 0x1000, &tables[i], 8);
	memcpy(m->ram + PROBE_SYSCALL, "\x0f\x05", 2);      // syscall
	memcpy(m->ram + PROBE_TARGET, "\xe6\x80", 2);       // out 0x80, al
	IOCTL(m->vcpu, KVM_SET_MSRS, &ours);
	probe_at(m, &sregs, PROBE_SYSCALL);
	IOCTL(m->vcpu, KVM_SET_SREGS, &sregs);
	IOCTL(m->vcpu, KVM_SET_MSRS, &saved);
	IOCTL(m->vcpu, KVM_SET_REGS, &regs);
	IOCTL(m->vcpu, KVM_SET_VCPU_EVENTS, &events);
	memset(m->ram + PROBE_TABLES, 0, 0x3000);
	memset(m->ram + PROBE_SYSCALL, 0, 0x100);
}

// set_registers enters 32-bit protected mode with flat segments, as PVH wants it.
static void set_registers(struct machine *m)
{
	struct kvm_sregs s;
	struct kvm_segment flat = { .limit = ~0u, .selector = 0x10, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1 };
	IOCTL(m->vcpu, KVM_GET_SREGS, &s);
	s.ds = s.es = s.fs = s.gs = s.ss = flat;
	s.cs = flat;
	s.cs.selector = 0x8;
	s.cs.type = 0xb;
	s.cr0 |= 1;
	IOCTL(m->vcpu, KVM_SET_SREGS, &s);
	struct kvm_regs r = { .rip = m->entry, .rbx = START_INFO, .rflags = 2 };
	IOCTL(m->vcpu, KVM_SET_REGS, &r);
}

// port_write answers an OUT; it returns 0 when the guest asks for a reset.
static int port_write(uint16_t port, const uint8_t *data, size_t size)
{
	if (port == COM1_PORT && write(STDOUT_FILENO, data, size) != (ssize_t)size)
		err(1, "standard output");
	return !(port == I8042_PORT && *data == I8042_RESET);
}

static void *run(void *arg)
{
	struct machine *m = arg;
	make_vcpu(m);
	if (!m->bare)
		probe(m);
	load(m);
	set_registers(m);
	for (;;) {
		IOCTL(m->vcpu, KVM_RUN, 0);
		if (m->run->exit_reason != KVM_EXIT_IO)
			errx(1, "unexpected exit %u", m->run->exit_reason);
		const uint8_t *data = (uint8_t *)m->run + m->run->io.data_offset;
		if (m->run->io.direction != KVM_EXIT_IO_OUT)
			errx(1, "the guest reads port %#x", m->run->io.port);
		if (!port_write(m->run->io.port, data, m->run->io.size))
			return NULL;
	}
}

int main(int argc, char **argv)
{
	struct machine m = { 0 };
	pthread_t thread;
	m.bare = argc > 1 && !strcmp(argv[1], "-b");
	if (argc != 2 + m.bare)
		errx(2, "usage: floor [-b] GUEST.elf");
	m.path = argv[argc - 1];
	make_vm(&m);
	make_irq(&m, COM1_GSI);
	make_irq(&m, SCI_GSI);
	if (pthread_create(&thread, NULL, run, &m) || pthread_join(thread, NULL))
		errx(1, "thread");
	return 0;
}
