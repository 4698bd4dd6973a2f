package memory

import (
	"encoding/binary"
	"errors"
	"os"
)

// Changed lists the pages that are the guest's own: those that somebody has written, the guest or a device, since NewFromFile or NewFromLayers
// mapped them, and those that were copied then. A page that was written and is as before is among them, one that was given back is not.
// The list is true as long as nobody writes.
//
// It is copy-on-write that tells: a page that is no longer the file's was written, by whomever. KVM's log of dirty pages, on the other
// hand, has what its vCPUs write and nothing else. Where the kernel does not say, all pages are listed.
func (g *Guest) Changed() []Run {
	all := []Run{{Count: g.Size() / PageSize}}
	if len(g.files) == 0 {
		return all
	}
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return all
	}
	defer f.Close()
	for _, scan := range []func(*os.File, []byte, func(Run)) error{scanOwn, readOwn} {
		if runs, err := g.own(f, scan); err == nil {
			return runs
		}
	}
	return all
}

// own has each region looked through.
func (g *Guest) own(pagemap *os.File, scan func(*os.File, []byte, func(Run)) error) (runs []Run, err error) {
	var start uint64
	for _, r := range g.regions {
		err := scan(pagemap, r.Host, func(found Run) {
			runs = AppendRun(runs, Run{start + found.First, found.Count})
		})
		if err != nil {
			return nil, err
		}
		start += r.Size() / PageSize
	}
	return runs, nil
}

// scanOwn has the kernel look for pages that are there and not a file's (PAGEMAP_SCAN, Linux 6.7 and later).
func scanOwn(pagemap *os.File, host []byte, found func(Run)) error {
	base := hostAddr(host)
	end := base + uint64(len(host))
	for at := base; at < end; {
		ranges, next, err := scanPages(pagemap, at, end)
		if err != nil {
			return err
		}
		if next <= at {
			return errors.New("PAGEMAP_SCAN does not come on")
		}
		for _, r := range ranges {
			found(Run{(r.Start - base) / PageSize, (r.End - r.Start) / PageSize})
		}
		at = next
	}
	return nil
}

// readOwn looks at the entry of each page, on kernels before that.
func readOwn(pagemap *os.File, host []byte, found func(Run)) error {
	const most = 8192 // entries at once
	pages := len(host) / PageSize
	entries := make([]byte, min(pages, most)*entrySize)
	for first := 0; first < pages; first += most {
		b := entries[:min(pages-first, most)*entrySize]
		if _, err := pagemap.ReadAt(b, int64(hostAddr(host)/PageSize+uint64(first))*entrySize); err != nil {
			return err
		}
		for i := range len(b) / entrySize {
			e := binary.LittleEndian.Uint64(b[i*entrySize:])
			if e&(pagePresent|pageSwapped) != 0 && e&pageOfFile == 0 {
				found(Run{uint64(first + i), 1})
			}
		}
	}
	return nil
}
