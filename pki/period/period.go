// Package period parses, formats and adds ISO 8601 durations such as P1Y6M, whose length depends on the calendar.
package period

import (
	"strconv"
	"strings"
	"time"
)

// Period is an ISO 8601 duration. Weeks are stored as days.
type Period struct {
	Years, Months, Days int
	Seconds             int64
}

const (
	daySeconds = 24 * 60 * 60
	// mostYears limits each part, so that nothing overflows.
	mostYears = 10_000
)

// Parse reads "P1Y6M", "P2W", "P1DT12H", "PT1440M" and the like: whole numbers, each unit once and in order, none
// longer than 10,000 years.
func Parse(text string) (p Period, ok bool) {
	rest, ok := strings.CutPrefix(text, "P")
	if !ok || rest == "" || len(text) > 64 {
		return Period{}, false
	}
	order, inTime := "YMWD", false
	for rest != "" {
		if rest[0] == 'T' && !inTime {
			if rest, order, inTime = rest[1:], "HMS", true; rest == "" {
				return Period{}, false
			}
			continue
		}
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits > 12 || digits == len(rest) {
			return Period{}, false
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		unit := rest[digits]
		at := strings.IndexByte(order, unit)
		if err != nil || at < 0 { // unknown, repeated or out of order
			return Period{}, false
		}
		rest, order = rest[digits+1:], order[at+1:]
		switch {
		case inTime:
			p.Seconds += n * map[byte]int64{'H': 3600, 'M': 60, 'S': 1}[unit]
		case n > 366*mostYears:
			return Period{}, false
		case unit == 'Y':
			p.Years = int(n)
		case unit == 'M':
			p.Months = int(n)
		case unit == 'W':
			p.Days += 7 * int(n)
		default:
			p.Days += int(n)
		}
	}
	return p, p.Within(mostYears)
}

// Within tells whether each part is at most the given number of years.
func (p Period) Within(years int) bool {
	return p.Years <= years && p.Months <= 12*years && p.Days <= 366*years && p.Seconds <= int64(years)*366*daySeconds
}

// IsZero tells whether the period has no length.
func (p Period) IsZero() bool { return p == Period{} }

// String returns the shortest text that Parse reads as p.
func (p Period) String() string {
	out := []byte{'P'}
	add := func(n int64, unit byte) {
		if n > 0 {
			out = append(strconv.AppendInt(out, n, 10), unit)
		}
	}
	add(int64(p.Years), 'Y')
	add(int64(p.Months), 'M')
	add(int64(p.Days), 'D')
	if p.Seconds > 0 {
		out = append(out, 'T')
		add(p.Seconds/3600, 'H')
		add(p.Seconds%3600/60, 'M')
		add(p.Seconds%60, 'S')
	}
	return string(out)
}

// After returns the end of the period that starts at t, in UTC. If the month has no such day, the result is its last
// day: 31 January plus one month is 28 or 29 February, where time.AddDate would return a day in March.
func (p Period) After(t time.Time) time.Time { return p.add(t, 1) }

// Before returns the start of the period that ends at t.
func (p Period) Before(t time.Time) time.Time { return p.add(t, -1) }

func (p Period) add(t time.Time, sign int) time.Time {
	t = t.UTC()
	year, month, day := t.Date()
	first := time.Date(year+sign*p.Years, month+time.Month(sign*p.Months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	if last := first.AddDate(0, 1, -1).Day(); day > last {
		day = last
	}
	// Count whole days separately, because time.Duration is limited to 292 years.
	t = first.AddDate(0, 0, day-1+sign*(p.Days+int(p.Seconds/daySeconds)))
	return t.Add(time.Duration(sign) * time.Duration(p.Seconds%daySeconds) * time.Second)
}
