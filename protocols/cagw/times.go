package cagw

import (
	"encoding/asn1"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/period"
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

// readValidity reads the four forms of an ISO 8601 interval: start/end, start/duration, duration/end, duration. What is nil is
// left to the profile, as is all of "" and of a duration of zero.
func readValidity(text string, now time.Time) (from, to *time.Time, err error) {
	bad := fault.New(fault.Invalid, "%s is not a validity period", strconv.Quote(text)).At("notAfter").Do(
		"Give an ISO 8601 interval: P30D, 2026-01-02T03:04:05Z/P1Y, P1Y/2027-01-02T03:04:05Z or 2026-01-02T03:04:05Z/2027-01-02T03:04:05Z.",
	)
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil, nil
	}
	first, second, two := strings.Cut(text, "/")
	if length, ok := period.Parse(first); ok {
		if !two {
			if length.IsZero() {
				return nil, nil, nil
			}
			return nil, new(bounded(length.After(now))), nil
		}
		end, err := readTime(second)
		if err != nil {
			return nil, nil, bad
		}
		if length.IsZero() {
			return nil, &end, nil
		}
		return new(bounded(length.Before(end))), &end, nil
	}
	start, err := readTime(first)
	if err != nil || !two {
		return nil, nil, bad
	}
	if length, ok := period.Parse(second); ok {
		if length.IsZero() {
			return &start, nil, nil
		}
		return &start, new(bounded(length.After(start))), nil
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
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.SkipASN1(cbasn1.SEQUENCE) || !outer.ReadASN1(&algorithm, cbasn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&oid) {
		return ""
	}
	return oid.String()
}
