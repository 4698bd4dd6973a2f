// The network: the loopback interface, and the other one. What there is to know of that, the host knows, so nobody asks for it:
//
//   terem.net=B   sets the interface up, and carries out messages to rtnetlink(7), in base64url without padding (guest/cmdline/net.go): addresses and
//                 routes. One about an address wants the interface's index, which is filled in here; and one of type NLMSG_DONE is not for the
//                 kernel: it has the text of resolv.conf. B may be empty
#include <linux/fcntl.h>
#include <linux/if.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "init.h"

enum { AF_INET_ = 2, AF_NETLINK_ = 16, SOCK_DGRAM_ = 2, SOCK_RAW_ = 3 };

static const char resolv[] = "/etc/resolv.conf", resolv_text[] = "/run/resolv.conf";

// interface_up sets an interface up, and returns its index; 0: there is none.
static int interface_up(const char *name)
{
	struct ifreq r = {.ifr_flags = IFF_UP | IFF_RUNNING};
	long fd = sys3(__NR_socket, AF_INET_, SOCK_DGRAM_, 0);

	memcpy(r.ifr_name, name, length(name));
	sys3(__NR_ioctl, fd, SIOCSIFFLAGS, &r);
	r.ifr_ifindex = 0;
	sys3(__NR_ioctl, fd, SIOCGIFINDEX, &r);
	sys1(__NR_close, fd);
	return r.ifr_ifindex;
}

void loopback_up(void)
{
	interface_up("lo");
}

// carry_out sends a message, and says whether the kernel has done what that says.
static int carry_out(long fd, const struct nlmsghdr *m)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} answer;

	return sys3(__NR_write, fd, m, m->nlmsg_len) > 0 && sys3(__NR_read, fd, &answer, sizeof answer) > 0 && !answer.e.error;
}

// put makes a file, if it is not there, and writes to it.
static void put(const char *name, const char *text, long n)
{
	long fd = sys3(__NR_open, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	sys3(__NR_write, fd, text, n);
	sys1(__NR_close, fd);
}

// resolve puts a text where programs look for name servers: over the disk's own file, which stays as it is.
static int resolve(const char *text, long n)
{
	put(resolv_text, text, n);
	put(resolv, 0, 0);
	sys5(__NR_mount, resolv_text, resolv, 0, MS_BIND, 0);
	return 1;
}

const char *net_up(const struct options *o)
{
	long n = o->net_size, fd;
	char *at = o->net;
	int index, ok = 1;

	if (!at)
		return 0;
	index = interface_up("eth0");
	fd = sys3(__NR_socket, AF_NETLINK_, SOCK_RAW_, NETLINK_ROUTE);
	while (ok && n > 0) {
		struct nlmsghdr *m = (struct nlmsghdr *)at;

		if (m->nlmsg_type == RTM_NEWADDR)
			((struct ifaddrmsg *)NLMSG_DATA(m))->ifa_index = (unsigned)index;
		ok = m->nlmsg_type == NLMSG_DONE ? resolve(NLMSG_DATA(m), m->nlmsg_len - NLMSG_HDRLEN) : carry_out(fd, m);
		at += m->nlmsg_len;
		n -= m->nlmsg_len;
	}
	sys1(__NR_close, fd);
	return ok ? 0 : "set up its network";
}
