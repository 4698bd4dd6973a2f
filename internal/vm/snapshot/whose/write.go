package whose

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// named is how many variables a line of the table has.
const named = 6

// Write prints the report as a table.
func (r *Report) Write(w io.Writer) error {
	if r.Pages == 0 {
		_, err := fmt.Fprintln(w, "no page differs")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "PAGES\tCHANGED\tWERE ZERO\tNOW ZERO\t  WHOSE")
	for _, o := range r.Owners {
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t  %s\n", o.Pages, o.Changed, o.Filled, o.Emptied, o.Name)
		if len(o.Symbols) > 0 {
			fmt.Fprintf(t, "\t\t\t\t    %s\n", variables(o.Symbols))
		}
	}
	fmt.Fprintf(t, "%d\t%d\t%d\t%d\t  in all\n", r.Pages, r.Changed, r.Filled, r.Emptied)
	if err := t.Flush(); err != nil {
		return err
	}
	for _, n := range r.Notes {
		if _, err := fmt.Fprintln(w, "note:", n); err != nil {
			return err
		}
	}
	return nil
}

func variables(all []Symbol) string {
	var words []string
	for _, s := range all[:min(named, len(all))] {
		words = append(words, s.Name)
	}
	if more := len(all) - named; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}
