package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/vm/agent"
)

// warmMost is how many snapshots the cache keeps, of the guests that were used last.
const warmMost = 8

// warmCache is where they are, below the user's cache directory.
func warmCache(cacheDir string) string { return filepath.Join(cacheDir, "warm") }

// warmKey is all that a booted guest depends on. Snapshots of guests that differ in any of it are different ones.
type warmKey struct {
	Request request      // what was asked for, without the command
	Line    string       // the kernel command line, as it was composed
	Images  []fileStamp  // kernel, initrd
	Terem   fileStamp    // this program
	Host    string       // the host's kernel
	NoWords bool         // no kernel parameters for a software KVM
	Machine string       // and its hardware's kind
	Start   *agent.Start // the command that stands at its first instruction; nil: none runs
}

// warmKey gives the key of the guest that was asked for.
func (s *session) warmKey(im *images) (k warmKey, err error) {
	o := s.o
	k = warmKey{NoWords: o.NoParams, Request: request{Memory: o.Memory, CPUs: o.CPUs, CPU: o.CPU, RNG: o.RNG, Balloon: o.Balloon, NoAssist: o.NoAssist}}
	if k.Request.Disks, err = s.diskRequests(); err != nil {
		return k, err
	}
	if k.Line, err = kernelLine(o, true, true, way{agent: true, idle: true}); err != nil {
		return k, err
	}
	self, err := os.Executable()
	if err != nil {
		return k, &fault.Error{Class: fault.Host, Thing: "this program", Err: err}
	}
	files := []string{self}
	for _, f := range im.files {
		files = append(files, f.Name())
	}
	for i, f := range files {
		stamp, err := stampOf(f)
		if err != nil {
			return k, &fault.Error{Class: fault.Host, Thing: f, Err: fault.Reason(err)}
		}
		if i == 0 {
			k.Terem = stamp
			continue
		}
		k.Images = append(k.Images, stamp)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return k, err
	}
	k.Host, k.Machine = unix.ByteSliceToString(u.Release[:])+" "+unix.ByteSliceToString(u.Version[:]), unix.ByteSliceToString(u.Machine[:])
	return k, nil
}

// dir is the directory of that guest's snapshot, whose name is the key's hash.
func (k *warmKey) dir(cacheDir string) (string, error) {
	b, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	dir := warmCache(cacheDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", &fault.Error{Class: fault.Host, Thing: dir, Err: fault.Reason(err)}
	}
	return filepath.Join(dir, hex.EncodeToString(sum[:16])), nil
}

// goneSuffix ends the name of a snapshot that is being removed.
const goneSuffix = ".gone"

// prune removes all but the most snapshots that were used last.
func prune(dir string, most int) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) <= most {
		return
	}
	type used struct {
		path string
		at   int64
	}
	var list []used
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), goneSuffix) { // by one that was killed
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
			continue
		}
		if strings.Contains(e.Name(), ".new-") { // by package snapshot, which removes what is left
			continue
		}
		if st, err := e.Info(); err == nil {
			list = append(list, used{filepath.Join(dir, e.Name()), st.ModTime().UnixNano()})
		}
	}
	slices.SortFunc(list, func(a, b used) int { return int(min(max(b.at-a.at, -1), 1)) })
	for _, u := range list[min(most, len(list)):] {
		gone := u.path + goneSuffix // at once, so that nobody finds a half
		if os.Rename(u.path, gone) == nil {
			_ = os.RemoveAll(gone) // who has it open keeps it
		}
	}
}
