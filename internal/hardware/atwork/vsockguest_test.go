package atwork

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// vsockServer, as its first argument, makes this test binary the program in the guest that TestVsock talks to.
const vsockServer = "vsock-server"

// What the guest's program does with a connection, by its port.
const (
	portEcho   = 50 + iota // gives back what it hears, as it hears it
	portWhole              // hears all, and then gives it back
	portSource             // hears how many bytes, in eight bytes, and says so many
	portSink               // hears all, and says how many bytes that was
	portCall               // hears a port of the host in four bytes, calls it, and gives back what it hears there
	portEnd                // ends the program
	portNobody             // nobody listens
)

// serveVsock is that program. Its output says when it listens.
func serveVsock() {
	done := make(chan struct{})
	for port, serve := range map[uint32]func(*os.File) error{
		portEcho:   echo,
		portWhole:  whole,
		portSource: source,
		portSink:   sink,
		portCall:   callBack,
		portEnd:    func(*os.File) error { close(done); return nil },
	} {
		l := must(unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0))
		check(unix.Bind(l, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: port}))
		check(unix.Listen(l, 1024))
		go func() {
			for {
				fd, _, err := unix.Accept4(l, unix.SOCK_NONBLOCK)
				if err != nil {
					fmt.Println("accept:", err)
					continue
				}
				go func() {
					f := os.NewFile(uintptr(fd), "vsock")
					defer f.Close()
					if err := serve(f); err != nil {
						fmt.Printf("port %d: %v\n", port, err)
					}
				}()
			}
		}()
	}
	fmt.Println("listening")
	<-done
}

// echo copies by 64 KiB: io.Copy would splice, which is another thing to test.
func echo(f *os.File) error {
	_, err := copyPlain(f, f)
	return err
}

func copyPlain(to io.Writer, from io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 64<<10))
}

func whole(f *os.File) error {
	b, err := io.ReadAll(f)
	if err == nil {
		_, err = f.Write(b)
	}
	return err
}

func source(f *os.File) error {
	var n [8]byte
	if _, err := io.ReadFull(f, n[:]); err != nil {
		return err
	}
	b := make([]byte, 64<<10)
	for left := binary.LittleEndian.Uint64(n[:]); left > 0; {
		k, err := f.Write(b[:min(left, uint64(len(b)))])
		if err != nil {
			return nil // the host has gone: no signal has ended us
		}
		left -= uint64(k)
	}
	return nil
}

func sink(f *os.File) error {
	n, err := copyPlain(io.Discard, f)
	if err == nil {
		_, err = fmt.Fprint(f, n)
	}
	return err
}

func callBack(f *os.File) error {
	var port [4]byte
	if _, err := io.ReadFull(f, port[:]); err != nil {
		return err
	}
	fd := must(unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0))
	if err := unix.Connect(fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_HOST, Port: binary.LittleEndian.Uint32(port[:])}); err != nil {
		unix.Close(fd)
		_, err := fmt.Fprint(f, err)
		return err
	}
	check(unix.SetNonblock(fd, true))
	c := os.NewFile(uintptr(fd), "vsock")
	defer c.Close()
	if err := echo(c); err != nil {
		return err
	}
	_, err := fmt.Fprint(f, "done")
	return err
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
