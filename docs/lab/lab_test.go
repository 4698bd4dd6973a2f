package lab

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPages has each page in both languages, listed in the table of contents, with its parts.
func TestPages(t *testing.T) {
	for _, language := range []struct{ end, goal, write, hints, questions string }{
		{".md", "## Goal", "## What to write", "## Hints", "## Questions"},
		{".ru.md", "## Цель", "## Что написать", "## Подсказки", "## Вопросы"},
	} {
		contents, err := os.ReadFile("README" + language.end)
		if err != nil {
			t.Fatal(err)
		}
		listed := regexp.MustCompile(`\(([0-9]+-[a-z-]+)`+regexp.QuoteMeta(language.end)+`\)`).FindAllStringSubmatch(string(contents), -1)
		if len(listed) == 0 {
			t.Errorf("README%s lists nothing", language.end)
		}
		for _, m := range listed {
			pages := Pages(m[1])
			text := string(pages["README"+language.end])
			for _, want := range []string{language.goal, language.write, language.hints, language.questions, "https://", "terem lab grade"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s%s does not have %q", m[1], language.end, want)
				}
			}
			if n := strings.Count(text, "<details>"); n != 3 {
				t.Errorf("%s%s has %d hints; want three", m[1], language.end, n)
			}
			if strings.Contains(text, m[1]) {
				t.Errorf("%s%s links to a file that a student does not have", m[1], language.end)
			}
		}
	}
}
