package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"terem/internal/cli/command"
	"terem/internal/cli/signals"
	"terem/internal/cli/steer"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/running"
	"terem/internal/vm/control"
)

// newSteering are the commands about what runs: machines and containers alike.
func newSteering() []*cobra.Command {
	list := []*cobra.Command{newPs(), newStats(), newStop(), newLogs(), newWait(), newBalloon(), newExits()}
	for _, v := range []struct {
		name, short string
		each        func([]string, func(error), func(string, control.Client) error) error
		do          func(control.Client) error
	}{
		{"pause", "Take the processors from what runs", steer.Each, control.Client.Pause},
		{"resume", "Give what is paused its processors back", steer.Each, control.Client.Resume},
		{"kill", "End what runs at once", steer.End, func(c control.Client) error { _, err := c.Kill(); return err }},
	} {
		list = append(list, byName(&cobra.Command{
			Use:   v.name + " name...",
			Short: v.short,
			Args:  cobra.MinimumNArgs(1),
			RunE: func(_ *cobra.Command, names []string) error {
				return v.each(names, say, func(_ string, c control.Client) error { return v.do(c) })
			},
		}))
	}
	return list
}

// say says what went wrong with one of several.
func say(err error) { command.Failed(err) }

// byName completes the names of what runs.
func byName(c *cobra.Command) *cobra.Command {
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names, err := running.List(running.Root())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

func newPs() *cobra.Command {
	var names, asJSON bool
	c := &cobra.Command{
		Use:   "ps",
		Short: "List the machines and containers that run",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := steer.List()
			if err != nil {
				return err
			}
			form := steer.Table
			switch {
			case asJSON:
				form = steer.JSON
			case names:
				form = steer.Names
			}
			return steer.WriteList(os.Stdout, form, all, time.Now())
		},
	}
	c.Flags().BoolVarP(&names, "quiet", "q", false, "names alone, one a line")
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	c.MarkFlagsMutuallyExclusive("quiet", "json")
	return c
}

func newStats() *cobra.Command {
	var asJSON, once bool
	c := byName(&cobra.Command{
		Use:   "stats [name...]",
		Short: "Show what machines and containers use",
		Long: `Show what machines and containers use: processor time, memory of the host, bytes read from
and written to its disks, and with --balloon what the guest's kernel says of its memory.
On a terminal the table is drawn anew each second; elsewhere it is printed once.`,
		RunE: func(_ *cobra.Command, names []string) error {
			if !asJSON && !once && tty.IsTerminal(os.Stdout) {
				ctx, stop := signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
				defer stop()
				return steer.Watch(ctx, os.Stdout, names)
			}
			list, err := steer.Stats(names, nil)
			if err != nil {
				return err
			}
			return steer.WriteStats(os.Stdout, asJSON, list)
		},
	})
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON, once")
	c.Flags().BoolVar(&once, "once", false, "once, also on a terminal")
	return c
}

func newStop() *cobra.Command {
	grace := 10 * time.Second
	c := byName(&cobra.Command{
		Use:   "stop name...",
		Short: "Ask what runs to end, and end it if it does not",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, names []string) error {
			if grace < 0 {
				return &command.UsageError{Command: "terem stop", Err: fmt.Errorf("--time %v: time does not run backwards", grace)}
			}
			return steer.End(names, say, func(_ string, c control.Client) error {
				_, err := c.Stop(grace)
				return err
			})
		},
	})
	c.Flags().VarP((*wait)(&grace), "time", "t", "how long it has (`time`): 10s, 1m; a number alone is seconds")
	return c
}

// wait is a time as a flag, for those who are used to seconds.
type wait time.Duration

func (w *wait) String() string { return time.Duration(*w).String() }
func (w *wait) Type() string   { return "duration" }

func (w *wait) Set(s string) error {
	if _, err := strconv.Atoi(s); err == nil {
		s += "s"
	}
	d, err := time.ParseDuration(s)
	*w = wait(d)
	return err
}

func newWait() *cobra.Command {
	return byName(&cobra.Command{
		Use:   "wait name...",
		Short: "Wait for the end of what runs, and print its exit status",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, names []string) error {
			return steer.End(names, say, func(_ string, c control.Client) error {
				e, err := c.Wait()
				if err != nil {
					return err
				}
				_, err = fmt.Println(e.Status)
				return err
			})
		},
	})
}

func newBalloon() *cobra.Command {
	return byName(&cobra.Command{
		Use:   "balloon name size",
		Short: "Say how much memory a guest is to give back",
		Long:  `Say how much memory a guest is to give back in all. It needs "terem run --balloon".`,
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			n, err := command.ParseSize(args[1])
			if err != nil {
				return &command.UsageError{Command: "terem balloon", Err: fmt.Errorf("%s: %w", args[1], err)}
			}
			if n > 0 && n < 1<<20 {
				return &command.UsageError{Command: "terem balloon", Err: fmt.Errorf("%s: less than 1M; a number alone is bytes", args[1])}
			}
			return steer.Each(args[:1], say, func(_ string, c control.Client) error { return c.Balloon(n) })
		},
	})
}

func newExits() *cobra.Command {
	return byName(&cobra.Command{
		Use:   "exits name",
		Short: "Print a machine's exit ledger as it is now, as JSON",
		Long:  `Print a machine's exit ledger as it is now, as JSON. It needs "terem run --exits".`,
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, names []string) error {
			return steer.Each(names, say, func(_ string, c control.Client) error {
				raw, err := c.Exits()
				if err != nil {
					return err
				}
				_, err = fmt.Printf("%s", raw)
				return err
			})
		},
	})
}

func newLogs() *cobra.Command {
	var follow bool
	c := byName(&cobra.Command{
		Use:   "logs name",
		Short: "Print what was shown by a machine or a container that was detached",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, names []string) error {
			ctx, stop := signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			return steer.Each(names, say, func(name string, c control.Client) error { return printLog(ctx, name, c, follow) })
		},
	})
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes, until the end")
	return c
}

func printLog(ctx context.Context, name string, c control.Client, follow bool) error {
	info, err := c.Info()
	if err != nil {
		return err
	}
	if info.Log == "" {
		return steer.ErrNoLog
	}
	f, err := os.Open(info.Log)
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: name, Err: err}
	}
	defer f.Close()
	var ended chan struct{}
	if follow {
		ended = make(chan struct{})
		go func() {
			_, _ = c.Wait() // an end, or a server that is gone
			close(ended)
		}()
	}
	return steer.Follow(ctx, os.Stdout, f, ended)
}
