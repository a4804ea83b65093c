package conformance

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

// TestTheCookbook runs docs/cookbook/issue.sh as a reader would: with the manifest of a running server and nothing else.
func TestTheCookbook(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed; npm test installs it", tool)
		}
	}
	data := t.TempDir()
	start(t, "demo", data, "")
	manifests, err := filepath.Glob(filepath.Join(data, "manifest-*.json"))
	if err != nil || len(manifests) != 1 {
		t.Fatalf("%v %v", manifests, err)
	}
	out, err := exec.CommandContext(
		t.Context(), "bash", filepath.Join(testbed.Root(), "docs", "cookbook", "issue.sh"), manifests[0],
	).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, want := strings.TrimSpace(string(out)), "certificate.pem: OK\nOCSP: good\nrevoked: REVOKED\nOCSP: revoked\nCRL: certificate "+
		"revoked"; got != want {
		t.Errorf("it said\n%s\nand not\n%s", got, want)
	}
}
