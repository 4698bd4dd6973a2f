// Package pty opens pseudo terminals (pty(7)).
package pty
