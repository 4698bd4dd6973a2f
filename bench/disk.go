package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

const (
	measureRead       = "a 4 KiB read of a disk, one after another, by dd"
	measureReadInsns  = "guest kernel instructions a read"
	measureReadExits  = "exits to the VMM a read"
	nameHost          = "host" // dd on the same file, without a guest
	diskRuns          = 3      // the counts hardly vary
	diskBytes         = 64 << 20
	fewReads, allRead = 200, 2200
)

// disk reads a disk that is in the host's page cache, in the guest and on the host.
// Counts are of the difference between a run of many reads and one of few: what the
// boot costs drops out.
func (s *suite) disk() error {
	image := s.path("disk.img")
	if err := os.WriteFile(image, bytes.Repeat([]byte("terem"), diskBytes/5+1)[:diskBytes], 0o644); err != nil {
		return err
	}
	err := s.rounds("disk", min(diskRuns, s.conf.boots), s.vmms[:1], func(v vmm) error {
		few, err := readDisk(v, image, fewReads)
		if err != nil {
			return err
		}
		all, err := readDisk(v, image, allRead)
		if err != nil {
			return err
		}
		const n = allRead - fewReads
		s.report.add(measureRead, v.name, microseconds, all.seconds/allRead*1e6)
		s.report.add(measureReadExits, v.name, count, float64(all.exits-few.exits)/n)
		if all.instructions > 0 {
			s.report.add(measureReadInsns, v.name, count, float64(all.instructions-few.instructions)/n)
		}
		out, err := exec.Command("dd", "if="+image, "of=/dev/null", "bs=4k", fmt.Sprintf("count=%d", allRead)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("dd on the host: %w %s", err, out)
		}
		took, err := ddSeconds(string(out))
		s.report.add(measureRead, nameHost, microseconds, took/allRead*1e6)
		return err
	})
	s.report.limit(measureReadExits, nameTerem, 0)
	return err
}

// diskRun is what one guest's reads cost, its boot included in the counts.
type diskRun struct {
	seconds      float64
	exits        int64 // by the disk's registers
	instructions int64
}

func readDisk(v vmm, image string, n int) (r diskRun, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), bootLimit)
	defer cancel()
	dd := fmt.Sprintf("read a b </proc/uptime; dd if=/dev/vda of=/dev/null bs=4k iflag=direct count=%d 2>/dev/null || exit; "+
		"read b c </proc/uptime; echo $a $b", n)
	argv := append(v.boot(linux{}), "--exits=json", "--disk", image, "--root", "none", "--", "sh", "-c", dd)
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	if err := c.Run(); err != nil {
		return r, &deathError{err, strings.TrimSpace(out.String()), stderr.String()}
	}
	var from, to float64
	if _, err := fmt.Sscan(out.String(), &from, &to); err != nil {
		return r, fmt.Errorf("the guest said %q: want two times", out.String())
	}
	r.seconds = to - from // in steps of 10 ms
	var body struct {
		Places []struct {
			Name  string `json:"name"`
			Count int64  `json:"count"`
		} `json:"places"`
		KVM map[string]int64 `json:"kvm"`
	}
	if err := json.Unmarshal(stderr.Bytes(), &body); err != nil {
		return r, fmt.Errorf("read terem's ledger: %w", err)
	}
	for _, p := range body.Places {
		if p.Name == "disk" {
			r.exits += p.Count
		}
	}
	r.instructions = body.KVM["insn_emulation"]
	return r, nil
}

// ddSeconds finds the time in dd's last line: "... bytes (...) copied, 0.012 s, ...".
func ddSeconds(out string) (float64, error) {
	_, rest, _ := strings.Cut(out, "copied, ")
	number, _, _ := strings.Cut(rest, " s")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("dd said %q: no time", out)
	}
	return v, nil
}
