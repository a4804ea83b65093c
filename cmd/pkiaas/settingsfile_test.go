package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func parse(t *testing.T, text string) (*commands, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var c commands
	parser, err := kong.New(&c, kong.Configuration(settingsFile), kong.DefaultEnvars("PKIAAS"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse([]string{"serve", "--config", file})
	return &c, err
}

func TestTheSettingsFile(t *testing.T) {
	c, err := parse(
		t,
		`{"two-person-roots": true, "listen_public": "127.0.0.1:1", "regions": ["US", "EU"], "keystore": ["file:/a", "hsm=pkcs11:token=x"], "clock-skew": "2m"}`,
	)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Serve
	if !s.TwoPersonRoots || s.ListenPublic != "127.0.0.1:1" || strings.Join(s.Regions, " ") != "US EU" ||
		strings.Join(s.Keystore, " ") != "file:/a hsm=pkcs11:token=x" || s.ClockSkew.Minutes() != 2 {
		t.Errorf("%+v", s)
	}
	if _, err := parse(t, `{"two-person-root": true}`); err == nil || !strings.Contains(err.Error(), "two-person-root") {
		t.Errorf("a misspelt setting: %v", err)
	}
	if _, err := parse(t, `[]`); err == nil {
		t.Error("not an object")
	}
}

// TestOneRegionByDefault: a deployment has one region by default.
func TestOneRegionByDefault(t *testing.T) {
	c, err := parse(t, `{}`)
	if err != nil || len(c.Serve.Regions) != 1 || c.Serve.Regions[0] != "US" {
		t.Errorf("%v, %v", c.Serve.Regions, err)
	}
}
