package container_test

import (
	"context"
	"fmt"
	"os"

	"terem/internal/container"
)

func ExampleStart() {
	k, err := container.Start(context.Background(), container.Config{
		Root:   "/srv/root",
		Argv:   []string{"/bin/hostname"},
		Limits: container.Limits{Memory: 64 << 20, CPUs: 0.5, PIDs: 20},
		Stdout: os.Stdout,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	outcome, err := k.Wait()
	fmt.Println(outcome.ExitStatus(), err)
}

func Example_refused() {
	_, err := container.Start(context.Background(), container.Config{
		Root: "/srv/root", Argv: []string{"true"}, Network: "bridge",
	})
	fmt.Println(err)
	// Output: Network bridge: either none or host
}
