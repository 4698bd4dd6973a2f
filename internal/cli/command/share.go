package command

import (
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
	path, err := sibling.Find(shareName)
	return share.Program{Path: path, Args: []string{shareName}}, err
}
