package main

import (
	"errors"

	"github.com/spf13/cobra"

	"terem/boot/unpack"
	"terem/internal/cli/command"
	"terem/internal/cli/doctor"
	"terem/internal/cli/launch"
	"terem/internal/cli/watch"
	"terem/internal/fault"
	"terem/internal/vm/disk/qcow2/inflate"
	"terem/internal/vm/machine"
	"terem/kvm"
)

const runLong = `Boot a Linux guest and connect its console to this terminal.

Without --kernel, terem boots its own guest (see "terem guest"): a shell, or the command
that follows the flags, whose exit status becomes terem's. A command that begins with a
dash needs "--" before it. With pipes instead of a terminal, standard input reaches the
guest and ends there, and the command's output comes back: standard output and standard
error, each as its own. What the guest's kernel says is then on standard error. With
--console stdio all goes over the console, as one stream.

The first --disk becomes the root file system if there is a program on it. Without a command, at a
terminal, its own /sbin/init starts; if it has none, a shell.

With --detach the machine runs in the background, and without a command it waits for those
who enter it (terem exec). What it says is in a file (terem logs), which goes with it;
--console FILE keeps it.

With --warm nothing boots: the run begins from a snapshot of a guest that has booted, which terem keeps for
each kind of guest ("terem cache"). If there is none, this run boots one and keeps it. The command is started by the
guest's agent. With --warm=program not even that: the snapshot is one of this command, where it stands at its first
instruction. There is no --detach, --kernel, --initrd, --vsock or --console then, and disks are read-only.

With --snapshot-at ready=DIR the run boots, and a snapshot is written to DIR when the guest's agent listens and before the
command starts; with program=DIR, when the command stands at its first instruction. Then the command
runs. "terem restore DIR" goes on from there as often as wanted: it runs the command. The agent starts it, as
with --warm, and what that excludes is excluded here.

--disk takes path[,ro][,id=NAME][,cache=writeback|writethrough|none][,overlay=PATH]:
  ro       read-only
  id       the serial number that the guest reads, 20 characters at most
  cache    writeback: writes are in the host's page cache until the guest flushes;
           writethrough: each is flushed; none: they go past the page cache
  overlay  a file that takes the writes, so that path stays as it is

--share takes DIR:PATH[:ro][,cache=none], and may be there several times: the guest has DIR of this host at PATH. It sees what changes
here within a second; with cache=none at once, and slower. There is no --warm and no snapshot then.

--vsock takes path[,cid=N]. A program that connects to the socket and writes "CONNECT 52" is connected
to port 52 of the guest, after a line "OK port" or "ERR reason". A program of the guest that connects to
CID 2, port 52, is connected to the socket path_52. N is the guest's CID, 3 if none is given.

--net gives the guest a network card: user[,loopback][,mtu=N], or tap=NAME[,ip=ADDRESS/BITS][,gateway=ADDRESS][,dns=ADDRESS].
  user     a network of its own, made of connections of a process of yours: no root. What the guest connects to, that process
           connects to, but for this host's loopback; with loopback, the gateway's address is that. The guest is 10.0.2.15
  tap      an interface of this host's, which is there and may be used
  -p 8080:80 lets programs of this host connect to port 80 of the guest by port 8080; 0.0.0.0:8080:80 lets others do so, too;
           with 0:80 terem says which port it has got. -p alone is --net user. docs/network.md has more

--gdb has the guest wait before its first instruction until gdb has connected and says "continue". "terem guest symbols FILE"
gives gdb the kernel's names: gdb FILE -ex 'target remote :1234' -ex 'break start_kernel' -ex continue

Keys on a terminal: Ctrl-A x ends the guest, Ctrl-A b sends a break (then a SysRq key),
Ctrl-A Ctrl-A sends Ctrl-A, Ctrl-A h helps.`

const runExample = `  terem run                                  a shell in a guest
  terem run -- uname -a                      one command
  echo 'ls /proc | wc -l' | terem run        commands from a pipe
  terem run --memory 1G --cpus 2 -- nproc
  terem run --warm -- make test              without a boot
  terem run --warm=program -- /bin/date      without a boot and an exec
  terem run --disk root.img                  a disk; its file system becomes the root
  terem run --disk base.qcow2,overlay=my.over --disk data.img,ro
  terem run --share .:/src -- ls -l /src     a directory of this host
  terem run --snapshot-at ready=my.snap -- make test
  terem run -p 8080:80 -- httpd -f           a web server in the guest, at localhost:8080
  terem run --vsock guest.sock               sockets between guest and host
  terem run --kernel vmlinuz --initrd initrd.img --append 'ro quiet'
  terem run --exits -- true                  what the guest cost, exit by exit
  terem run --trace boot.trace -- true       every exit, for "terem trace"`

const runStatuses = `
Exit status:
  0-255    of the command in the guest; 0 also when the guest powers off or Ctrl-A x ends it
  126, 127 the guest cannot execute the command; it has no such command
  128+n    signal n ended the command, or terem: 130 SIGINT, 143 SIGTERM, 129 SIGHUP
  64       usage: a flag or a file that was named is wrong
  69       host: no KVM, no right to use it, not enough of something
  80-84    guest: reset, triple fault, kernel panic, halted for good, cannot go on
  124      the time of --timeout ran out
  141      nobody reads the output any more`

func newRun(status *int) *cobra.Command {
	f := &command.Run{NewWatchers: watch.New}
	c := &cobra.Command{
		Use:     "run [flags] [--] [command args]",
		Short:   "Boot a guest on this terminal",
		Long:    runLong + "\n" + runStatuses,
		Example: runExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			*status, err = f.Execute(c.Flags(), launch.Decoders{Kernel: unpack.Open, Disk: inflate.New})
			return examined(err)
		},
	}
	f.Define(c.Flags())
	complete(c, completions())
	return c
}

// examined puts what the doctor says of /dev/kvm in the place of an error of it.
func examined(err error) error {
	var no *machine.NoKVM
	if !errors.As(err, &no) {
		return err
	}
	cause, mend := doctor.Refusal(doctor.Options{}, no.Err)
	if mend != "" {
		mend = "`" + mend + "`, or "
	}
	return &fault.Error{Class: fault.Host, Thing: kvm.Device, Cause: cause, Mend: mend + "see `terem doctor`; `terem container run` needs none"}
}
