package demo

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"terem/internal/lab/place"
)

// Namespaces are one demonstration for each kind.
func Namespaces() []Demo {
	return []Demo{
		{
			Name: "uts", Title: "UTS: the name of the machine",
			Idea:  "A host name belongs to a UTS namespace. Whoever has another one may change its name, and nobody else notices.",
			Enter: unshareLine("--uts"), open: unshared("--uts"),
			Steps: []Step{
				{Outside, "readlink /proc/self/ns/uts"}, {Inside, "readlink /proc/self/ns/uts"},
				{Outside, "hostname"}, {Inside, "hostname"}, {Inside, "hostname inside; hostname"}, {Outside, "hostname"},
			},
			Lesson: "It had the name of the outside at first, and changed its own.",
			Shown: func(s [][]string) bool {
				return differ(s[0], s[1]) && same(s[2], s[3]) && same(s[4], []string{"inside"}) && same(s[5], s[2])
			},
		},
		{
			Name: "pid", Title: "PID: the numbers of processes",
			Idea:  "A process has a number in its own PID namespace, and one in each that is above it. It sees those below, and none beside it.",
			Enter: unshareLine("--pid --fork --mount-proc"), open: unshared("-p", "-f", "--mount-proc"),
			Steps: []Step{
				{Inside, "echo I am process $$"}, {Inside, "sleep $LONG &"}, {Inside, "ls -d /proc/[0-9]* | wc -l"}, {Outside, "ls -d /proc/[0-9]* | wc -l"},
				{Inside, "grep NSpid $(its)/status"},
				{Outside, "grep NSpid $(its)/status"},
			},
			Lesson: "The shell is process 1 of its own world ($(its) is the directory in /proc of that sleep). One and the same sleep has a small number inside, and a second, larger one outside.",
			Shown: func(s [][]string) bool {
				inner, outer := numbers(s[4]), numbers(s[5])
				return same(s[0], []string{"I am process 1"}) && number(s[2]) < number(s[3]) && len(inner) == 1 && len(outer) > 1 && outer[len(outer)-1] == inner[0]
			},
		},
		{
			Name: "net", Title: "NET: interfaces, addresses, ports",
			Idea:  "A network namespace has interfaces, routes, ports and firewall rules of its own. A new one has a loopback interface that is down, and nothing else.",
			Enter: unshareLine("--net"), open: unshared("--net"),
			Steps: []Step{
				{Outside, "readlink /proc/self/ns/net"}, {Inside, "readlink /proc/self/ns/net"},
				{Outside, "ip -o link | cut -d: -f2"}, {Inside, "ip -o link | cut -d: -f2"},
				{Inside, "ip -o -4 addr | wc -l"}, {Inside, "ip link set lo up; ip -o -4 addr | wc -l"},
			},
			Lesson: "Inside there is lo alone, and its address comes when it is switched on: it is another lo.",
			Shown: func(s [][]string) bool {
				return differ(s[0], s[1]) && len(s[3]) == 1 && number(s[4]) == 0 && number(s[5]) == 1
			},
		},
		{
			Name: "mnt", Title: "MNT: what is mounted where",
			Idea:  "A mount namespace is a table of mounts. A new one begins as a copy, and what is mounted then is in one of them alone.",
			Enter: unshareLine("--mount"), open: unshared("--mount"),
			Steps: []Step{
				{Outside, "ls $DIR"}, {Inside, "mount -t tmpfs mine $DIR; echo hello > $DIR/file; ls $DIR"}, {Outside, "ls $DIR"},
				{Inside, "grep -c ^mine /proc/self/mounts"}, {Outside, "grep -c ^mine /proc/self/mounts"},
			},
			Lesson: "The same path leads to a file inside, and to an empty directory outside.",
			Shown: func(s [][]string) bool {
				return len(s[0]) == 0 && same(s[1], []string{"file"}) && len(s[2]) == 0 && number(s[3]) == 1 && number(s[4]) == 0
			},
		},
		{
			Name: "ipc", Title: "IPC: shared memory, semaphores, queues",
			Idea:  "System V IPC and POSIX message queues are found by keys and names, and those belong to an IPC namespace, with their limits.",
			Enter: unshareLine("--ipc"), open: unshared("--ipc"),
			Steps: []Step{
				{Outside, "readlink /proc/self/ns/ipc"}, {Inside, "readlink /proc/self/ns/ipc"},
				{Outside, "wc -l < /proc/sysvipc/shm"}, {Inside, "wc -l < /proc/sysvipc/shm"},
				{Outside, "cat /proc/sys/kernel/msgmax"}, {Inside, "echo 1234 > /proc/sys/kernel/msgmax; cat /proc/sys/kernel/msgmax"}, {Outside, "cat /proc/sys/kernel/msgmax"},
			},
			Lesson: "The list of shared memory (its first line is a heading) is empty inside, and the longest message was changed there alone.",
			Shown: func(s [][]string) bool {
				return differ(s[0], s[1]) && number(s[3]) == 1 && same(s[5], []string{"1234"}) && same(s[4], s[6])
			},
		},
		{
			Name: "user", Title: "User: who is root",
			Idea:  "A user namespace maps its numbers of users to others outside. Root inside has all rights over what belongs to the namespace, and none outside.",
			Enter: containerLine, open: contained,
			Steps: []Step{
				{Inside, "id -u"}, {Inside, "cat /proc/self/uid_map | tr -s ' '"}, {Inside, "sleep $LONG &"},
				{Outside, "grep ^Uid $(its)/status | cut -f 2"},
				{Inside, "mknod /tmp/null c 1 3"},
			},
			Lesson: "Root inside is another user outside (the map: first inside, first outside, how many), and may not make even a file for the device null: devices belong to the machine, and to no namespace.",
			Shown: func(s [][]string) bool {
				m := numbers(s[1])
				return same(s[0], []string{"0"}) && len(m) == 3 && len(s[3]) == 1 && number(s[3]) == m[1] && strings.Contains(strings.Join(s[4], ""), "not permitted")
			},
		},
		{
			Name: "time", Title: "Time: since when the machine runs",
			Idea:  "A time namespace shifts the clocks that count since the machine was started. The time of day is not one of them.",
			Enter: unshareLine("--time --boottime 864000"), open: later,
			Steps: []Step{
				{Outside, "cut -d. -f1 /proc/uptime"}, {Inside, "cut -d. -f1 /proc/uptime"}, {Inside, "cat /proc/self/timens_offsets | tr -s ' '"},
				{Outside, "date +%Y-%m-%d"}, {Inside, "date +%Y-%m-%d"},
			},
			Lesson: "Inside, the machine has run for ten days more. The date is the same.",
			Shown: func(s [][]string) bool {
				const tenDays = 864000
				return number(s[1]) >= number(s[0])+tenDays && same(s[3], s[4])
			},
		},
		{
			Name: "cgroup", Title: "Cgroup: where the control groups begin",
			Idea:  "A cgroup namespace hides the groups above: the one in which it was made is its root. It bounds nothing: the groups do.",
			Enter: containerLine, open: contained,
			Steps: []Step{
				{Outside, "readlink /proc/self/ns/cgroup"}, {Inside, "readlink /proc/self/ns/cgroup"}, {Inside, "cut -d: -f3 /proc/self/cgroup | sort -u"}, {Inside, "sleep $LONG &"},
				{Outside, "cut -d: -f3 $(its)/cgroup | sort -u | tail -n 1"},
			},
			Lesson: "Inside, its group is called /. Outside, the same group has a longer path.",
			Shown: func(s [][]string) bool {
				return differ(s[0], s[1]) && same(s[2], []string{"/"}) && len(s[4]) == 1 && len(s[4][0]) > 1
			},
		},
	}
}

