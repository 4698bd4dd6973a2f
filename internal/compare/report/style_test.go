package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// colors are the variables of the page's style: those of light, and those that dark has
// in their place.
func colors(t *testing.T) (light, dark map[string]string) {
	t.Helper()
	first, second, ok := strings.Cut(pageCSS, "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("the style has no dark colors")
	}
	light, dark = map[string]string{}, map[string]string{}
	find := regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6});`)
	for _, m := range find.FindAllStringSubmatch(first, -1) {
		light[m[1]], dark[m[1]] = m[2], m[2]
	}
	for _, m := range find.FindAllStringSubmatch(second, -1) {
		dark[m[1]] = m[2]
	}
	return light, dark
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(color string) float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, _ := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestContrast wants text to stand out from what is below it as WCAG 2.2 section 1.4.3
// has it: 4.5 to 1.
func TestContrast(t *testing.T) {
	const least = 4.5
	light, dark := colors(t)
	for scheme, c := range map[string]map[string]string{"light": light, "dark": dark} {
		pairs := [][2]string{{"ink", "panel"}, {"warn", "warn-paper"}, {"ink", "warn-paper"}}
		for _, text := range []string{"ink", "muted", "warn", "link", "process", "container", "platform", "sandbox", "process-vm", "vm", "other"} {
			pairs = append(pairs, [2]string{text, "paper"})
		}
		for i := range palette {
			pairs = append(pairs, [2]string{"segment-ink", "p" + strconv.Itoa(i)})
		}
		for _, p := range pairs {
			if c[p[0]] == "" || c[p[1]] == "" {
				t.Fatalf("%s: no color %v", scheme, p)
			}
			a, b := luminance(c[p[0]]), luminance(c[p[1]])
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < least {
				t.Errorf("%s: %s on %s has a contrast of %.2f", scheme, p[0], p[1], ratio)
			}
		}
	}
}
