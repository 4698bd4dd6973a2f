package virtio_test

import (
	"errors"
	"sync"
	"testing"

	"terem/devices/virtio"
	vt "terem/devices/virtio/virtiotest"
)

// held is a device without workers: the test takes its queues and plays it.
type held struct {
	info     virtio.Info
	queues   []*virtio.Queue
	features uint64
	calls    []string // Negotiated, Activate, Pause, Reset, Close
	refuse   bool     // Activate fails

	mu     sync.Mutex // guards config
	config []byte
}

func newHeld(sizes ...uint16) *held {
	return &held{info: virtio.Info{ID: virtio.Entropy, QueueSizes: sizes}}
}

func (h *held) Info() virtio.Info { return h.info }

func (h *held) ReadConfig(p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	copy(p, h.config)
}

func (h *held) WriteConfig(off uint64, p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	copy(h.config[off:], p)
}

func (h *held) Activate(features uint64, q []*virtio.Queue) error {
	h.calls = append(h.calls, "Activate")
	h.features, h.queues = features, q
	if h.refuse {
		return errors.New("no, thank you")
	}
	return nil
}

func (h *held) Negotiated(uint64) { h.calls = append(h.calls, "Negotiated") }

func (h *held) Pause() { h.calls, h.queues = append(h.calls, "Pause"), nil }

func (h *held) Reset() { h.calls, h.queues = append(h.calls, "Reset"), nil }

func (h *held) Close() error {
	h.calls, h.queues = append(h.calls, "Close"), nil
	return nil
}

// up is a guest whose driver is up on a device that the test plays, with both ends of queue 0.
func up(t testing.TB, size uint16, features uint64) (*vt.Guest, *vt.Queue, *virtio.Queue) {
	t.Helper()
	d := newHeld(size)
	g := vt.New(t, d, vt.Options{RAM: 4 << 20})
	g.Init(features)
	return g, g.Queue(0), d.queues[0]
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// allFeatures has the ways to negotiate what the rings support.
func allFeatures() []uint64 {
	return []uint64{0, virtio.FeatureEventIdx, virtio.FeatureIndirectDesc, virtio.FeatureEventIdx | virtio.FeatureIndirectDesc}
}
