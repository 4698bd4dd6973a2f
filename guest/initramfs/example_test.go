package initramfs_test

import (
	"bytes"
	"fmt"
	"os"

	"terem/guest/initramfs"
)

func ExampleArchive() {
	var a initramfs.Archive
	a.File("init", 0o755, []byte("#!/bin/sh\n"))
	a.Symlink("bin/sh", "busybox")
	var b bytes.Buffer
	if _, err := a.WriteTo(&b); err != nil {
		panic(err)
	}
	entries, err := initramfs.Read(&b)
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		fmt.Printf("%o %s %d\n", e.Mode, e.Name, len(e.Data))
	}
	// Output:
	// 40755 bin 0
	// 120777 bin/sh 7
	// 100755 init 10
}

func ExampleDefault() {
	for _, e := range initramfs.Default([]byte("init"), []byte("busybox"), []byte("probe")).Entries() {
		fmt.Println(e.Name)
	}
	// Output:
	// bin
	// bin/busybox
	// bin/probe
	// dev
	// dev/console
	// init
}

func ExampleExtract() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		panic(err)
	}
	defer root.Close()
	var a initramfs.Archive
	a.File("etc/motd", 0o644, []byte("hello"))
	if err := initramfs.Extract(root, a.Entries()); err != nil {
		panic(err)
	}
	b, err := root.ReadFile("etc/motd")
	fmt.Println(string(b), err)
	// Output: hello <nil>
}