// The comparisons of lessons.
func same(a, b []string) bool   { return len(a) > 0 && slices.Equal(a, b) }
func differ(a, b []string) bool { return len(a) == 1 && len(b) == 1 && a[0] != b[0] }

// number is the number in the only line; -1 if there is none.
func number(lines []string) int {
	if n := numbers(lines); len(lines) == 1 && len(n) == 1 {
		return n[0]
	}
	return -1
}

// numbers are those in a line.
func numbers(lines []string) (all []int) {
	for _, f := range strings.Fields(strings.Join(lines, " ")) {
		if n, err := strconv.Atoi(f); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// rootOnly makes an ordinary user root of a user namespace: the other namespaces belong to that.
func rootOnly() []string {
	if os.Getuid() == 0 {
		return nil
	}
	return []string{"-r"}
}

func unshareLine(flags string) string {
	if len(rootOnly()) > 0 {
		flags = "--map-root-user " + flags
	}
	return "unshare " + flags + " sh"
}

// script is the loop with the names that steps use.
func script(w *place.Workspace, tag string) string {
	return "export PATH=" + w.Programs() + " LC_ALL=C; DIR=" + w.Spare() + "\n" + named(tag)
}

// named is the loop with LONG, a time for sleep that no other has, and its, which finds that sleep's directory in /proc. It may
// not be sleep yet when it is looked for.
func named(tag string) string {
	return "LONG=" + digits(tag) + `
its() {
    until found=$(grep -l "^sleep.$LONG" /proc/[0-9]*/cmdline 2>/dev/null | head -n 1); [ "$found" ]; do usleep 20000; done
    echo ${found%/cmdline}
}
` + loop
}

// digits makes a number of a token.
func digits(tag string) string {
	n, _ := strconv.ParseUint(tag, 16, 64) // a token is that
	const least, span = 1e8, 1e8
	return strconv.FormatUint(least+n%span, 10)
}

func unshared(flags ...string) func(*place.Workspace, string) ([]string, []string) {
	return func(w *place.Workspace, tag string) (outside, inside []string) {
		sh := w.Shell(script(w, tag))
		inside = append(append([]string{sh[0], "unshare"}, rootOnly()...), flags...)
		return sh, append(inside, sh...)
	}
}

const containerLine = "terem container run"

func contained(w *place.Workspace, tag string) (outside, inside []string) {
	return w.Shell(script(w, tag)), w.Container(named(tag))
}

// later has ten days more behind it. Busybox's unshare knows no time namespaces: this is that of util-linux.
func later(w *place.Workspace, tag string) (outside, inside []string) {
	sh := w.Shell(script(w, tag))
	inside = []string{"unshare", "--time", "--boottime", "864000"}
	if os.Getuid() != 0 {
		inside = append(inside, "--map-root-user")
	}
	return sh, append(inside, sh...)
}
