package doctor_test

import (
	"context"
	"fmt"
	"os"

	"terem/internal/cli/doctor"
)

func Example() {
	report := doctor.Examine(context.Background(), doctor.Options{})
	if err := report.Text(os.Stderr, false); err != nil {
		fmt.Println(err)
	}
	if !report.OK() {
		fmt.Fprintln(os.Stderr, "terem run cannot work here")
	}
	fmt.Println("schema", report.Schema)
	// Output: schema 1
}
