package gdb

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// query are the packets about what is possible, and about threads.
func (s *session) query(p string) error {
	name, rest, _ := strings.Cut(p, ":")
	switch name {
	case "qSupported":
		return s.reply(fmt.Sprintf("PacketSize=%x;qXfer:features:read+;vContSupported+;swbreak+;hwbreak+;QStartNoAckMode+", maxPacket))
	case "QStartNoAckMode":
		err := s.reply(ok)
		s.acks = false
		return err
	case "qXfer":
		return s.reply(transfer(rest))
	case "qC":
		return s.reply(fmt.Sprintf("QC%x", s.thread+1))
	case "qAttached":
		return s.reply("1")
	case "qfThreadInfo":
		return s.reply(s.threads())
	case "qsThreadInfo":
		return s.reply("l")
	case "qSymbol":
		return s.reply(ok)
	}
	if digits, is := strings.CutPrefix(p, "qThreadExtraInfo,"); is {
		cpu, known := s.threadOf(digits)
		if !known {
			return s.reply(wrong)
		}
		return s.reply(hex.EncodeToString([]byte(s.t.About(cpu))))
	}
	return s.reply(unknown)
}

func (s *session) threads() string {
	var list []string
	for i := range s.t.CPUs() {
		list = append(list, fmt.Sprintf("%x", i+1))
	}
	return "m" + strings.Join(list, ",")
}

// transfer gives a piece of target.xml: "features:read:target.xml:offset,length".
func transfer(text string) string {
	place, is := strings.CutPrefix(text, "features:read:target.xml:")
	off, n, good := span(place)
	if !is || !good {
		return "E00" // no such object
	}
	xml := targetXML()
	if off >= uint64(len(xml)) {
		return "l"
	}
	piece := xml[off:]
	if n = min(n, maxPacket/2); n < uint64(len(piece)) {
		return "m" + piece[:n]
	}
	return "l" + piece
}
