package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Names of the files in a cache directory.
const (
	FileVMLinux   = "vmlinux"
	FileBzImage   = "bzImage"
	FileSystemMap = "System.map"
	FileConfig    = "config"
	FileInitrd    = "initrd.cpio"
	FileAgent     = "agent"
	FileReach     = "reach"
	FileManifest  = "manifest.json"
)

// ErrNotBuilt says that the cache has no guest for this version of terem.
var ErrNotBuilt = errors.New("it is not built: `terem guest build` does that, once")

// Artifacts are paths of the built files; Find leaves none of them empty.
type Artifacts struct {
	VMLinux, BzImage  string // the kernel as ELF, and as Linux's own boot format
	Initrd            string // uncompressed cpio
	Agent             string // the agent as a static program, for guests with another PID 1
	Reach             string // a program of the lab's attackers
	SystemMap, Config string
	KernelVersion     string // as `uname -r` in the guest says
}

// Manifest records in a cache directory what its content was made from.
type Manifest struct {
	KernelVersion string            `json:"kernel_version,omitempty"`
	Inputs        map[string]string `json:"inputs"`            // tool or package -> version
	Applets       []string          `json:"applets,omitempty"` // the names of the initrd's busybox
}

// DefaultCacheDir is ${XDG_CACHE_HOME:-~/.cache}/terem.
func DefaultCacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	return filepath.Join(dir, "terem"), nil
}

// Find looks the guest up in the cache; the error is ErrNotBuilt if either half of it is missing.
func Find(cacheDir string) (Artifacts, error) {
	kernel, err := FindKernel(cacheDir)
	if err != nil {
		return Artifacts{}, err
	}
	initrd, err := FindInitrd(cacheDir)
	if err != nil {
		return Artifacts{}, err
	}
	kernel.Initrd, kernel.Agent, kernel.Reach = initrd.Initrd, initrd.Agent, initrd.Reach
	return kernel, nil
}

// FindKernel is Find for the kernel alone.
func FindKernel(cacheDir string) (Artifacts, error) {
	dir, err := newest(KernelRoot(cacheDir), kernelHash)
	if err != nil {
		return Artifacts{}, err
	}
	return KernelIn(dir)
}

// KernelIn describes the kernel in a directory of the cache.
func KernelIn(dir string) (Artifacts, error) {
	m, err := readManifest(dir)
	if err != nil {
		return Artifacts{}, err
	}
	return Artifacts{
		VMLinux:       filepath.Join(dir, FileVMLinux),
		BzImage:       filepath.Join(dir, FileBzImage),
		SystemMap:     filepath.Join(dir, FileSystemMap),
		Config:        filepath.Join(dir, FileConfig),
		KernelVersion: m.KernelVersion,
	}, nil
}

// FindInitrd is Find for the first root file system alone.
func FindInitrd(cacheDir string) (Artifacts, error) {
	dir, err := newest(InitrdRoot(cacheDir), initrdHash)
	if err != nil {
		return Artifacts{}, err
	}
	return Artifacts{Initrd: filepath.Join(dir, FileInitrd), Agent: filepath.Join(dir, FileAgent), Reach: filepath.Join(dir, FileReach)}, nil
}

// KernelRoot and InitrdRoot are the directories that hold all builds of either.
func KernelRoot(cacheDir string) string { return filepath.Join(cacheDir, "kernel") }

// InitrdRoot holds all builds of the first root file system.
func InitrdRoot(cacheDir string) string { return filepath.Join(cacheDir, "initrd") }

// newest returns the directory under root whose name begins with own, of several the last one built.
func newest(root, own string) (string, error) {
	dirs, err := filepath.Glob(filepath.Join(root, own+"-*"))
	if err != nil {
		return "", err
	}
	best, at := "", time.Time{}
	for _, d := range dirs {
		info, err := os.Stat(filepath.Join(d, FileManifest))
		if err == nil && (best == "" || info.ModTime().After(at)) {
			best, at = d, info.ModTime()
		}
	}
	if best == "" {
		return "", ErrNotBuilt
	}
	return best, nil
}

func readManifest(dir string) (Manifest, error) {
	var m Manifest
	name := filepath.Join(dir, FileManifest)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return m, ErrNotBuilt
	}
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return m, fmt.Errorf("read %s: %w", name, err)
	}
	return m, nil
}
