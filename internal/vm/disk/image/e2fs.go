package image

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"

	"terem/internal/fault"
	"terem/internal/vm/disk/content"
)

// tool finds a program of e2fsprogs. Its folder is not in everybody's PATH.
func tool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/"} {
		if exists(dir + name) {
			return dir + name, nil
		}
	}
	return "", &fault.Error{Class: fault.Host, Thing: name, Cause: "this host does not have it", Mend: "`apt install e2fsprogs`"}
}

// imageName is what runOn calls an image: the first of ExtraFiles.
const imageName = "/proc/self/fd/3"

// runOn runs a program of e2fsprogs with an image as its last argument. It gets the image
// open, under a name of our own: it would take others for an option (-x.img), for a tag
// (LABEL=x.img), or for another file with options behind it (x?offset=512.img).
func runOn(ctx context.Context, image *os.File, name string, args ...string) (out, stderr string, status int, err error) {
	return run(ctx, []*os.File{image}, name, append(args, imageName)...)
}

// runTool runs a program of e2fsprogs and gives what it says, and its exit status. An
// error means that it did not run to its end.
func runTool(ctx context.Context, name string, args ...string) (out, stderr string, status int, err error) {
	return run(ctx, nil, name, args...)
}

func run(ctx context.Context, files []*os.File, name string, args ...string) (out, stderr string, status int, err error) {
	path, err := tool(name)
	if err != nil {
		return "", "", 0, err
	}
	c := exec.CommandContext(ctx, path, args...)
	c.ExtraFiles = files
	c.Env = append(os.Environ(), "LC_ALL=C")
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err = c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return o.String(), e.String(), exit.ExitCode(), nil
	}
	if ctx.Err() != nil {
		err = &fault.Error{Class: fault.Host, Thing: name, Cause: "interrupted"}
	}
	return o.String(), e.String(), 0, err
}

// complaint is what a tool said last: the line that says why.
func complaint(text string) string {
	lines := strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		if l := content.Printable(lines[i]); l != "" {
			return l
		}
	}
	return "it failed"
}
