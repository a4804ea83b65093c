package period

import (
	"testing"
	"time"
)

func TestPeriods(t *testing.T) {
	begin := time.Date(2028, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"P1Y": "2029-01-31T12:00:00Z", "P1M": "2028-02-29T12:00:00Z", "P1Y1M": "2029-02-28T12:00:00Z", "P2W": "2028-02-14T12:00:00Z",
		"P30D": "2028-03-01T12:00:00Z", "PT8H": "2028-01-31T20:00:00Z", "P1DT30M": "2028-02-01T12:30:00Z", "PT90S": "2028-01-31T12:01:30Z",
		"P1Y3M10DT0H0M": "2029-05-10T12:00:00Z",
	} {
		p, ok := Parse(text)
		if got := p.After(begin).Format(time.RFC3339); !ok || got != want {
			t.Errorf("%s after 31 January is %s, %v, want %s", text, got, ok, want)
		}
	}
	for text, want := range map[string]string{
		"P1M": "2028-02-29T12:00:00Z", "P2Y3M10DT0H1M": "2025-12-21T11:59:00Z", "PT1440M": "2028-03-30T12:00:00Z",
	} {
		p, ok := Parse(text)
		if got := p.Before(time.Date(2028, 3, 31, 12, 0, 0, 0, time.UTC)).Format(time.RFC3339); !ok || got != want {
			t.Errorf("%s before 31 March is %s, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "P", "PT", "P1", "1Y", "P1H", "P1D1Y", "P1Y1Y", "PT1M1H", "P-1Y", "P1,5Y", "P1YT", "PT99999999999999999999S", "p1y", "P1Y ",
		"PT1HT1H", "PT99999999999H",
	} {
		if p, ok := Parse(text); ok {
			t.Errorf("%q is read as %+v", text, p)
		}
	}
}
