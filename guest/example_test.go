package guest_test

import (
	"errors"
	"fmt"
	"os"

	"terem/guest"
)

func ExampleFind() {
	empty, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(empty)
	_, err = guest.Find(empty)
	fmt.Println(errors.Is(err, guest.ErrNotBuilt))
	fmt.Println(err)
	// Output:
	// true
	// it is not built: `terem guest build` does that, once
}
