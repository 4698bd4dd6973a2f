// Instructions that a program may not execute, or that KVM may have to carry out for it: what each ends in.
#include "hostile.h"

static unsigned char *page; // executable and writable, below 4 GiB

static void report(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	long off = (unsigned char *)u->uc_mcontext.gregs[REG_RIP] - page;

	printf("signal %d, code %d, ", sig, info->si_code);
	if (off >= 0 && off < 4096)
		printf("at +%ld", off);
	else
		printf("at %#llx", u->uc_mcontext.gregs[REG_RIP]);
	printf(", cs %#llx, trap %lld, error %#llx\n", u->uc_mcontext.gregs[REG_CSGSFS] & 0xffff,
	       u->uc_mcontext.gregs[REG_TRAPNO], u->uc_mcontext.gregs[REG_ERR]);
	fflush(stdout);
	_exit(0);
}

// start executes the page with RSP, RSI and RDI set; UD2 fills what is behind the instruction.
static void start(uint64_t rsp)
{
	asm volatile("mov %0, %%rsp\n\tmov %2, %%edi\n\tmov %2, %%esi\n\txor %%eax, %%eax\n\txor %%ecx, %%ecx\n\t"
		     "xor %%edx, %%edx\n\tcld\n\tjmp *%1"
		     :: "r"(rsp), "r"(page), "r"((unsigned)(uintptr_t)page + 2048) : "rax", "rcx", "rdx", "rsi", "rdi", "memory");
	__builtin_unreachable();
}

static void try(const char *name, const char *hex, uint64_t rsp)
{
	printf("%s: ", name);
	fflush(stdout);
	pid_t p = fork();

	if (p) {
		int status;

		waitpid(p, &status, 0);
		if (WIFSIGNALED(status))
			printf("killed by %d\n", WTERMSIG(status));
		return;
	}
	for (int i = 0; i < 4096; i += 2)
		memcpy(page + i, "\x0f\x0b", 2);
	for (int i = 0; hex[2 * i]; i++)
		sscanf(hex + 2 * i, "%2hhx", page + i);
	catch_all(report);
	alarm(20);
	start(rsp);
}

static const char *const list[][2] = {
	{"ud2", "0f0b"}, {"ud1", "0fb9c0"}, {"ud0", "0fffc0"}, {"int3", "cc"}, {"cd03", "cd03"}, {"int1", "f1"},
	{"int 0", "cd00"}, {"int 1", "cd01"}, {"int 2", "cd02"}, {"int 4", "cd04"}, {"int 6", "cd06"}, {"int 8", "cd08"},
	{"int 13", "cd0d"}, {"int 14", "cd0e"}, {"int 32", "cd20"}, {"int 0xec", "cdec"}, {"int 0xff", "cdff"},
	{"into", "ce"}, {"hlt", "f4"}, {"cli", "fa"}, {"sti", "fb"}, {"in", "ec"}, {"out", "ee"}, {"insb", "6c"},
	{"outsb", "6e"}, {"lgdt", "0f0117"}, {"lidt", "0f011f"}, {"lldt", "0f00d0"}, {"ltr", "0f00d8"}, {"lmsw", "0f01f0"},
	{"clts", "0f06"}, {"invd", "0f08"}, {"wbinvd", "0f09"}, {"invlpg", "0f013f"}, {"mov cr0", "0f20c0"},
	{"to cr3", "0f22d8"}, {"mov dr7", "0f21f8"}, {"to dr0", "0f23c0"}, {"rdmsr", "0f32"}, {"wrmsr", "0f30"},
	{"swapgs", "0f01f8"}, {"clac", "0f01ca"}, {"stac", "0f01cb"}, {"xsetbv", "0f01d1"}, {"xsaves", "0fc72f"},
	{"sysret", "480f07"}, {"sysexit", "0f35"}, {"sysenter", "0f34"}, {"verr 0; verw 0", "0f00e10f00e9"},
	{"lar, lsl", "0f02c10f03c1"}, {"lock nop", "f090"}, {"lock add eax, ecx", "f001c8"}, {"16 bytes", "66666666666666666666666666666690"},
	{"div by 0", "f7f1"}, {"push cs; pop ss", "0e17"}, {"mov ss, 0x10", "b8100000008ed0"}, {"mov ss, 0", "31c08ed0"},
	{"mov fs, 0x10", "b8100000008ee0"}, {"mov gs, 0xfff8", "b8f8ff00008ee8"}, {"mov cs", "8ec8"},
	{"jump, not canonical", "48b80000000000008000ffe0"}, {"jump to the kernel", "48b80000000080ffffffffe0"},
	{"read, not canonical", "48b80000000000008000488b00"}, {"write to the kernel", "48b80000000080ffffff488900"},
	{"read below 0", "a100f0ffffffffffff"}, {"lret to 0", "6a006a0048cb"}, {"lret to the kernel", "6a106a0048cb"},
	{"iretq, null SS", "6a006a0068020200006a336a0048cf"}, {"iretq, kernel CS", "6a2b6a0068020200006a106a0048cf"},
	{"iretq, kernel SS", "6a186a0068020200006a336a0048cf"}, {"pushf NT; popf; iretq", "9c810c24004000009d48cf"},
	{"popf TF; nop; nop", "9c810c24000100009d9090"}, {"popf TF; syscall", "b86e0000009c810c24000100009d0f0590"},
	{"popf AC; mov eax, [rdi+1]", "9c810c24000004009d8b4701"}, {"popf IOPL; cli", "9c810c24003000009dfa"},
	{"popf VM, RF", "9c810c24000003009d"}, {"fld; fdiv", "d9e8d9eed8f1"}, {"movaps, odd", "0f284701"},
};

// narrow is code of 32 bits, at page + 0x40: PUSH 0x23, PUSH 0x10000040, LRETQ lead there.
static const char *const narrow[][2] = {
	{"32-bit ud2", "0f0b"}, {"32-bit nop; hlt", "90f4"}, {"32-bit int 0x20", "cd20"}, {"32-bit into", "b8ffffff7f83c001ce"},
	{"32-bit bound", "6207"}, {"32-bit push es; popa", "0661"}, {"32-bit daa", "27"}, {"32-bit lcall 0x33:0", "9a000000003300"},
	{"32-bit arpl", "63c8"}, {"32-bit mov ss, 0", "31c08ed0"}, {"32-bit mov ds, 0; read", "31c08ed8a100000000"},
};

void instructions(void)
{
	page = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (page == MAP_FAILED) {
		perror("instructions");
		exit(1);
	}
	uint64_t stack = (uintptr_t)page + 3072;

	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		try(list[i][0], list[i][1], stack);
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
		printf("RSP not canonical, ");
		try(list[i][0], list[i][1], 0x8000000000000000);
	}
	for (unsigned i = 0; i < sizeof narrow / sizeof *narrow; i++) {
		char code[600];

		sprintf(code, "6a23684000001048cb");
		for (int n = strlen(code) / 2; n < 0x40; n++)
			strcat(code, "90");
		strcat(code, narrow[i][1]);
		try(narrow[i][0], code, stack);
	}
}
