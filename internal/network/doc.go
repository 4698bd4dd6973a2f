// Package network is what a user asks of a network, for a machine and a container alike: the words of the flags (spec.go, ports.go),
// the sockets of published ports (publish.go), what the network process is told (plan.go), and that process's start and end
// (process.go).
//
// The network of kind user is a TCP/IP stack in a program of its own, terem-net, whose inside is package
// internal/network/user: docs/adr/0028-a-network-in-a-process.md says why. This package links none of it.
//
//	published ports          terem binds them, before anything is made, and hands them over
//	frames                   a socket; or a container's tap interface
//	the network process      may use sockets of the Internet, and nothing else
package network
