package experiment

// kernel has the rows about what belongs to the whole machine.
func kernel() []Experiment {
	return []Experiment{
		{
			Name: "calls", Title: "call its kernel", Dangerous: true,
			Question:   "How many doors does the victim's kernel have for the attacker? One with a mistake behind it is enough.",
			AttackDoes: "makes every system call with arguments that mean nothing, and counts those that are not refused (ENOSYS, EPERM)",
			VictimSees: "whether it was its own kernel that answered: boot_id, a number that each kernel draws when it boots",
			Look:       `echo "boot_id=$(cat /proc/sys/kernel/random/boot_id)"`,
			Attack: `
echo "boot_id=$(cat /proc/sys/kernel/random/boot_id)"
echo "tried: $(reach calls < /dev/null)"`,
			Judge: counted, Count: answered,
		},
		{
			Name: "host-name", Title: "change the host name", Dangerous: true,
			Question:   "Can a program change the name of the machine for others?",
			AttackDoes: "calls sethostname(2)",
			VictimSees: "the host's name",
			Look:       `hostname`,
			Attack: `
hostname attacked
echo "tried: sethostname: status $?"`,
			Judge: unchanged("host name"),
		},
		{
			Name: "mount-over", Title: "mount over its files", Dangerous: true,
			Question:   "Can a program hide another one's files behind a mount?",
			AttackDoes: "mounts an empty file system at the victim's directory",
			VictimSees: "what is in its directory",
			Setup:      `echo mine > $DIR/file`,
			Look:       `echo "files: $(ls $DIR)"`,
			Attack: `
mkdir -p $DIR
mount -t tmpfs nothing $DIR
echo "tried: mount at $DIR: status $?"`,
			Judge: unchanged("directory"),
		},
		{
			Name: "network-down", Title: "switch its network off", Dangerous: true,
			Question:   "Can a program switch a network off that others use?",
			AttackDoes: "switches the loopback interface off",
			VictimSees: "whether it reaches a service of its own at 127.0.0.1",
			Setup: `
nc -ll -p $PORT 127.0.0.1 -e echo connected &
i=0
until nc -w 1 127.0.0.1 $PORT < /dev/null | grep -q connected || [ $i = 100 ]; do i=$((i + 1)); usleep 50000; done`,
			Look: `nc -w 2 127.0.0.1 $PORT < /dev/null | grep -q connected && echo "I reach it" || echo "I do not reach it"`,
			Attack: `
ip link set lo down
echo "tried: ip link set lo down: status $?"`,
			Judge: given("I reach it", unchanged("service")),
		},
		{
			Name: "kernel-setting", Title: "change a kernel setting", Dangerous: true,
			Question:   "Can a program change how the kernel works for others?",
			AttackDoes: "writes /proc/sys/vm/swappiness, also as root of a user namespace of its own (unshare -Ur)",
			VictimSees: "the value",
			Look:       `echo "swappiness $(cat /proc/sys/vm/swappiness)"`,
			Attack: `
echo 7 > /proc/sys/vm/swappiness
echo "tried: write 7: status $?"
unshare -Ur sh -c 'echo 7 > /proc/sys/vm/swappiness'
echo "tried: write 7 in a user namespace: status $?"`,
			Judge: unchanged("setting"),
		},
		{
			Name: "clock", Title: "set the clock", Dangerous: true,
			Question:   "Can a program change what time it is for others?",
			AttackDoes: "sets the clock to the year 2000",
			VictimSees: "the time",
			Look:       `echo "clock=$(date +%s)"`,
			Attack: `
date -s '2000-01-01 00:00:00'
echo "tried: set the clock: now it is $(date +%Y)"`, // busybox's date has status 0 also when it is refused
			Judge: inTime,
		},
		{
			Name: "panic", Title: "crash the kernel", Dangerous: true, Fatal: true,
			Question:   "Can a program bring down the machine on which others run?",
			AttackDoes: "asks the kernel to crash, by /proc/sysrq-trigger",
			VictimSees: "it is asked to answer, before and after",
			Look:       `echo "I live"`,
			Attack: `
[ -e /proc/sysrq-trigger ] && echo "tried: ask the kernel to crash (in a second: so that this is heard)"
sleep 1
echo c > /proc/sysrq-trigger
echo "I live, too"`,
			Judge: alive,
		},
	}
}
