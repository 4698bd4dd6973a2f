package experiment

// resources has the rows about what there is only so much of.
func resources() []Experiment {
	return []Experiment{
		{
			Name: "cpu", Title: "take its processor time", OneCPU: true,
			Question:   "Can a program slow another one down by computing?",
			AttackDoes: "computes in four processes, on the processor that the victim has, too",
			VictimSees: "work done in the best of six windows of 0.4 seconds and more, alone and under attack by turns",
			Look:       `for i in 1 2 3; do probe compute 400; done`,
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
			AttackDoes: "starts processes of 8 MiB, one after the other, until the kernel kills one",
			VictimSees: "whether its largest process, of 24 MiB, lives",
			Setup: `
(head -c 24m /dev/zero; exec sleep 100000) | tail -c 24m > /dev/null &
holder=$!
rss() { size=0; while read -r key value unit; do [ "$key" = VmRSS: ] && size=$value; done < /proc/$1/status; } 2>/dev/null
i=0
until rss $holder; [ ${size:-0} -gt 24000 ] || [ $i = 200 ]; do i=$((i + 1)); usleep 50000; done`,
			Look: `size=0; rss $holder; [ ${size:-0} -gt 24000 ] && echo "24 MiB held" || echo "my process is gone"`,
			Attack: `
rss() { size=0; while read -r key value unit; do [ "$key" = VmRSS: ] && size=$value; done < /proc/$1/status; } 2>/dev/null
kills() { awk '$1 == "oom_kill" { print $2 }' /proc/vmstat; }
(
    n=0
    first=$(kills)
    while [ $n -lt 20 ]; do
        (head -c 8m /dev/zero; exec sleep 100000) | tail -c 8m > /dev/null &
        i=0
        until rss $!; [ ${size:-0} -gt 8000 ]; do
            i=$((i + 1))
            [ "$(kills)" != "$first" ] || [ $i -gt 400 ] && break 2
            usleep 50000
        done
        n=$((n + 1))
        [ $n = 1 ] && echo "tried: a process of 8 MiB runs, and more follow"
        echo $n > /tmp/count
    done
) 2>/dev/null
read -r n < /tmp/count
echo "processes of 8 MiB: ${n:-0}"`,
			Judge: unchanged("process"),
		},
		{
			Name: "fork-bomb", Title: "start processes without end", Dangerous: true,
			Question:   "Can a program keep others from starting processes?",
			AttackDoes: "starts processes until the kernel refuses",
			VictimSees: "whether it can start one itself",
			Look:       `(true) && echo "I can start a process"`,
			Attack: `
( while :; do sleep 100000 & done ) # ends when the kernel refuses
set -- /proc/[0-9]*
[ $# -gt 8 ] && echo "tried: started processes until that failed; now I see $#"`,
			Judge: unchanged("answer"),
		},
		{
			Name: "disk-full", Title: "fill the disk", Dangerous: true, Fatal: true,
			Question:   "Can a program keep others from writing files?",
			AttackDoes: "writes into a file until the kernel refuses, or 100 MiB are written",
			VictimSees: "whether it can write 64 KiB",
			Look:       `head -c 65536 /dev/zero > $DATA/note && echo "I can write" || echo "I cannot write"; rm -f $DATA/note`,
			Attack: `
(head -c 1m /dev/zero > $DATA/fill) && echo "tried: wrote 1 MiB, and more follows"
(head -c 100m /dev/zero > $DATA/fill)
echo "bytes written: $(stat -c %s $DATA/fill)"`,
			Judge: unchanged("answer"),
		},
	}
}
