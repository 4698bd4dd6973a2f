package experiment

// living says whether a process has memory: one that was killed and not yet waited for has none. It starts no process itself.
const living = `
alive() {
    while read -r key rest; do
        [ "$key" = VmRSS: ] && return 0
    done < /proc/$1/status
    return 1
} 2>/dev/null
`

// resources has the rows about what there is only so much of.
func resources() []Experiment {
	return []Experiment{
		{
			Name: "cpu", Title: "take its processor time", OneCPU: true,
			Question:   "Can a program slow another one down by computing?",
			AttackDoes: "computes in four processes, on the processor that the victim has, too",
			VictimSees: "how much of the time it has the processor, in the best of four to ten windows of 0.8 seconds and more, alone and under attack by turns; the work done, if it has a kernel of its own, which cannot know that",
			Look: `
for i in 1 2; do
    [ $KERNEL = shared ] && time -f 'used %U %e' probe compute 800 || probe compute 800
done`,
			Attack: `
loops=
for i in 1 2 3 4; do
    while :; do :; done &
    loops="$loops $!"
done
sleep 1
kill -0 $loops && echo "tried: four loops are running"`,
			Rest: `
kill -9 $loops
wait`,
			Judge: worked,
		},
		{
			Name: "memory", Title: "take all memory", Dangerous: true, Fatal: true,
			Question:   "Can a program have another one killed by taking memory?",
			AttackDoes: "starts processes of 4 MiB, one after the other, until the kernel kills one (reach is a small program of the lab's)",
			VictimSees: "whether its largest process, of 12 MiB, lives",
			Setup: living + `
reach memory 12 > $DIR/held &
holder=$!
until [ -s $DIR/held ] || ! alive $holder; do usleep 50000; done`,
			Look: `alive $holder && echo "12 MiB held" || echo "my process is gone"`,
			Attack: living + `
kills() { awk '$1 == "oom_kill" { print $2 }' /proc/vmstat; }
first=$(kills)
n=0
while [ $n -lt 40 ] && [ "$(kills)" = "$first" ]; do
    rm -f /tmp/piece
    reach memory 4 > /tmp/piece &
    until [ -s /tmp/piece ] || ! alive $! || [ "$(kills)" != "$first" ]; do usleep 20000; done
    n=$((n + 1))
    [ $n = 1 ] && echo "tried: a process of 4 MiB runs, and more follow"
done
echo "processes of 4 MiB: $n"`,
			Judge: unchanged("process"),
		},
		{
			Name: "fork-bomb", Title: "start processes without end", Dangerous: true,
			Question:   "Can a program keep others from starting processes?",
			AttackDoes: "starts processes until the kernel refuses",
			VictimSees: "whether it can start one itself",
			Look:       `(true) && echo "I can start a process"`,
			Attack: `
mkfifo /tmp/fifo
( while :; do (: < /tmp/fifo) & done ) # each waits for one who writes; it ends when the kernel refuses
set -- /proc/[0-9]*
[ $# -gt 8 ] && echo "tried: started processes until that failed; now I see $#"`,
			Judge: unchanged("answer"),
		},
		{
			Name: "inotify", Title: "use up its file watches", Dangerous: true,
			Question:   "Can a program keep others from watching files for changes?",
			AttackDoes: "opens inotify instances until the kernel refuses, and keeps them (reach is a small program of the lab's)",
			VictimSees: "whether it can open one",
			Look:       `reach inotify 1 > /dev/null && echo "I can watch files" || echo "I cannot watch files"`,
			Attack: `
reach inotify 100000 hold > /tmp/opened &
i=0
until [ -s /tmp/opened ] || [ $i = 400 ]; do i=$((i + 1)); usleep 50000; done
read -r mode n errno < /tmp/opened
[ "${n:-0}" -gt 1 ] && echo "tried: opened $n instances; then error $errno"`,
			Judge: given("I can watch files", unchanged("answer")),
		},
		{
			Name: "disk-full", Title: "fill the disk", Dangerous: true, Fatal: true,
			Question:   "Can a program keep others from writing files?",
			AttackDoes: "writes into a file until the kernel refuses, or 100 MiB are written",
			VictimSees: "whether it can write 64 KiB",
			Look:       `head -c 65536 /dev/zero > $DATA/note && echo "I can write" || echo "I cannot write"; rm -f $DATA/note`,
			Attack: `
(dd if=/dev/zero of=$DATA/fill bs=64k count=16) && echo "tried: wrote 1 MiB, and more follows"
(dd if=/dev/zero of=$DATA/fill bs=64k count=1600)
echo "bytes written: $(stat -c %s $DATA/fill)"`,
			Judge: unchanged("answer"),
		},
	}
}
