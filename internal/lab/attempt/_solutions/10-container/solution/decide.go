package exercise

// Decide chooses a place for a workload: Container, VM, Either or Neither. A place that is not safe in all that the workload needs is out. Of
// two that are left the better one by the measure is chosen, if the measurement can tell them apart.
func Decide(w Workload, numbers []Number, matrix []Cell) Claim {
	claim := Claim{Workload: w.Name}
	safe := map[string]bool{}
	for _, place := range []string{Container, VM} {
		safe[place] = true
		for _, row := range w.Needs {
			cell := find(matrix, row, place)
			claim.Cells = append(claim.Cells, cell)
			safe[place] = safe[place] && cell.Verdict == "safe"
		}
	}
	switch {
	case safe[Container] && safe[VM]:
		claim.Numbers = comparable(w, numbers)
		claim.Choice = better(claim.Numbers)
	case safe[Container]:
		claim.Choice = Container
	case safe[VM]:
		claim.Choice = VM
	default:
		claim.Choice = Neither
	}
	return claim
}

func find(matrix []Cell, row, place string) Cell {
	for _, c := range matrix {
		if c.Row == row && c.Place == place {
			return c
		}
	}
	return Cell{Row: row, Place: place, Verdict: "not run"}
}

// comparable are the numbers of the measure, like with like.
func comparable(w Workload, numbers []Number) (list []Number) {
	for _, n := range numbers {
		if n.Measure == w.Measure && n.Warm == w.Warm {
			list = append(list, n)
		}
	}
	return list
}

// better is the place of the better of two numbers, if they differ by more than chance.
func better(list []Number) string {
	if len(list) != 2 {
		return Either
	}
	low, high := list[0], list[1]
	if low.Median > high.Median {
		low, high = high, low
	}
	if low.High >= high.Low { // the intervals have something in common
		return Either
	}
	if low.More {
		return high.Place
	}
	return low.Place
}
