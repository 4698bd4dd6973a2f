package demo

import (
	"slices"
	"strings"
)

// Image are the demonstrations of what an image's layers are. A layer is a directory; overlayfs shows several as one.
func Image() []Demo {
	layers := Step{Inside, "mount -t tmpfs layers $DIR; cd $DIR; mkdir base more mine work all; echo one > base/a; echo one > base/b; echo two > more/b; echo two > more/c"}
	stack := Step{Inside, "mount -t overlay box -o lowerdir=more:base,upperdir=mine,workdir=work all; ls all"}
	all := []Demo{
		{
			Name: "layers", Title: "Layers: directories on top of each other",
			Idea:   "A layer of an image has the files that one step of its making has added or changed. Overlayfs shows all layers as one tree; of two files of one name the upper one.",
			Steps:  []Step{layers, stack, {Inside, "cat all/a all/b all/c"}},
			Lesson: "a is in the lower layer, c in the upper one, and b in both: the upper one is seen. Nothing was copied.",
			Shown: func(s [][]string) bool {
				return slices.Equal(s[1], []string{"a", "b", "c"}) && slices.Equal(s[2], []string{"one", "two", "two"})
			},
		},
		{
			Name: "copy-up", Title: "A container's own layer: what it writes",
			Idea:   "The topmost layer is the container's, and empty when it starts. A file of a layer below is copied there when it is first written to.",
			Steps:  []Step{layers, stack, {Inside, "ls mine"}, {Inside, "echo three >> all/a; cat all/a"}, {Inside, "ls mine; cat base/a"}},
			Lesson: "The container has changed a, and the image has not: the copy is in its own layer. So a hundred containers share one image.",
			Shown: func(s [][]string) bool {
				return len(s[2]) == 0 && slices.Equal(s[3], []string{"one", "three"}) && slices.Equal(s[4], []string{"a", "one"})
			},
		},
		{
			Name: "whiteout", Title: "A whiteout: what it deletes",
			Idea:   "A file of a layer below cannot be removed from there. A whiteout of its name in an upper layer hides it: a character device 0, 0.",
			Steps:  []Step{layers, stack, {Inside, "rm all/b; ls all"}, {Inside, "ls more; stat -c '%n: %F %t,%T' mine/b"}},
			Lesson: "b is gone for the container, and still takes its place in the image. That is why a layer that deletes makes no image smaller.",
			Shown: func(s [][]string) bool {
				return slices.Equal(s[2], []string{"a", "c"}) && len(s[3]) == 3 && strings.Contains(s[3][2], "character special file 0,0")
			},
		},
	}
	for i := range all {
		all[i].Enter, all[i].open = unshareLine("--mount"), unshared("--mount")
	}
	return all
}
