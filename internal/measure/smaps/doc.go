// Package smaps reads how much memory a process takes, and what of it is guest RAM.
package smaps
