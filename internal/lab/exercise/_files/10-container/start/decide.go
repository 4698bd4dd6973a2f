package exercise

// Decide chooses a place for a workload: Container, VM, Either or Neither. A place that is not safe in all that the workload needs is out. Of
// two that are left the better one by the measure is chosen, if the measurement can tell them apart.
func Decide(w Workload, numbers []Number, matrix []Cell) Claim {
	return Claim{}
}
