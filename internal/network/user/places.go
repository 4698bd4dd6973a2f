package user

// places bounds how many there are of something.
type places chan struct{}

func newPlaces(n int) places { return make(places, n) }

// take takes a place, if there is one.
func (p places) take() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

// give gives it back.
func (p places) give() { <-p }

// taken is how many are.
func (p places) taken() int { return len(p) }
