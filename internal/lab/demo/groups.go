package demo

import (
	"strings"

	"terem/internal/lab/place"
)

// Groups are the demonstrations of control groups. They run in a machine of terem's own, whose groups are nobody's,
// in version 2; Legacy has version 1.
func Groups() []Demo {
	all := []Demo{limitPIDs(), limitMemory(), limitCPU(), weighCPU(), account(), freeze()}
	for i := range all {
		all[i].Enter, all[i].open, all[i].in = "terem exec MACHINE sh; $G is "+group, machine, lab
	}
	return all
}

// group is the one that demonstrations make.
const group = "/sys/fs/cgroup/lab"

// enter puts a shell into the group.
const enter = "echo $$ > $G/cgroup.procs"

func limitPIDs() Demo {
	return Demo{
		Name: "pids", Title: "A limit: processes",
		Idea: "pids.max is how many processes and threads a group may have. One more, and fork(2) fails, in that group alone.",
		Steps: []Step{
			{Outside, "mkdir $G; echo 5 > $G/pids.max; cat $G/pids.current $G/pids.max"}, {Inside, enter}, {Outside, "cat $G/pids.current"},
			{Inside, "(for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done)"}, {Outside, "cat $G/pids.current; grep max $G/pids.events"},
			{Outside, "(true) && echo I can fork"},
		},
		Lesson: "The group stops at five. pids.events counts how often it was refused more; outside nothing was refused.",
		Shown: func(s [][]string) bool {
			n := numbers(s[4])
			return len(n) == 2 && n[0] <= 5 && n[1] > 0 && same(s[5], []string{"I can fork"})
		},
	}
}

func limitMemory() Demo {
	return Demo{
		Name: "memory", Title: "A limit: memory",
		Idea: "memory.max is how much memory a group may have. If nothing can be taken back any more, the kernel kills a process of the group.",
		Steps: []Step{
			{Outside, "mkdir $G; echo 16M > $G/memory.max; grep oom_kill $G/memory.events"}, {Inside, enter},
			{Inside, "head -c 8m /dev/zero | tail -c 8m | wc -c"}, {Inside, "head -c 32m /dev/zero | tail -c 32m | wc -c"},
			{Outside, "cat $G/memory.peak; grep oom_kill $G/memory.events"},
		},
		Lesson: "8 MiB fit, 32 MiB do not: their process was killed, and wc counts nothing. The peak is the limit.",
		Shown: func(s [][]string) bool {
			kills := numbers(s[4])
			return number(s[2]) == 8<<20 && !strings.Contains(strings.Join(s[3], " "), "33554432") && len(kills) > 1 && kills[1] > 0
		},
	}
}

func limitCPU() Demo {
	return Demo{
		Name: "cpu-quota", Title: "A limit: processor time",
		Idea: "cpu.max has a quota and a period: so many microseconds in each period, and then the group waits for the next.",
		Steps: []Step{
			{Outside, "mkdir $G"}, {Inside, enter}, {Inside, "probe compute 1000"},
			{Outside, "echo 20000 100000 > $G/cpu.max; cat $G/cpu.max"}, {Inside, "probe compute 1000"}, {Outside, "grep throttled $G/cpu.stat"},
		},
		Lesson: "With 20 of 100 ms it does some fifth (compute says how much in how many nanoseconds). nr_throttled counts the periods in which it had to wait, throttled_usec for how long.",
		Shown:  func(s [][]string) bool { return waited(s[5]) },
	}
}

// waited: a group had to wait for its next period, and that took time. How much it did tells less: a host that is busy slows it, too.
func waited(throttled []string) bool {
	n := numbers(throttled)
	return len(n) >= 2 && n[0] > 0 && n[1] > 0
}

func weighCPU() Demo {
	return Demo{
		Name: "cpu-weight", Title: "A priority: processor time",
		Idea: "cpu.weight shares out what there is, if there is too little. A group alone gets everything, whatever its weight.",
		Steps: []Step{
			{Outside, "mkdir $G; echo +cpu > $G/cgroup.subtree_control; mkdir $G/light $G/heavy; echo 400 > $G/heavy/cpu.weight; cat $G/light/cpu.weight $G/heavy/cpu.weight"},
			{Inside, "for g in light heavy; do sh -c 'echo $$ > $0/cgroup.procs; while :; do :; done' $G/$g & done"}, {Inside, "sleep 4"},
			{Outside, "for g in light heavy; do echo 1 > $G/$g/cgroup.freeze; done; grep -h usage_usec $G/light/cpu.stat $G/heavy/cpu.stat"},
		},
		Lesson: "Two loops on one processor: the one with four times the weight got some four times the microseconds.",
		Shown: func(s [][]string) bool {
			n := numbers(s[3])
			return len(n) == 2 && n[1] > 2*n[0] && n[0] > 0
		},
	}
}

func account() Demo {
	return Demo{
		Name: "accounting", Title: "Accounting: what a group has used",
		Idea: "A group counts what all its processes use, also of those that have ended.",
		Steps: []Step{
			{Outside, "mkdir $G; grep usage_usec $G/cpu.stat; cat $G/memory.current $G/pids.current"}, {Inside, enter},
			{Inside, "probe compute 500"}, {Inside, "head -c 4m /dev/zero > /tmp/four"},
			{Outside, "grep usage_usec $G/cpu.stat; cat $G/memory.current $G/pids.current"},
		},
		Lesson: "It has used the time of the loop, and the file that it wrote into a file system in memory counts as its own.",
		Shown: func(s [][]string) bool {
			before, after := numbers(s[0]), numbers(s[4])
			return len(before) == 3 && len(after) == 3 && after[0] > before[0]+100_000 && after[1] >= before[1]+4<<20
		},
	}
}

func freeze() Demo {
	return Demo{
		Name: "freeze", Title: "Control: a group stands still",
		Idea: "cgroup.freeze stops all processes of a group, and lets them go on. They do not notice, and cannot prevent it.",
		Steps: []Step{
			{Outside, "mkdir $G"}, {Inside, "sh -c 'echo $$ > $0/cgroup.procs; while :; do :; done' $G &"}, {Inside, "sleep 1"},
			{Outside, "echo 1 > $G/cgroup.freeze; until grep -q 'frozen 1' $G/cgroup.events; do usleep 10000; done; grep usage_usec $G/cpu.stat; sleep 1; grep usage_usec $G/cpu.stat"},
			{Outside, "echo 0 > $G/cgroup.freeze; sleep 1; grep usage_usec $G/cpu.stat"},
		},
		Lesson: "The loop's processor time stands while the group is frozen, and goes on afterwards.",
		Shown: func(s [][]string) bool {
			frozen, after := numbers(s[3]), numbers(s[4])
			return len(frozen) == 2 && len(after) == 1 && frozen[0] > 0 && frozen[0] == frozen[1] && after[0] > frozen[1]
		},
	}
}

// prepare makes the groups of a machine ready, and takes away what a demonstration before has left.
const prepare = `
for g in $G/light $G/heavy $G; do
    [ -d $g ] || continue
    echo 0 > $g/cgroup.freeze
    echo 1 > $g/cgroup.kill
    until rmdir $g 2>/dev/null; do usleep 20000; done
done
for c in cpu memory pids; do echo +$c > /sys/fs/cgroup/cgroup.subtree_control; done
`

// machine gives two shells in one machine.
func machine(w *place.Workspace, _ string) (outside, inside []string) {
	names := "G=" + group + "\n"
	return w.Guest(names + prepare + loop), w.Guest(names + loop)
}
