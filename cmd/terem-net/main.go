// Command terem-net is the network process: a TCP/IP stack for one guest, or one container. terem starts it, with `--net user`; by hand it does
// nothing.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/network"
	"terem/internal/network/link"
	"terem/internal/network/sandbox"
	"terem/internal/network/user"
)

// memory is how much the process takes before it collects garbage in earnest: as much as some connections at full speed need.
const memory = 64 << 20

func main() {
	debug.SetMemoryLimit(memory)
	if err := run(os.Args); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\r\n", network.Program, err)
		os.Exit(fault.Status(err))
	}
}

func run(args []string) error {
	plan, err := planOf(args)
	if err != nil {
		return err
	}
	servers, err := nameServers()
	if err != nil {
		return err
	}
	frames, err := wire(plan)
	if err != nil {
		return err
	}
	user.Quiet()
	n, err := user.New(plan, frames, servers)
	if err != nil {
		return err
	}
	if err := sandbox.Enter(); err != nil {
		return err
	}
	for _, p := range plan.Published {
		if err := n.Publish(os.NewFile(uintptr(p.FD), "port"), p.UDP, p.Guest); err != nil {
			return err
		}
	}
	ended := make(chan error, 2)
	go func() { ended <- n.Serve() }()
	go func() { ended <- life() }()
	err = <-ended
	n.Finish()
	return err
}

// planOf reads the only argument.
func planOf(args []string) (p network.Plan, err error) {
	if len(args) != 2 {
		return p, &fault.Error{Class: fault.Usage, Thing: network.Program, Cause: "a part of terem, which calls it", Mend: "run terem"}
	}
	err = json.Unmarshal([]byte(args[1]), &p)
	if err == nil {
		err = p.Check()
	}
	if err != nil {
		err = &fault.Error{Class: fault.Host, Thing: network.Program, Cause: "it is of another version than the terem that has called it",
			Err: err, Mend: "install terem again, or `make build`"}
	}
	return p, err
}

// nameServers reads the host's, before no file may be opened any more.
func nameServers() (list []user.Server, err error) {
	f, err := os.Open("/etc/resolv.conf")
	if errors.Is(err, os.ErrNotExist) {
		f, err = os.Open(os.DevNull)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return user.Servers(f), nil
}

// wire is the descriptor of frames.
func wire(p network.Plan) (*link.Link, error) {
	if err := unix.SetNonblock(network.FramesFD, true); err != nil {
		return nil, err
	}
	return link.New(os.NewFile(network.FramesFD, "frames"))
}

// life waits until terem has gone.
func life() error {
	var b [1]byte
	_, _ = os.NewFile(network.LifeFD, "life").Read(b[:]) // nobody writes: it comes back at the end
	return nil
}
