// Package steer is the commands about what runs: ps, stats, stop, kill, pause, resume, wait, balloon, exits, logs. They ask
// over the control socket (package control), for machines and containers alike.
package steer
