package grade

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/lab/attempt"
	"terem/internal/lab/exercise"
)

// together builds all attempts at an exercise as one program, whose argument is the attempt's number: a build takes as long as ten gradings. Each
// has a package of its own and a harness of its own.
func together(t *testing.T, e *exercise.Exercise, list []attempt.Attempt) (built string) {
	t.Helper()
	base := t.TempDir()
	dir := filepath.Join(base, "module")
	if err := os.Mkdir(filepath.Join(base, temporary), 0o700); err != nil {
		t.Fatal(err)
	}
	var files, own []exercise.File
	for _, f := range e.Given() {
		if strings.HasSuffix(f.Path, ".go") && !strings.Contains(f.Path, "/") {
			own = append(own, f) // a part of the student's package
			continue
		}
		files = append(files, f)
	}
	imports, cases := "", ""
	for i, a := range list {
		student, err := take(e, laid(t, e, a))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(student, own...) {
			files = append(files, exercise.File{Path: fmt.Sprintf("v%d/%s", i, f.Path), Text: f.Text})
		}
		edit := strings.NewReplacer("package main\n", fmt.Sprintf("package h%d\n", i), "func main() {", "func Main() {", "\t\"exercise\"\n", fmt.Sprintf("\texercise \"exercise/v%d\"\n", i))
		for _, f := range e.Harness() {
			files = append(files, exercise.File{Path: fmt.Sprintf("h%d/%s", i, path.Base(f.Path)), Text: []byte(edit.Replace(string(f.Text)))})
		}
		imports += fmt.Sprintf("\t\"exercise/h%d\"\n", i)
		cases += fmt.Sprintf("\tcase \"%d\":\n\t\th%d.Main()\n", i, i)
	}
	main := fmt.Sprintf("package main\n\nimport (\n\t\"os\"\n%s)\n\nfunc main() {\n\tswitch os.Args[1] {\n%s\t}\n}\n", imports, cases)
	files = append(files, exercise.File{Path: exercise.HarnessDir + "/main.go", Text: []byte(main)})
	if err := write(dir, files); err != nil {
		t.Fatal(err)
	}
	goCommand, err := findGo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	built = filepath.Join(base, "built")
	if err := compile(t.Context(), goCommand, dir, built, firstTime); err != nil {
		t.Fatal(err)
	}
	return built
}
