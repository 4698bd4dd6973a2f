// Package control is the socket by which others look at a running machine or container and steer it: HTTP with JSON on a unix
// socket. docs/api.md describes it for users, docs/openapi.json for programs; a test compares both with the server.
//
//	GET  /v1/info     what it is                 POST /v1/pause     take it from its processors
//	GET  /v1/stats    what it uses               POST /v1/resume    give them back
//	GET  /v1/exits    its exit ledger, now       POST /v1/stop      ask it to end, then end it
//	GET  /v1/wait     its end, when that comes   POST /v1/kill      end it
//	                                             PUT  /v1/balloon   memory that it is to give back
//
// The server is small enough for the program that starts at once: Go's own costs that program more at its start than all
// of the rest (ADR 0020). A connection carries one request.
package control
