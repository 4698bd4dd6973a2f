#!/bin/sh
# What TestUnified runs in a guest, whose only control groups are those of version 2. A line "== NAME" begins
# each part; unified_test.go knows what each should say. The root of the containers is /croot.
# shellcheck disable=SC2016 # what is in single quotes is for the shell in a container
G=/sys/fs/cgroup
run='terem container run --root /croot'

part() { echo "== $1"; }

# file is a file of the only container's group.
file() { echo $G/terem/*-*/"$1"; }

# await waits for a command to succeed, a minute at most.
await() {
	n=0
	until "$@" || [ $n -ge 60 ]; do
		n=$((n + 1))
		sleep 1
	done
}

present() { [ -e "$1" ]; }
populated() { grep -q 'populated 1' "$(file cgroup.events)"; }
empty() { ! populated; }
throttled() { # often enough for a ratio
	awk '$1 == "nr_throttled" && $2 >= 10 { enough = 1 } END { exit !enough }' "$(file cpu.stat)"
}

part host
grep cgroup /proc/mounts
echo "controllers $(cat $G/cgroup.controllers)"
ls -l /proc/self/ns

part limits
$run --memory 64M --cpus 0.5 --pids 20 --io-read 3M --io-write 2M -- \
	sh -c 'cat /proc/self/cgroup; ls -l /proc/self/ns; >/ready; while [ ! -e /stop ]; do :; done; exit 42' &
await present /croot/ready
await throttled
for f in memory.max cpu.max pids.max io.max; do
	echo "$f $(cat "$(file $f)")"
done
for d in "$G"/terem/*/; do
	echo "group $(basename "$d")"
done
while read -r p; do
	echo "process $(cat "/proc/$p/comm")"
done <"$(file cgroup.procs)"
cat "$(file cpu.stat)"
touch /croot/stop
wait $!
echo "status $?"

part memory
$run --memory 8M -- dd if=/dev/zero of=/dev/null bs=32M count=1
echo "status $?"

part pids
$run --pids 20 -- sh -c 'for i in $(seq 30); do sleep 60 & done; echo made all'
echo "status $?"
$run --pids 15 -- true
echo "status $?"

# A group that takes no process more takes none by clone(2). One that exists could be moved there all the same
# (cgroup-v2.rst, "PID"), and the start would fail later, in other words, or not at all.
part birth
mkdir $G/terem
echo 0 >$G/terem/pids.max
$run -- true
echo "status $?"

part disk
work='read a b </proc/uptime; dd if=/dev/zero of=file bs=128K count=4 oflag=direct; read c d </proc/uptime; echo "seconds $a $c"'
sh -c "$work"
$run --io-write 64K -- sh -c "$work"

# An ordinary user to whom part of the tree is handed on, as a service manager does it.
part user
mkdir -p $G/user/own
chown 65534 $G/user $G/user/cgroup.procs $G/user/cgroup.subtree_control
sh -c 'echo $$ >/sys/fs/cgroup/user/own/cgroup.procs; exec start-stop-daemon -S -c 65534:65534 -x /bin/terem -- \
	container run -v --root /croot --memory 64M --pids 20 -- sh -c "id -u; exit 43"'
echo "status $?"
rmdir $G/user/own $G/user

# terem in a container of another engine's sees the group that it is in as the top of the tree. That group has
# processes, so it cannot hand controllers on.
part inner
mkdir $G/inner
echo $$ >$G/inner/cgroup.procs
mount --bind $G/inner $G
$run --memory 64M -- true
echo "status $?"
$run -- sh -c 'exit 44'
echo "status $?"
echo "type $(cat $G/cgroup.type)"
umount $G
echo $$ >$G/cgroup.procs
rmdir $G/inner

part killed
$run -- sleep 1000 &
await present "$G"/terem
await populated
kill -9 $!
wait $!
await empty
echo "groups $(find $G/terem -mindepth 1 -type d | wc -l)"
$run -- true
echo "status $?"

part left
find $G -mindepth 1 -type d
part end
