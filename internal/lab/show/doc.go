// Package show shows the matrix of the lab: as a table that is drawn anew while it fills, as lines where there is no terminal,
// and a row in words. Whatever an attacker said goes through clean before it reaches a terminal.
package show
