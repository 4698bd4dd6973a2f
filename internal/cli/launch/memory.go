package launch

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"terem/internal/cli/signals"
	"terem/internal/vm/machine"
)

// memoryLimit bounds the wait for a guest's answer.
const memoryLimit = 5 * time.Second

// watchMemory writes a line about the guest's memory at each SIGUSR1, until the machine
// ends.
func (s *session) watchMemory() {
	asked := make(chan os.Signal, 1)
	signals.Listen(asked, syscall.SIGUSR1)
	go func() {
		defer signal.Stop(asked)
		for {
			select {
			case <-asked:
				s.say("terem: guest memory: %s\r\n", s.memory())
			case <-s.m.Done():
				return
			}
		}
	}()
}

// memory puts the guest's memory into words.
func (s *session) memory() string {
	ctx, cancel := context.WithTimeout(context.Background(), memoryLimit)
	defer cancel()
	g, err := s.m.GuestMemory(ctx)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s in all, %s free, %s available, %s of caches; %s in the balloon, %s given back unused",
		machine.Bytes(g.Total), machine.Bytes(g.Free), machine.Bytes(g.Available), machine.Bytes(g.Caches),
		machine.Bytes(g.Balloon), machine.Bytes(g.GivenBack))
}
