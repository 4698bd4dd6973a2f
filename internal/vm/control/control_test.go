package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is something that runs.
type fake struct {
	mu     sync.Mutex
	said   []string
	ended  chan struct{}
	once   sync.Once
	refuse error
}

func (f *fake) say(word string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, word)
	return f.refuse
}

func (f *fake) heard() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.said, " ")
}

func (f *fake) end() { f.once.Do(func() { close(f.ended) }) }

func (f *fake) verbs() Verbs {
	return Verbs{
		Info: func() Info {
			return Info{Name: "web", Kind: KindVM, PID: 7, Started: time.Unix(1, 0).UTC(), Command: []string{"sleep", "9"}, CPUs: 1, Memory: 1 << 27, Agent: true}
		},
		Stats: func(context.Context) (Stats, error) {
			return Stats{CPU: time.Second, Resident: 5, Guest: &GuestMemory{Total: 9}}, f.say("stats")
		},
		Exits:   func() (any, error) { return map[string]int{"schema": 1}, f.say("exits") },
		Pause:   func() error { return f.say("pause") },
		Resume:  func() error { return f.say("resume") },
		Stop:    func(g time.Duration) { _ = f.say("stop " + g.String()); f.end() },
		Kill:    func() { _ = f.say("kill"); f.end() },
		Balloon: func(n uint64) error { return f.say(fmt.Sprint("balloon ", n)) },
		Ended:   f.ended,
		End:     func() End { return End{Status: 3, Why: "it was told to"} },
	}
}

func served(t *testing.T, v func(*Verbs)) (*fake, Client) {
	t.Helper()
	f := &fake{ended: make(chan struct{})}
	verbs := f.verbs()
	if v != nil {
		v(&verbs)
	}
	path := filepath.Join(t.TempDir(), "s")
	s, err := Listen(path, verbs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.end()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, Client{path}
}

// stranger is a client that is not ours: Go's own.
func stranger(c Client) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", c.Path)
	}}}
}

// TestVerbs: each verb by our own client.
func TestVerbs(t *testing.T) {
	f, c := served(t, nil)
	info, err := c.Info()
	want := f.verbs().Info()
	want.State = StateRunning
	if err != nil || !reflect.DeepEqual(info, want) {
		t.Errorf("info: %+v, %v; want %+v", info, err, want)
	}
	if s, err := c.Stats(); err != nil || s.CPU != time.Second || s.Guest == nil || s.Guest.Total != 9 {
		t.Errorf("stats: %+v, %v", s, err)
	}
	if raw, err := c.Exits(); err != nil || !bytes.Contains(raw, []byte(`"schema": 1`)) {
		t.Errorf("exits: %s, %v", raw, err)
	}
	for _, step := range []struct {
		do    func() error
		state string
	}{{c.Pause, StatePaused}, {c.Pause, StatePaused}, {c.Resume, StateRunning}, {c.Resume, StateRunning}, {func() error { return c.Balloon(4096) }, StateRunning}} {
		if err := step.do(); err != nil {
			t.Error(err)
		}
		if info, err := c.Info(); err != nil || info.State != step.state {
			t.Errorf("state %q, %v; want %q", info.State, err, step.state)
		}
	}
	if err := c.Pause(); err != nil {
		t.Error(err)
	}
	waited := make(chan End, 1)
	go func() {
		e, err := c.Wait()
		if err != nil {
			t.Error(err)
		}
		waited <- e
	}()
	e, err := c.Stop(1500 * time.Millisecond)
	if end := (End{3, "it was told to"}); err != nil || e != end || <-waited != end {
		t.Errorf("end %+v, %v", e, err)
	}
	if info, err := c.Info(); err != nil || info.State != StateEnded {
		t.Errorf("at the end: %+v, %v", info, err)
	}
	if got, want := f.heard(), "stats exits pause resume balloon 4096 pause resume stop 1.5s"; got != want {
		t.Errorf("it heard %q, want %q", got, want)
	}
}

