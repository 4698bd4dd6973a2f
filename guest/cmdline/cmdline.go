package cmdline

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// eventPort is where the guest reports events; devices/ctl has them.
const eventPort = 0x5f9

// EventPortWord makes the default kernel itself write to that port, at power off and at a panic.
func EventPortWord() string { return fmt.Sprintf("vmm_port=%#x", eventPort) }

// generationPage is where a guest that was restored is told so; memory/layout.go has it.
const generationPage = 0xf_f000

// GenerationWord names that page to the default kernel. It is not among Kernel's words: another hypervisor has its
// firmware there.
func GenerationWord() string { return fmt.Sprintf("vmm_generation=%#x", generationPage) }

// What PID 1 takes in pipe mode, once it has said that it listens: the input, each byte 04 of it twice, and these
// (guest/init/src/relay.c).
const (
	EndOfInput = "\x04\x03" // the standard input ends
	Terminate  = "\x04\x14" // SIGTERM to every process
	Kill       = "\x04\x0b" // SIGKILL to every process

	escape = '\x04'
)

// AppendInput appends input as PID 1 takes it.
func AppendInput(b, input []byte) []byte {
	for _, c := range input {
		if c == escape {
			b = append(b, escape)
		}
		b = append(b, c)
	}
	return b
}

// PipeWord is the word that Options.Pipe becomes. PID 1 then reports Listening.
const PipeWord = "terem.pipe=1"

// Options are the words that PID 1 understands. A zero field is left out.
type Options struct {
	Argv       []string // command; none means a shell
	Handed     bool     // the command is in CommandFile instead
	Env        []string // K=V, over the guest's defaults
	Hostname   string
	Pipe       bool     // the host's standard input is no terminal
	Agent      bool     // the host may start programs, over vsock (docs/agent.md)
	Streams    bool     // as Pipe, but the command's streams go over vsock, too
	Idle       bool     // as Pipe, but there is no command; PID 1 says that it listens when it has nothing more to do
	Net        *Network // the network card; nil: PID 1 leaves it alone
	Shares     []Share
	Rows, Cols int
	Term       string
}

// Words returns the options as words of a kernel command line.
func (o Options) Words() ([]string, error) {
	var w []string
	add := func(key, value string) { w = append(w, "terem."+key+"="+value) }
	for _, l := range []struct {
		key  string
		list []string
	}{{"cmd", o.Argv}, {"env", o.Env}} {
		if len(l.list) == 0 {
			continue
		}
		v, err := Encode(l.list)
		if err != nil {
			return nil, err
		}
		add(l.key, v)
	}
	if o.Handed {
		add("cmdfile", "1")
	}
	if len(o.Shares) > 0 {
		v, err := Encode(shareWords(o.Shares))
		if err != nil {
			return nil, err
		}
		add("share", v)
	}
	for _, s := range []struct{ key, value string }{{"hostname", o.Hostname}, {"term", o.Term}} {
		if strings.ContainsAny(s.value, " \t\n\"") {
			return nil, fmt.Errorf("terem.%s=%q: a word of a kernel command line holds no blanks and no quotes", s.key, s.value)
		}
		if s.value != "" {
			add(s.key, s.value)
		}
	}
	if o.Net != nil {
		w = append(w, o.Net.Word())
	}
	if o.Pipe {
		add("pipe", "1")
	}
	if o.Agent {
		w = append(w, AgentWord)
	}
	if o.Streams {
		add("stdio", "agent")
	}
	if o.Idle {
		add("stdio", "none")
	}
	if o.Rows > 0 && o.Cols > 0 {
		add("rows", fmt.Sprint(o.Rows))
		add("cols", fmt.Sprint(o.Cols))
	}
	return w, nil
}

// CommandFile is a file of the initial file system that has a command in it, as Join gives it, for Options.Handed.
const CommandFile = "terem.cmd"

// Short says whether a command goes onto the kernel's command line, which takes 2047 bytes in all, and PID 1 128 words
// (WORDS_MAX in guest/init/src/init.h).
func Short(argv []string) bool {
	const bytes, words = 512, 100
	n := 0
	for _, w := range argv {
		n += len(w) + 1
	}
	return n <= bytes && len(argv) <= words
}

// Join ends each word with a NUL.
func Join(words []string) ([]byte, error) {
	var b []byte
	for _, w := range words {
		if strings.IndexByte(w, 0) >= 0 {
			return nil, fmt.Errorf("word %q holds a NUL, which ends a word", w)
		}
		b = append(append(b, w...), 0)
	}
	return b, nil
}

// Encode ends each word with a NUL and gives the whole as base64url without padding.
func Encode(words []string) (string, error) {
	b, err := Join(words)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// Decode is the inverse of Encode.
func Decode(s string) ([]string, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("decode words: %w", err)
	}
	if len(b) == 0 || b[len(b)-1] != 0 {
		return nil, fmt.Errorf("decode words: %d bytes that no NUL ends", len(b))
	}
	return strings.Split(string(b[:len(b)-1]), "\x00"), nil
}

// AgentWord has PID 1 serve the host over vsock (package guest/agent).
const AgentWord = "terem.agent=1"
