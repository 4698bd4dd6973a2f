package experiment

// find is how an attacker looks for the victim: by a word in its command line, which everybody knows. (Brackets keep grep from
// finding itself.)
const find = `
found=$(grep -l "victim[-]$TAG" /proc/[0-9]*/cmdline 2>/dev/null | tr -dc '0-9\n')
[ -r /proc/$$/cmdline ] && echo "tried: looked through /proc, and found these neighbours:" ${found:-none}
`

// neighbour has the rows about one victim: its process, its memory, its files.
func neighbour() []Experiment {
	return []Experiment{
		{
			Name: "kill", Title: "kill a neighbour",
			Question:   "Can a program end another one that runs beside it?",
			AttackDoes: "looks through /proc for the victim, and kills what it finds",
			VictimSees: "it is asked to answer, before and after",
			Look:       `echo "I live"`,
			Attack: find + `
for p in $found; do
    kill -9 $p && echo "killed $p"
done`,
			Judge: alive,
		},
		{
			Name: "read-memory", Title: "read its memory",
			Question:   "Can a program read what another one has in memory?",
			AttackDoes: "looks for the victim in /proc, and searches its memory by /proc/PID/maps and /proc/PID/mem",
			VictimSees: "it has a secret in a variable; whoever says it has read it",
			Look:       `echo "I know a secret of ${#SECRET} letters"`,
			Attack: find + `
for p in $found; do
    while read -r range rights rest; do
        case $rights in rw*) ;; *) continue ;; esac
        first=$((0x${range%-*} / 4096)) last=$((0x${range#*-} / 4096))
        dd if=/proc/$p/mem bs=4096 skip=$first count=$((last - first)) 2>/dev/null |
            strings | grep -o 'secret-[0-9a-f]\{16\}'
    done < /proc/$p/maps
done | sort -u`,
			Judge: untold("read it in the victim's memory"),
		},
		{
			Name: "delete-file", Title: "delete its file",
			Question:   "Can a program delete another one's files?",
			AttackDoes: "removes the victim's file by its name, and by the victim's own root directory, /proc/PID/root",
			VictimSees: "inode and hash of its file, before and after",
			Setup:      `echo "$SECRET" > $DIR/file`,
			Look:       `[ -f $DIR/file ] && stat -c 'inode %i' $DIR/file && sha256sum < $DIR/file | cut -c 1-16 || echo "no file"`,
			Attack: find + `
for root in "" $(for p in $found; do echo /proc/$p/root; done); do
    rm $root$DIR/file
    echo "tried: rm $root$DIR/file: status $?"
done`,
			Judge: unchanged("file"),
		},
		{
			Name: "library", Title: "change its library",
			Question:   "Two programs need two versions of one library. Can one break the other by installing its own?",
			AttackDoes: "installs version 2 of a shared library, in which the function that the victim calls has another name",
			VictimSees: "the exit status of its program, which loads the library each time",
			Setup: `
mkdir -p $DIR/lib
echo 'greet() { echo "hello from version 1"; }' > $DIR/lib/greet.sh
echo '. $DIR/lib/greet.sh && greet' > $DIR/program`,
			Look: `( . $DIR/program ) 2>/dev/null; echo "status $?"`,
			Attack: `
mkdir -p $DIR/lib
echo 'welcome() { echo "hello from version 2"; }' > $DIR/lib/greet.sh
. $DIR/lib/greet.sh && welcome && echo "tried: installed version 2, and used it"`,
			Judge: unchanged("program"),
		},
	}
}