// TestStranger: the same with Go's client, and what is wrong has a status and words.
func TestStranger(t *testing.T) {
	_, c := served(t, func(v *Verbs) { v.Balloon = nil })
	web := stranger(c)
	for _, tt := range []struct {
		method, path, body string
		status             int
		words              string
	}{
		{"GET", "/v1/info", "", 200, `"name": "web"`},
		{"GET", "/v1/info?x=1", "", 200, `"name": "web"`},
		{"GET", "/v1/nope", "", 404, "/v1/nope"},
		{"GET", "/", "", 404, "nothing is at /"},
		{"POST", "/v1/info", "", 405, "POST"},
		{"POST", "/v1/pause", "{}", 200, "{}"},
		{"PUT", "/v1/balloon", `{"bytes": 1}`, 409, "it has no balloon"},
		{"PUT", "/v1/balloon", `{"bytes": -1}`, 400, "body"},
		{"PUT", "/v1/balloon", `{}`, 400, "lacks bytes"},
		{"PUT", "/v1/balloon", "", 400, "lacks bytes"},
		{"POST", "/v1/stop", `{"seconds": -1}`, 400, "seconds -1"},
		{"POST", "/v1/stop", `{"seconds": 1e300}`, 400, "seconds"},
		{"POST", "/v1/stop", `{`, 400, "body"},
		{"POST", "/v1/stop", strings.Repeat(" ", maxBody+1), 413, "65537"},
	} {
		q, err := http.NewRequest(tt.method, "http://terem"+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r, err := web.Do(q)
		if err != nil {
			t.Errorf("%s %s: %v", tt.method, tt.path, err)
			continue
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != tt.status || !strings.Contains(string(b), tt.words) || !json.Valid(b) {
			t.Errorf("%s %s: %d %s %v; want %d %q", tt.method, tt.path, r.StatusCode, b, err, tt.status, tt.words)
		}
	}
}

// TestRudeClients: who sends nonsense, too much, nothing or a part, harms only himself.
func TestRudeClients(t *testing.T) {
	_, c := served(t, nil)
	long := strings.Repeat("x", maxHead)
	for line, want := range map[string]string{
		"\r\n\r\n":                           "400",
		"GET /v1/info\r\n\r\n":               "400",
		"GET http://x/ HTTP/1.1\r\n\r\n":     "400",
		"GET /v1/info HTTP/1.1\r\nx\r\n\r\n": "400",
		"GET /" + long + " HTTP/1.1\r\n\r\n": "413",
		"GET /v1/info HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", maxHead/6+1) + "\r\n":         "413",
		"POST /v1/stop HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n":               "400",
		"POST /v1/stop HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n\r\n":                "413",
		"POST /v1/stop HTTP/1.1\r\nContent-Length: -1\r\n\r\n":                                 "400",
		"POST /v1/stop HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                "400",
		"GET /v1/info HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}and what nobody reads": "200",
	} {
		conn, err := net.Dial("unix", c.Path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, line) // it may hang up in the middle
		_ = conn.(*net.UnixConn).CloseWrite()
		got, _ := bufio.NewReader(conn).ReadString('\n')
		if !strings.HasPrefix(got, "HTTP/1.1 "+want+" ") {
			t.Errorf("%.60q: %q, want %s", line, got, want)
		}
		conn.Close()
	}
	var idle []net.Conn
	for range maxClients / 2 { // silent ones
		conn, err := net.Dial("unix", c.Path)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	if _, err := c.Info(); err != nil {
		t.Errorf("beside silent clients: %v", err)
	}
	for _, conn := range idle {
		conn.Close()
	}
}

// TestManyWait: those who wait for the end do not keep others from asking, nor from bringing it about.
func TestManyWait(t *testing.T) {
	f, c := served(t, nil)
	var wg sync.WaitGroup
	for range 2 * maxClients {
		wg.Go(func() {
			if e, err := c.Wait(); err != nil || e.Status != 3 {
				t.Errorf("%+v, %v", e, err)
			}
		})
		if _, err := c.Info(); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Kill(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if f.heard() != "kill" {
		t.Errorf("it heard %q", f.heard())
	}
}

// TestCrowd: one too many is told so at once, and when there is room again others are served.
func TestCrowd(t *testing.T) {
	_, c := served(t, nil)
	var idle []net.Conn
	for range maxClients {
		conn, err := net.Dial("unix", c.Path)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	var no *Refused
	for range 100 { // until all are accepted
		if _, err := c.Info(); errors.As(err, &no) {
			break
		}
	}
	if no == nil || !strings.Contains(no.Text, "too many") {
		t.Errorf("beside %d silent clients: %v", maxClients, no)
	}
	for _, conn := range idle {
		conn.Close()
	}
	for range 500 {
		if _, err := c.Info(); err == nil {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Error("nobody is served any more")
}

// TestSlowStats: who asks what a mute guest uses does not hold up who asks other things.
func TestSlowStats(t *testing.T) {
	asked, done := make(chan struct{}), make(chan struct{})
	_, c := served(t, func(v *Verbs) {
		v.Stats = func(ctx context.Context) (Stats, error) {
			close(asked)
			<-done
			return Stats{}, nil
		}
	})
	go c.Stats()
	<-asked
	if err := c.Pause(); err != nil {
		t.Error(err)
	}
	close(done)
}

// TestRefusals: what the server says reaches the user, and a server that is gone has an error of its own.
func TestRefusals(t *testing.T) {
	f, c := served(t, func(v *Verbs) { v.Exits = nil })
	var no *Refused
	if _, err := c.Exits(); !errors.As(err, &no) || !strings.Contains(err.Error(), "asked for") {
		t.Errorf("exits that are not counted: %v", err)
	}
	f.refuse = errors.New("the disk is on fire")
	if err := c.Pause(); !errors.As(err, &no) || err.Error() != "the disk is on fire" {
		t.Errorf("a verb that fails: %v", err)
	}
	if info, _ := c.Info(); info.State != StateRunning {
		t.Errorf("after a pause that failed it is %q", info.State)
	}
	if _, err := (Client{c.Path + "x"}).Info(); !errors.Is(err, ErrGone) {
		t.Errorf("no server: %v", err)
	}
	f.end()
	if err := c.Pause(); !errors.As(err, &no) || !strings.Contains(err.Error(), "ended") {
		t.Errorf("a pause after the end: %v", err)
	}
}

// TestGone: a server that dies in the middle of a reply.
func TestGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, said := range []string{"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 x\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "nonsense\n"} {
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = readRequest(conn)
			_, _ = io.WriteString(conn, said)
			conn.Close()
		}()
		if _, err := (Client{path}).Wait(); !errors.Is(err, ErrGone) {
			t.Errorf("%q: %v", said, err)
		}
	}
}

// TestNothingLeft: a server leaves no goroutine and no socket, also with clients that wait or say nothing.
func TestNothingLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	f := &fake{ended: make(chan struct{})}
	path := filepath.Join(t.TempDir(), "s")
	s, err := Listen(path, f.verbs())
	if err != nil {
		t.Fatal(err)
	}
	c := Client{path}
	quit := make(chan error, 1)
	go func() {
		_, err := c.Wait()
		quit <- err
	}()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Info(); err != nil { // so the others are there
		t.Error(err)
	}
	for end := time.Now().Add(10 * time.Second); len(s.waiters) == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	conn.Close()
	f.end()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-quit; err != nil {
		t.Errorf("who waits for the end: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is still there")
	}
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, before %d", runtime.NumGoroutine(), before)
}

// FuzzRequest: whatever a client sends, a request is within its bounds.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST /v1/stop HTTP/1.0\nContent-Length: 3\n\nabcd"))
	f.Add([]byte("GET /v1/info HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := readRequest(bytes.NewReader(b))
		if len(q.body) > maxBody || len(q.path) > maxHead {
			t.Errorf("%d bytes of path, %d of body", len(q.path), len(q.body))
		}
		if err == nil && (q.path == "" || q.path[0] != '/' || len(q.body) > len(b)) {
			t.Errorf("%q is taken for %+v", b, q)
		}
	})
}

// TestDescription: docs/openapi.json and docs/api.md say what the server does.
func TestDescription(t *testing.T) {
	var doc struct {
		Paths      map[string]map[string]any
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	b, err := os.ReadFile("../../../docs/openapi.json")
	if err == nil {
		err = json.Unmarshal(b, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var ours, theirs []string
	for path, methods := range routes {
		for m := range methods {
			ours = append(ours, m+" "+path)
			if !strings.Contains(string(page), "`"+m+" "+path+"`") {
				t.Errorf("docs/api.md lacks %s %s", m, path)
			}
		}
	}
	for path, methods := range doc.Paths {
		for m := range methods {
			theirs = append(theirs, strings.ToUpper(m)+" "+path)
		}
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	if !slices.Equal(ours, theirs) {
		t.Errorf("the server has %q, openapi.json %q", ours, theirs)
	}
	for name, v := range map[string]any{"Info": Info{}, "Stats": Stats{}, "GuestMemory": GuestMemory{}, "End": End{}, "Stop": stopRequest{}, "Balloon": balloonRequest{}, "Error": errorReply{}, "Done": done{}} {
		var fields []string
		for i := range reflect.TypeOf(v).NumField() {
			tag, _, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("json"), ",")
			fields = append(fields, tag)
		}
		described := slices.Sorted(func(yield func(string) bool) {
			for p := range doc.Components.Schemas[name].Properties {
				if !yield(p) {
					return
				}
			}
		})
		slices.Sort(fields)
		if !slices.Equal(fields, described) {
			t.Errorf("%s has %q, openapi.json %q", name, fields, described)
		}
	}
}
