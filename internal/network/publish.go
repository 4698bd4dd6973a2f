package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
)

// Socket is a published port: one that listens, or for UDP one that is bound.
type Socket struct {
	Port // with the number that the host has given, if it was to choose
	File *os.File
}

// Bind binds all ports, or says which it cannot have, and why.
func Bind(ports []Port) (list []Socket, err error) {
	defer func() {
		if err != nil {
			CloseAll(list)
			list = nil
		}
	}()
	for _, p := range ports {
		s, err := p.bind()
		if err != nil {
			return list, p.failed(err)
		}
		list = append(list, s)
	}
	return list, nil
}

// CloseAll closes sockets: those of the network process are its own.
func CloseAll(list []Socket) {
	for _, s := range list {
		s.File.Close()
	}
}

const backlog = 512

func (p Port) bind() (s Socket, err error) {
	family, kind := unix.AF_INET, unix.SOCK_STREAM
	if p.Addr.Is6() {
		family = unix.AF_INET6
	}
	if p.UDP {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return s, err
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if !p.UDP {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if family == unix.AF_INET6 && err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil {
		err = unix.Bind(fd, sockaddr(p.Addr, p.Host))
	}
	if err == nil && !p.UDP {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		return s, err
	}
	if p.Host, err = boundPort(fd); err != nil {
		return s, err
	}
	return Socket{p, os.NewFile(uintptr(fd), p.String())}, nil
}

func sockaddr(a netip.Addr, port uint16) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: int(port)}
	}
	return &unix.SockaddrInet6{Addr: a.As16(), Port: int(port)}
}

func boundPort(fd int) (uint16, error) {
	a, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port), nil
	case *unix.SockaddrInet6:
		return uint16(a.Port), nil
	}
	return 0, errors.New("no address of the Internet")
}

// privileged is below what ports are root's, unless the host says otherwise.
const privileged = 1024

func (p Port) failed(err error) error {
	e := &fault.Error{Class: fault.Host, Thing: fmt.Sprintf("port %v", netip.AddrPortFrom(p.Addr, p.Host)), Err: err}
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		e.Err, e.Cause, e.Mend = nil, "somebody has it already", "choose another one, or 0 for any that is free"
	case errors.Is(err, unix.EACCES) && p.Host < privileged:
		e.Mend = fmt.Sprintf("ports below %d are root's: choose a larger one", privileged)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		e.Err, e.Cause, e.Mend = nil, "the host has no such address", "0.0.0.0 is all that it has"
	}
	return e
}
