package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// linkTo is a link in Markdown to a file, or to a place in one.
var linkTo = regexp.MustCompile(`\]\(([^)\s]*)\)`)

// TestLinksLead: each link of a document to a file of the project leads to one, and each place in a document has its heading.
func TestLinksLead(t *testing.T) {
	list, err := exec.Command("git", "-C", "../..", "ls-files", "--cached", "--others", "--exclude-standard", "*.md").Output()
	if err != nil {
		t.Skipf("git ls-files: %v", err)
	}
	links := 0
	for name := range strings.FieldsSeq(string(list)) {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			continue // removed, and git does not know yet
		}
		for _, m := range linkTo.FindAllStringSubmatch(string(text), -1) {
			links++
			if why := broken(name, string(text), m[1]); why != "" {
				t.Errorf("%s: %s: %s", name, m[1], why)
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links found", links)
	}
}

// broken says what is wrong with a link in a document of that name and text, or "".
func broken(name, text, link string) string {
	if strings.Contains(link, "://") {
		return ""
	}
	file, place, _ := strings.Cut(link, "#")
	if file != "" {
		b, err := os.ReadFile(filepath.Join("../..", filepath.Dir(name), file))
		if os.IsNotExist(err) {
			return "no such file"
		}
		text = string(b) // empty for a directory
	}
	if place != "" && !hasPlace(text, place) {
		return "no such heading"
	}
	return ""
}

// noAnchor is what a heading's anchor does not have.
var noAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// hasPlace is whether a heading of the text makes that anchor.
func hasPlace(text, place string) bool {
	for line := range strings.Lines(text) {
		if title := strings.TrimLeft(line, "#"); title != line {
			anchor := noAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			if strings.ReplaceAll(anchor, " ", "-") == place {
				return true
			}
		}
	}
	return false
}

// TestLinkIsBroken: the test above would see what it looks for.
func TestLinkIsBroken(t *testing.T) {
	for link, want := range map[string]string{
		"docs/architecture.md": "", "docs": "", "#two-words": "", "scheme://host": "",
		"docs/none.md": "no such file", "#words": "no such heading", "docs/architecture.md#none": "no such heading",
	} {
		if got := broken("README.md", "# Two words!\n", link); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
}
