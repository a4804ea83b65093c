package profile

import (
	"strconv"
	"time"
)

// period is an ISO 8601 duration: calendar parts and an exact one.
type period struct {
	years, months, days int
	clock               time.Duration
}

// longestClock limits hours, minutes and seconds, far below the maximum of time.Duration.
const longestClock = 50 * 366 * 24 * time.Hour

// parsePeriod reads "P1Y6M", "P2W", "P1DT12H" and the like: positive whole numbers, at most 1000 years.
func parsePeriod(text string) (period, bool) {
	var p period
	if len(text) < 3 || len(text) > 32 || text[0] != 'P' {
		return p, false
	}
	rest, order, inTime := text[1:], "YMWD", false
	for rest != "" {
		if rest[0] == 'T' && !inTime {
			rest, order, inTime = rest[1:], "HMS", true
			if rest == "" {
				return p, false
			}
			continue
		}
		n, digits := 0, 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			if n = n*10 + int(rest[digits]-'0'); n > 40_000_000 {
				return p, false
			}
			digits++
		}
		if digits == 0 || digits == len(rest) {
			return p, false
		}
		unit := rest[digits]
		rest = rest[digits+1:]
		at := -1
		for i := range len(order) {
			if order[i] == unit {
				at = i
			}
		}
		if at < 0 { // unknown, repeated or out of order
			return p, false
		}
		order = order[at+1:]
		if inTime {
			one := map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second}[unit]
			if time.Duration(n) > longestClock/one {
				return p, false
			}
			p.clock += time.Duration(n) * one
			continue
		}
		switch unit {
		case 'Y':
			p.years = n
		case 'M':
			p.months = n
		case 'W':
			p.days += 7 * n
		default:
			p.days += n
		}
	}
	const most = 1000
	if p.years > most || p.months > 12*most || p.days > 366*most || p.clock > longestClock {
		return p, false
	}
	return p, p != period{}
}

// String returns the shortest text that parsePeriod reads as p.
func (p period) String() string {
	out := []byte{'P'}
	add := func(n int, unit byte) {
		if n > 0 {
			out = append(strconv.AppendInt(out, int64(n), 10), unit)
		}
	}
	add(p.years, 'Y')
	add(p.months, 'M')
	add(p.days, 'D')
	if p.clock > 0 {
		out = append(out, 'T')
		add(int(p.clock/time.Hour), 'H')
		add(int(p.clock%time.Hour/time.Minute), 'M')
		add(int(p.clock%time.Minute/time.Second), 'S')
	}
	return string(out)
}

// after adds the period to a time, in UTC. If the month has no such day, the result is its last day: 31 January plus
// one month is 28 or 29 February, where time.AddDate would return a day in March.
func (p period) after(t time.Time) time.Time {
	t = t.UTC()
	year, month, day := t.Date()
	first := time.Date(year+p.years, month+time.Month(p.months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	if last := first.AddDate(0, 1, -1).Day(); day > last {
		day = last
	}
	return first.AddDate(0, 0, day-1+p.days).Add(p.clock)
}
