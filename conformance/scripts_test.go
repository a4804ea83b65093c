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
