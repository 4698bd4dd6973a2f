package demo

import (
	"slices"
	"strings"

	"terem/internal/lab/place"
)

// Legacy are the demonstrations of control groups in version 1, and of both versions side by side. A controller that has ever had a
// group in version 2 may not be had in version 1 soon: they run in a machine that has booted for them, and is hybrid from then on.
func Legacy() []Demo {
	all := []Demo{trees(), legacyPIDs(), legacyMemory(), legacyCPU(), legacyShares(), legacyFreezer(), devices(), hybrid()}
	for i := range all {
		all[i].Enter, all[i].open, all[i].in = "terem exec MACHINE sh; $V is "+legacyRoot+", where version 1 is mounted", legacy, fresh
	}
	return all
}

// legacyRoot has a directory for each hierarchy of version 1.
const legacyRoot = "/tmp/v1"

// join puts a shell into a group of a hierarchy.
func join(controller string) Step {
	return Step{Inside, "echo $$ > $V/" + controller + "/lab/tasks"}
}

func trees() Demo {
	return Demo{
		Name: "v1-trees", Title: "Version 1: a tree for each controller",
		Idea: "In version 1 each controller has a tree of groups of its own, and a process a place in each. In version 2 there is one tree for all.",
		Steps: []Step{
			{Outside, "ls $V"}, {Outside, "mkdir $V/pids/lab $V/memory/lab"}, join("pids"),
			{Inside, "grep -E ':(pids|memory|):' /proc/self/cgroup | cut -d: -f2-"},
		},
		Lesson: "One shell is in /lab for the pids controller, in / for memory, and in / of version 2 (the line without a name). So a limit of one kind could belong to another set of processes than one of another kind: that is what version 2 has given up.",
		Shown: func(s [][]string) bool {
			return slices.Contains(s[3], "pids:/lab") && slices.Contains(s[3], "memory:/") && slices.Contains(s[3], ":/")
		},
	}
}

func legacyPIDs() Demo {
	return Demo{
		Name: "v1-pids", Title: "Version 1, a limit: processes",
		Idea: "The pids controller has the same files in both versions; only processes are put into a group by another one: tasks.",
		Steps: []Step{
			{Outside, "mkdir $V/pids/lab; echo 5 > $V/pids/lab/pids.max; cat $V/pids/lab/pids.max"}, join("pids"),
			{Inside, "(for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done)"}, {Outside, "cat $V/pids/lab/pids.current"}, {Outside, "(true) && echo I can fork"},
		},
		Lesson: "The group stops at five, and outside nothing is refused.",
		Shown: func(s [][]string) bool {
			n := numbers(s[3])
			return len(n) == 1 && n[0] > 0 && n[0] <= 5 && same(s[4], []string{"I can fork"})
		},
	}
}

func legacyMemory() Demo {
	return Demo{
		Name: "v1-memory", Title: "Version 1, a limit: memory",
		Idea: "memory.limit_in_bytes is what memory.max is in version 2, and memory.failcnt counts how often it was reached.",
		Steps: []Step{
			{Outside, "mkdir $V/memory/lab; echo 16M > $V/memory/lab/memory.limit_in_bytes; cat $V/memory/lab/memory.limit_in_bytes"},
			{Inside, fill("8m")}, {Inside, fill("32m")},
			{Outside, "cat $V/memory/lab/memory.failcnt; grep '^oom_kill ' $V/memory/lab/memory.oom_control"},
		},
		Lesson: "8 MiB fit, 32 MiB do not: their process was killed, and wc counts nothing.",
		Shown: func(s [][]string) bool {
			n := numbers(s[3])
			return number(s[1]) == 8<<20 && !strings.Contains(strings.Join(s[2], " "), "33554432") && len(n) == 2 && n[0] > 0 && n[1] > 0
		},
	}
}

// fill holds so many bytes in the group. The shell that is spoken with stays outside: whoever is in the group may be killed.
func fill(bytes string) string {
	return "sh -c 'echo $$ > $0/tasks; head -c " + bytes + " /dev/zero | tail -c " + bytes + " | wc -c' $V/memory/lab"
}

func legacyCPU() Demo {
	return Demo{
		Name: "v1-cpu-quota", Title: "Version 1, a limit: processor time",
		Idea: "cpu.cfs_quota_us and cpu.cfs_period_us are the two numbers of version 2's cpu.max.",
		Steps: []Step{
			{Outside, "mkdir $V/cpu/lab"}, join("cpu"), {Inside, "probe compute 1000"},
			{Outside, "echo 20000 > $V/cpu/lab/cpu.cfs_quota_us; cat $V/cpu/lab/cpu.cfs_quota_us $V/cpu/lab/cpu.cfs_period_us"},
			{Inside, "probe compute 1000"}, {Outside, "grep throttled $V/cpu/lab/cpu.stat"},
		},
		Lesson: "With 20 of 100 ms it does some fifth (compute says how much in how many nanoseconds). nr_throttled counts the periods in which it had to wait, throttled_time for how many nanoseconds.",
		Shown:  func(s [][]string) bool { return waited(s[5]) },
	}
}

