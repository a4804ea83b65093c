package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

// TestWhatIsGeneratedIsCommitted: the step of npm test that looks whether generated code is fresh sees changed files and
// new ones.
func TestWhatIsGeneratedIsCommitted(t *testing.T) {
	dir := t.TempDir()
	run := func(name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	commit := func() {
		t.Helper()
		for _, args := range [][]string{{"add", "-A"}, {"-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x"}} {
			if out, err := run("git", args...); err != nil {
				t.Fatal(out)
			}
		}
	}
	fresh := func() (string, error) {
		return run("bash", filepath.Join(testbed.Root(), "scripts", "fresh.sh"), "graph", "docs")
	}
	if out, err := run("git", "init", "-q"); err != nil {
		t.Skip(out)
	}
	write("graph/a.go", "a")
	write("docs/schema.md", "a")
	commit()
	if out, err := fresh(); err != nil || out != "" {
		t.Errorf("all is committed: %v %s", err, out)
	}
	write("elsewhere.go", "mine")
	if out, err := fresh(); err != nil {
		t.Errorf("a new file that is none of its business: %v %s", err, out)
	}
	write("graph/new/b.resolvers.go", "b")
	if out, err := fresh(); err == nil || !strings.Contains(out, "graph/new/b.resolvers.go") {
		t.Errorf("a new file: %v %s", err, out)
	}
	commit()
	write("docs/schema.md", "b")
	if out, err := fresh(); err == nil || !strings.Contains(out, "docs/schema.md") {
		t.Errorf("a changed file: %v %s", err, out)
	}
}

// TestBreakingChangesAreFound: the step of npm run lint that compares the schema with the one that clients were promised.
func TestBreakingChangesAreFound(t *testing.T) {
	dir := t.TempDir()
	promise := filepath.Join(dir, "promised.graphql")
	check := func(schema string, more ...string) (string, error) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "a.graphqls"), []byte(schema), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "node", append([]string{"scripts/schema-changes.mjs", dir, promise}, more...)...)
		cmd.Dir = testbed.Root()
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	const before = "type Query { a(x: Int): Int, b: E }\nenum E { ONE TWO }\n"
	if out, err := check(before); err == nil || !strings.Contains(out, "is missing") {
		t.Errorf("without a promise: %v %s", err, out)
	}
	if out, err := check(before, "--accept"); err != nil {
		t.Fatal(err, out)
	}
	if out, err := check(before); err != nil || out != "" {
		t.Errorf("the same schema: %v %s", err, out)
	}
	if out, err := check(strings.Replace(before, "b: E", "b: E, c: Int", 1)); err != nil {
		t.Errorf("a field more: %v %s", err, out)
	}
	for what, change := range map[string][]string{
		"a field is gone": {", b: E", ""}, "another type": {"): Int", "): String"}, "a required argument": {"x: Int", "x: Int!"},
		"a value is gone": {" TWO", ""},
	} {
		if out, err := check(strings.Replace(before, change[0], change[1], 1)); err == nil || !strings.Contains(out, "breaks clients") {
			t.Errorf("%s: %v %s", what, err, out)
		}
	}
	if out, err := check(strings.Replace(before, " TWO", "", 1), "--accept"); err != nil || !strings.Contains(out, "breaks clients") {
		t.Errorf("accepting it: %v %s", err, out)
	}
	if out, err := check(strings.Replace(before, " TWO", "", 1)); err != nil {
		t.Errorf("once it is accepted: %v %s", err, out)
	}
}
