// Package lab has the pages of the lab's exercises, for `terem lab start` to lay out beside the files.
package lab

import (
	"embed"
	"strings"
)

//go:embed [0-9]*.md
var pages embed.FS

// Pages are the pages of an exercise, by the names that they get in a student's directory.
func Pages(name string) map[string][]byte {
	en, ru := name+".md", name+".ru.md"
	links := strings.NewReplacer("("+en+")", "(README.md)", "("+ru+")", "(README.ru.md)")
	list := map[string][]byte{}
	for to, from := range map[string]string{"README.md": en, "README.ru.md": ru} {
		if text, err := pages.ReadFile(from); err == nil {
			list[to] = []byte(links.Replace(string(text)))
		}
	}
	return list
}