func legacyShares() Demo {
	return Demo{
		Name: "v1-cpu-shares", Title: "Version 1, a priority and accounting: processor time",
		Idea: "cpu.shares is the weight of a group (1024 if nobody says otherwise), and cpuacct.usage counts nanoseconds. Each file is its own controller's; here both are mounted on one tree.",
		Steps: []Step{
			{Outside, "mkdir $V/cpu/light $V/cpu/heavy; echo 4096 > $V/cpu/heavy/cpu.shares; cat $V/cpu/light/cpu.shares $V/cpu/heavy/cpu.shares"},
			{Inside, "for g in light heavy; do sh -c 'echo $$ > $0/tasks; while :; do :; done' $V/cpu/$g & done"}, {Inside, "sleep 4"},
			{Outside, "cat $V/cpu/light/cpuacct.usage $V/cpu/heavy/cpuacct.usage"},
		},
		Lesson: "Two loops on one processor: the one with four times the shares got some four times the nanoseconds.",
		Shown: func(s [][]string) bool {
			n := numbers(s[3])
			return len(n) == 2 && n[0] > 0 && n[1] > 2*n[0]
		},
	}
}

func legacyFreezer() Demo {
	return Demo{
		Name: "v1-freezer", Title: "Version 1, control: a group stands still",
		Idea: "In version 1 freezing is a controller with a tree of its own: freezer.state is FROZEN or THAWED.",
		Steps: []Step{
			{Outside, "mkdir $V/freezer/lab $V/cpu/lab"}, {Inside, "sh -c 'echo $$ > $V/freezer/lab/tasks; echo $$ > $V/cpu/lab/tasks; while :; do :; done' &"}, {Inside, "sleep 1"},
			{Outside, "echo FROZEN > $V/freezer/lab/freezer.state; until grep -q FROZEN $V/freezer/lab/freezer.state; do usleep 10000; done; cat $V/cpu/lab/cpuacct.usage; sleep 1; cat $V/cpu/lab/cpuacct.usage"},
			{Outside, "echo THAWED > $V/freezer/lab/freezer.state; sleep 1; cat $V/cpu/lab/cpuacct.usage"},
		},
		Lesson: "The loop's nanoseconds stand while the group is frozen, and go on afterwards.",
		Shown: func(s [][]string) bool {
			frozen, after := numbers(s[3]), numbers(s[4])
			return len(frozen) == 2 && len(after) == 1 && frozen[0] > 0 && frozen[0] == frozen[1] && after[0] > frozen[1]
		},
	}
}

func devices() Demo {
	return Demo{
		Name: "v1-devices", Title: "Version 1, control: devices",
		Idea: "devices.deny and devices.allow say which device nodes a group may open: c 1:5 is /dev/zero. Version 2 has no such files: there a program that is loaded into the kernel (BPF) is asked.",
		Steps: []Step{
			{Outside, "mkdir $V/devices/lab; echo 'c 1:5 rwm' > $V/devices/lab/devices.deny"}, {Inside, "head -c 4 /dev/zero | wc -c"}, join("devices"),
			{Inside, "head -c 4 /dev/zero 2>&1 | grep -o 'not permitted'"}, {Outside, "head -c 4 /dev/zero | wc -c"},
		},
		Lesson: "In the group /dev/zero cannot be opened, by root either; outside it can.",
		Shown: func(s [][]string) bool {
			return number(s[1]) == 4 && same(s[3], []string{"not permitted"}) && number(s[4]) == 4
		},
	}
}

func hybrid() Demo {
	return Demo{
		Name: "hybrid", Title: "Hybrid: both versions on one machine",
		Idea: "A controller belongs to one version at a time. A host that is hybrid has some of them mounted in version 1, and version 2 has the rest.",
		Steps: []Step{
			{Outside, "cat $U/cgroup.controllers"}, {Outside, "umount $V/pids"},
			{Outside, "until grep -q pids $U/cgroup.controllers; do usleep 20000; done; cat $U/cgroup.controllers"},
			{Outside, "mount -t cgroup -o pids pids $V/pids; cat $U/cgroup.controllers"},
		},
		Lesson: "Where version 1 lets a controller go, version 2 gets it, and the other way round. What wants its limits in version 2 finds none of them on such a host.",
		Shown: func(s [][]string) bool {
			has := func(lines []string) bool { return slices.Contains(strings.Fields(strings.Join(lines, " ")), "pids") }
			return !has(s[0]) && has(s[2]) && !has(s[3])
		},
	}
}

// prepareLegacy mounts version 1, and takes away what a demonstration before has left.
const prepareLegacy = `
if [ ! -d $V ]; then
    mkdir -p $V
    mount -t tmpfs v1 $V
    for c in pids memory cpu,cpuacct freezer devices; do
        mkdir $V/${c%%,*}
        mount -t cgroup -o $c $c $V/${c%%,*}
    done
fi
for g in $V/*/lab $V/*/light $V/*/heavy; do
    [ -d $g ] || continue
    case $g in */freezer/*) echo THAWED > $g/freezer.state ;; esac
    until rmdir $g 2>/dev/null; do
        for p in $(cat $g/tasks); do kill -9 $p; done 2>/dev/null
        usleep 20000
    done
done
`

// legacy gives two shells in the machine that is for version 1.
func legacy(w *place.Workspace, _ string) (outside, inside []string) {
	names := "V=" + legacyRoot + " U=/sys/fs/cgroup; export V U\n"
	return w.Fresh(names + prepareLegacy + loop), w.Fresh(names + loop)
}
