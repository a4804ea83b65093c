package cagw

import (
	"encoding/asn1"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// readTime reads RFC 3339, with or without seconds, and a fraction of any length.
func readTime(text string) (time.Time, error) {
	// A plus of a zone that a query has made a space of.
	if n := len(text); n > 6 && text[n-6] == ' ' {
		text = text[:n-6] + "+" + text[n-5:]
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04Z07:00", text)
	}
	if err == nil && (t.UTC().Year() < 1 || t.UTC().Year() > 9999) {
		err = strconv.ErrRange
	}
	return t.UTC().Truncate(time.Microsecond), err
}

// duration of ISO 8601, also zero.
type duration struct {
	years, months, days int
	seconds             int64
}

func (d duration) zero() bool { return d == duration{} }

// add goes so far from a time, backwards with sign -1. A month that has no such day ends at its last one.
func (d duration) add(t time.Time, sign int) time.Time {
	year, month, day := t.Date()
	first := time.Date(year+sign*d.years, month+time.Month(sign*d.months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	if last := first.AddDate(0, 1, -1).Day(); day > last {
		day = last
	}
	t = first.AddDate(0, 0, day-1+sign*d.days+sign*int(d.seconds/86400))
	return t.Add(time.Duration(sign) * time.Duration(d.seconds%86400) * time.Second)
}

// readDuration reads P1Y3M10DT0H0M, P2W, PT1440M and the like.
func readDuration(text string) (d duration, ok bool) {
	rest, ok := strings.CutPrefix(text, "P")
	if !ok || rest == "" || len(text) > 64 {
		return d, false
	}
	order := "YMWD"
	inTime := false
	for rest != "" {
		if rest[0] == 'T' && !inTime {
			if rest, order, inTime = rest[1:], "HMS", true; rest == "" {
				return d, false
			}
			continue
		}
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		if digits == 0 || digits > 12 || digits == len(rest) {
			return d, false
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		at := strings.IndexByte(order, rest[digits])
		if err != nil || at < 0 {
			return d, false
		}
		unit := rest[digits]
		rest, order = rest[digits+1:], order[at+1:]
		switch {
		case inTime:
			d.seconds += n * map[byte]int64{'H': 3600, 'M': 60, 'S': 1}[unit]
		case n > 4_000_000:
			return d, false
		case unit == 'Y':
			d.years = int(n)
		case unit == 'M':
			d.months = int(n)
		case unit == 'W':
			d.days += 7 * int(n)
		default:
			d.days += int(n)
		}
	}
	const most = 10_000 // years: whatever is longer ends with the CA as well
	return d, d.years <= most && d.months <= 12*most && d.days <= 366*most && d.seconds <= most*366*86400
}

// readValidity reads the four forms of an ISO 8601 interval: start/end, start/duration, duration/end, duration. What is nil is
// left to the profile, as is all of "" and of a duration of zero.
func readValidity(text string, now time.Time) (from, to *time.Time, err error) {
	bad := fault.New(fault.Invalid, "%s is not a validity period", strconv.Quote(text)).At("notAfter").Do("Give an ISO 8601 interval: P30D, 2026-01-02T03:04:05Z/P1Y, P1Y/2027-01-02T03:04:05Z or 2026-01-02T03:04:05Z/2027-01-02T03:04:05Z.")
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil, nil
	}
	first, second, two := strings.Cut(text, "/")
	if length, ok := readDuration(first); ok {
		if !two {
			if length.zero() {
				return nil, nil, nil
			}
			return nil, new(bounded(length.add(now, 1))), nil
		}
		end, err := readTime(second)
		if err != nil {
			return nil, nil, bad
		}
		if length.zero() {
			return nil, &end, nil
		}
		return new(bounded(length.add(end, -1))), &end, nil
	}
	start, err := readTime(first)
	if err != nil || !two {
		return nil, nil, bad
	}
	if length, ok := readDuration(second); ok {
		if length.zero() {
			return &start, nil, nil
		}
		return &start, new(bounded(length.add(start, 1))), nil
	}
	end, err := readTime(second)
	if err != nil {
		return nil, nil, bad
	}
	return &start, &end, nil
}

// bounded keeps a time within what RFC 3339 can write.
func bounded(t time.Time) time.Time {
	switch {
	case t.Year() > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	case t.Year() < 1:
		return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t
}

// signatureOID is the object identifier of a certificate's signature algorithm.
func signatureOID(der []byte) string {
	input := cryptobyte.String(der)
	var outer, algorithm cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.SkipASN1(cbasn1.SEQUENCE) || !outer.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return ""
	}
	return oid.String()
}
