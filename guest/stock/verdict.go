package main

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Exit statuses of terem that mean something here (package internal/cli/launch).
const (
	statusPowerOff   = 0
	statusUnfinished = 84
	statusTimeout    = 124
)

// verdict is nil for a boot that shows what it should: init ran, the modules fit, the guest could switch
// itself off, and nothing was left unfinished.
func (o *outcome) verdict() error {
	switch {
	case o.status == statusUnfinished:
		return fmt.Errorf("an instruction was left unfinished: %s", o.said)
	case o.init == 0 && o.status == statusTimeout:
		return errors.New("it did not reach init in time; STOCK_TIMEOUT=60m gives it longer")
	case o.init == 0:
		return fmt.Errorf("it ended before init, terem's status is %d: %s", o.status, o.said)
	case o.modules == 0:
		return fmt.Errorf("init ran, but its modules did not load; terem's status is %d: %s", o.status, o.said)
	case o.status != statusPowerOff:
		return fmt.Errorf("init ran, but could not power off; terem's status is %d: %s", o.status, o.said)
	}
	return nil
}

// summarize prints what the boot cost.
func (o *outcome) summarize(w io.Writer, release string) {
	fmt.Fprintf(w, "\nstock: %s: init after %s, modules after %s, end after %s\n", release, at(o.init), at(o.modules), at(o.total))
	if n := o.ledger.KVM["insn_emulation"]; n > 0 {
		fmt.Fprintf(w, "stock: KVM interpreted %.1f million instructions and left %d times\n", float64(n)/1e6, o.ledger.KVM["exits"])
	}
	for _, f := range o.ledger.Finished {
		fmt.Fprintf(w, "stock: finished %8d %-22s %v each\n", f.Count, f.Name, (f.Time / time.Duration(max(f.Count, 1))).Round(100*time.Nanosecond))
	}
}

// at shows when something was seen.
func at(t time.Duration) string {
	if t == 0 {
		return "(never)"
	}
	return t.Round(100 * time.Millisecond).String()
}
