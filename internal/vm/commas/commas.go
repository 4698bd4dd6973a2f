// Package commas takes apart what a flag says of a thing with options: `a.img,ro,id=root`.
package commas

import "strings"

// Split cuts at single commas; two of them stand for one. There is one word at least.
func Split(value string) (words []string) {
	var w strings.Builder
	for i := 0; i < len(value); i++ {
		switch {
		case value[i] != ',':
			w.WriteByte(value[i])
		case i+1 < len(value) && value[i+1] == ',':
			w.WriteByte(',')
			i++
		default:
			words = append(words, w.String())
			w.Reset()
		}
	}
	return append(words, w.String())
}
