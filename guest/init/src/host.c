// What init tells the host, through two I/O ports of terem's (guest/cmdline names them for Go):
//
//   port   access  meaning
//   0x5F8  W, 1    exit status of the command, 0 to 255: the machine ends at once
//   0x5F9  W, 1    1: power off; 3: init takes standard input, and each time RELAY_MORE bytes;
//                  4: init begins; 5: init executes the command (these two only mark the time)
//
// /dev/port costs one system call and one exit; it stays open as PORT_FD, but not in what init executes. Under
// another hypervisor nobody listens there, so each request is followed by what every machine understands.
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/reboot.h>
#include <linux/stat.h>

#include "init.h"

enum { PORT_STATUS = 0x5F8, PORT_EVENT = 0x5F9, POWER_OFF = 1, LISTENING = 3, BEGAN = 4, EXECUTING = 5 };

enum { PORT_FD = 3, PORT_DEVICE = 1 << 8 | 4 }; // admin-guide/devices.txt: 1 char, 4 = /dev/port

static void port_open(void)
{
	long fd = sys3(__NR_open, "/dev/port", O_WRONLY | O_CLOEXEC, 0);

	if (fd < 0 || fd == PORT_FD)
		return;
	sys3(__NR_dup3, fd, PORT_FD, O_CLOEXEC);
	sys1(__NR_close, fd);
}


static void port_write(long port, unsigned char value)
{
	if (sys4(__NR_pwrite64, PORT_FD, &value, 1, port) >= 0)
		return;
	port_open();
	sys4(__NR_pwrite64, PORT_FD, &value, 1, port);
}

static void kernel_reboot(unsigned how)
{
	sys4(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, how, 0);
}

__attribute__((noreturn)) static void finish(unsigned how)
{
	kernel_reboot(how);
	// A kernel without ACPI cannot power off; a reset ends the machine as well.
	kernel_reboot(LINUX_REBOOT_CMD_RESTART);
	for (;;)
		sys0(__NR_pause);
}

// host_began comes before devtmpfs is mounted: it makes the device itself.
void host_began(void)
{
	sys3(__NR_mknod, "/dev/port", S_IFCHR | 0600, PORT_DEVICE);
	port_write(PORT_EVENT, BEGAN);
}

void host_executing(void)
{
	port_write(PORT_EVENT, EXECUTING);
}

void host_listen(void)
{
	port_write(PORT_EVENT, LISTENING);
}

// settle leaves every disk as if it had been unmounted: nobody writes, all is on it, and the root file
// system is clean if it is a disk's.
static void settle(void)
{
	sys2(__NR_kill, -1, SIGKILL);
	while (sys4(__NR_wait4, -1, 0, 0, 0) > 0)
		;
	relay_drain();
	console_drain();
	sys0(__NR_sync);
	sys5(__NR_mount, 0, "/", 0, MS_REMOUNT | MS_RDONLY, 0);
}

void host_exit(int status)
{
	settle();
	port_write(PORT_STATUS, (unsigned char)status);
	finish(LINUX_REBOOT_CMD_RESTART);
}

void host_power_off(void)
{
	settle();
	port_write(PORT_EVENT, POWER_OFF);
	finish(LINUX_REBOOT_CMD_POWER_OFF);
}

void host_reset(void)
{
	settle();
	finish(LINUX_REBOOT_CMD_RESTART);
}
