package command

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"terem/internal/fault"
	"terem/internal/sibling"
	"terem/internal/vm/share"
)

// parseShares reads the values of --share, of a machine or a container.
func parseShares(typed []string) (list []share.Spec, err error) {
	for _, t := range typed {
		s, err := share.ParseSpec(t)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// shareName is the program that serves a directory.
const shareName = "terem-share"

// shareServer is how that is started: with nothing of the user's environment.
func shareServer() (share.Program, error) {
	places, err := sibling.Places()
	if err != nil {
		return share.Program{}, err
	}
	for _, dir := range places {
		path := filepath.Join(dir, shareName)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return share.Program{Path: path, Args: []string{shareName}}, nil
		}
	}
	return share.Program{}, &fault.Error{Class: fault.Host, Thing: shareName, Cause: "a part of terem that is neither in " + strings.Join(places, " nor in "),
		Mend: "install terem again, or `make build`"}
}
