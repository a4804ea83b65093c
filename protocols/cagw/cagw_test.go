package cagw

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// What is routed is documented, and the reverse.
func TestRoutesAreThoseOfTheDocument(t *testing.T) {
	var document struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(openAPI, &document); err != nil {
		t.Fatal(err)
	}
	var documented, routed []string
	for path, methods := range document.Paths {
		for method := range methods {
			if method != "parameters" {
				documented = append(documented, strings.ToUpper(method)+" /cagw/v1"+path)
			}
		}
	}
	for _, r := range routes {
		routed = append(routed, r.method+" "+r.path)
	}
	slices.Sort(documented)
	slices.Sort(routed)
	if !slices.Equal(documented, routed) {
		t.Errorf("documented:\n%s\nrouted:\n%s", strings.Join(documented, "\n"), strings.Join(routed, "\n"))
	}
}

func TestValidity(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"":                       "- -",
		"PT0M":                   "- -",
		"P0D":                    "- -",
		"P30D":                   "- 2026-03-02T12:00:00Z",
		"P1M":                    "- 2026-02-28T12:00:00Z",
		"P3M":                    "- 2026-04-30T12:00:00Z",
		"P1Y":                    "- 2027-01-31T12:00:00Z",
		"P2W":                    "- 2026-02-14T12:00:00Z",
		"P1Y3M10DT0H0M":          "- 2027-05-10T12:00:00Z",
		"P0Y1M0DT0H0M":           "- 2026-02-28T12:00:00Z",
		"PT1440M":                "- 2026-02-01T12:00:00Z",
		"PT172800S":              "- 2026-02-02T12:00:00Z",
		"PT52560000M":            "- 2126-01-07T12:00:00Z",
		"P9999Y":                 "- 9999-12-31T23:59:59Z",
		"2026-02-01T00:00Z/P1D":  "2026-02-01T00:00:00Z 2026-02-02T00:00:00Z",
		"P1D/2026-02-01T00:00Z":  "2026-01-31T00:00:00Z 2026-02-01T00:00:00Z",
		"P1M/2026-03-31T00:00Z":  "2026-02-28T00:00:00Z 2026-03-31T00:00:00Z",
		"PT0M/2026-03-31T00:00Z": "- 2026-03-31T00:00:00Z",
		"2026-02-01T00:00Z/PT0M": "2026-02-01T00:00:00Z -",
		"2026-02-01T00:00:00.00Z/2026-02-02T01:00:00.123+01:00": "2026-02-01T00:00:00Z 2026-02-02T00:00:00Z",
		"P":                       "bad",
		"PT":                      "bad",
		"P1":                      "bad",
		"P1D2":                    "bad",
		"P1H":                     "bad",
		"P1D1Y":                   "bad",
		"P-1D":                    "bad",
		"P99999999999999999999Y":  "bad",
		"PT999999999999H":         "bad",
		"P99999Y":                 "bad",
		"P1D/P1D":                 "bad",
		"2026-02-01T00:00Z":       "bad",
		"2026-02-01/2026-02-02":   "bad",
		"2026-02-01T00:00Z/":      "bad",
		"/2026-02-01T00:00Z":      "bad",
		"P1D/2026-02-01T00:00Z/x": "bad",
	} {
		from, to, err := readValidity(text, now)
		say := func(t *time.Time) string {
			if t == nil {
				return "-"
			}
			return t.UTC().Truncate(time.Second).Format(time.RFC3339)
		}
		if got := say(from) + " " + say(to); err == nil && got != want || (err != nil) != (want == "bad") {
			t.Errorf("%q: %s, want %s (%v)", text, got, want, err)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"2018-07-06T13:00Z": "2018-07-06T13:00:00Z", "2000-01-01T00:00:00.00Z": "2000-01-01T00:00:00Z",
		"2026-01-02T03:04:05.000Z": "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456789Z": "2026-01-02T03:04:05.123456Z",
		"2026-01-02T05:04:05 02:00": "2026-01-02T03:04:05Z"} {
		if got, err := readTime(text); err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
	for _, text := range []string{"", "now", "2026-01-02", "2026-13-02T03:04:05Z", "0000-01-01T00:00:00Z"} {
		if got, err := readTime(text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestSlashed(t *testing.T) {
	for text, want := range map[string]string{"/C=CA/O=Acme/CN=host": "CN=host,O=Acme,C=CA", `/CN=http:\/\/a\/b`: "CN=http://a/b",
		"/CN=a, b": `CN=a\, b`, "/c=CA/cn=x=y": "CN=x=y,C=CA",
		"/O=Acme/CN=a+UID=7": "CN=a+UID=7,O=Acme", `/CN=a\+b`: `CN=a\+b`, `/CN=a\\b`: `CN=a\\b`, "/CN=host/": "CN=host",
		"/2.5.4.3=host": "CN=host"} {
		if got, err := slashed(text); err != nil || got.String() != want {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
	// What OpenSSL refuses, or leaves out with a warning.
	for _, text := range []string{
		"/nobody=x", "/CN=a/b", "/CN=http://a/b", "/CN=a+b", "/CN=a+", "/CN=", "//CN=a", "/O=/CN=a", `/CN=a\`, "/CN",
		"/CN=a/emailadres=b"} {
		if got, err := slashed(text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// An index is good for its CA alone.
func TestPage(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	text := page("ca", start, 77)
	if got, last, ok := readPage(text, "ca"); !ok || last != 77 || !got.Equal(start) || strings.Trim(
		text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
	) != "" {
		t.Error(text, got, last, ok)
	}
	for _, bad := range []string{"", "x", text + "A", text[1:], "!" + text[1:]} {
		if _, _, ok := readPage(bad, "ca"); ok {
			t.Error(bad)
		}
	}
	if _, _, ok := readPage(text, "other"); ok {
		t.Error("the index of another CA")
	}
}
