package experiment

// sight has the rows about what can be seen.
func sight() []Experiment {
	return []Experiment{
		{
			Name: "see-processes", Title: "see its processes",
			Question:   "Can a program see what others run, and with which arguments?",
			AttackDoes: "reads the command line of every process in /proc",
			VictimSees: "it runs a program with a secret as an argument; whoever says it has seen it",
			Setup:      `sh -c "sleep 100000; : $SECRET" &`,
			Look:       `echo "processes I see: $(ls -d /proc/[0-9]* | wc -l)"`,
			Attack: `
[ -r /proc/$$/cmdline ] && echo "tried: read the command lines of $(ls -d /proc/[0-9]* | wc -l) processes"
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -o 'secret-[0-9a-f]\{16\}' | sort -u`,
			Judge: untold("saw it in a command line"),
		},
		{
			Name: "reach-port", Title: "reach its port",
			Question:   "Can a program connect to a service that another one offers on the loopback network alone?",
			AttackDoes: "connects to the victim's port on 127.0.0.1",
			VictimSees: "it tells a secret to whoever connects",
			Setup: `
nc -ll -p $PORT 127.0.0.1 -e echo "$SECRET" &
i=0
until nc -w 1 127.0.0.1 $PORT < /dev/null | grep -q secret || [ $i = 100 ]; do i=$((i + 1)); usleep 50000; done`,
			Look: `nc -w 2 127.0.0.1 $PORT < /dev/null | grep -q "$SECRET" && echo "I reach it myself" || echo "I do not reach it myself"`,
			Attack: `
nc -w 3 127.0.0.1 $PORT < /dev/null
echo "tried: connect to 127.0.0.1: status $?"`,
			Judge: given("I reach it myself", untold("was told it at 127.0.0.1")),
		},
		{
			Name: "read-ipc", Title: "read its shared memory", Dangerous: true,
			Question:   "Can a program read System V shared memory that another one has made?",
			AttackDoes: "attaches to shared memory by its well-known key, as logread(1) of busybox does",
			VictimSees: "it writes a secret into the shared memory of a log (syslogd -C); whoever says it has read it",
			Setup: `
syslogd -n -C4 &
i=0
until logger "$SECRET" && logread | grep -q "$SECRET" || [ $i = 100 ]; do i=$((i + 1)); usleep 50000; done`,
			Look: `logread | grep -q "$SECRET" && echo "I read it myself" || echo "I do not read it myself"`,
			Attack: `
log=$(logread)
echo "tried: logread: status $?"
echo "$log" | grep -o 'secret-[0-9a-f]\{16\}' | sort -u`,
			Judge: given("I read it myself", untold("read it in shared memory")),
		},
		{
			Name: "see-kernel", Title: "run on the same kernel",
			Question:   "Do both run on one kernel, with all its bugs?",
			AttackDoes: "reads boot_id, a number that each kernel draws when it boots",
			VictimSees: "the same number, or another one",
			Look:       `echo "boot_id=$(cat /proc/sys/kernel/random/boot_id)"`,
			Attack: `
id=$(cat /proc/sys/kernel/random/boot_id)
echo "tried: read boot_id: status $?"
echo "boot_id=$id"`,
			Judge: another("boot_id"),
		},
	}
}
