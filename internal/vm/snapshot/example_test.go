package snapshot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"terem/internal/vm/snapshot"
	"terem/memory"
)

func Example() {
	top, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(top)
	if err := save(top + "/snap"); err != nil {
		fmt.Println(err)
		return
	}
	s, err := snapshot.Open(top + "/snap")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	g, err := s.Guest()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	b, _ := g.Slice(0x1000, 5)
	fmt.Printf("%s, by a %s machine, %s\n", b, s.Made.Backend, s.Machine)
	// Output: hello, by a vt-x machine, {"RIP":4096}
}

// save makes a snapshot of a guest that stands still.
func save(dir string) error {
	g, err := memory.New(1 << 20)
	if err != nil {
		return err
	}
	defer g.Close()
	if err := g.Write(0x1000, []byte("hello")); err != nil {
		return err
	}
	w, err := snapshot.Create(dir, false)
	if err != nil {
		return err
	}
	defer w.Abort() // does nothing after Commit
	if err := w.Memory(context.Background(), g); err != nil {
		return err
	}
	// From here on the guest may run again.
	return w.Commit(snapshot.State{
		Made:    snapshot.Origin{Backend: "vt-x"},
		Machine: json.RawMessage(`{"RIP": 4096}`),
	})
}
