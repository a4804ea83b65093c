package issuance

import (
	"bufio"
	"bytes"
	encoding "encoding/asn1"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/extension"
)

// RevokedCertificate is an entry of a CRL.
type RevokedCertificate struct {
	SerialNumber   []byte
	RevokedAt      time.Time
	Reason         int       // RFC 5280 5.3.1; 0 (unspecified) is omitted, as required there
	InvalidityDate time.Time // zero: omitted
}

// RemoveFromCRL is the reason with which a delta CRL lifts a suspension (5.3.1).
const RemoveFromCRL = 8

var oidReasonCode, oidInvalidityDate = encoding.ObjectIdentifier{2, 5, 29, 21}, encoding.ObjectIdentifier{2, 5, 29, 24}

// These are the extensions of an entry up to their values: OID and surrounding headers. All lengths are fixed.
var (
	reasonCode     = []byte{0x30, 0x0a, 0x06, 3, 0x55, 0x1d, 21, 0x04, 3, byte(asn1.ENUM), 1}
	invalidityDate = []byte{0x30, 0x18, 0x06, 3, 0x55, 0x1d, 24, 0x04, 17, byte(asn1.GeneralizedTime), 15}
)

// append appends an entry to the list. Entries are below 128 bytes, so their lengths are single bytes and can be
// appended without cryptobyte, which takes 17 allocations per entry. Lists have up to a million entries.
func (r *RevokedCertificate) append(list []byte, delta bool) ([]byte, error) {
	serial := bytes.TrimLeft(r.SerialNumber, "\x00")
	revokedAt, invalidity := r.RevokedAt.UTC(), r.InvalidityDate.UTC()
	switch {
	case len(serial) == 0 || len(serial) > 20 || len(serial) == 20 && serial[0] >= 0x80:
		return list, errors.New("a serial number must be positive and have at most 20 bytes") // RFC 5280 4.1.2.2
	case r.Reason < 0 || r.Reason > 10 || r.Reason == 7 || r.Reason == RemoveFromCRL && !delta:
		return list, fmt.Errorf("%d is not a valid reason in this CRL", r.Reason)
	case revokedAt.Year() < 1950 || revokedAt.Year() > 9999 || !r.InvalidityDate.IsZero() && (invalidity.Year() < 0 ||
		invalidity.Year() > 9999):
		return list, errors.New("the dates of a revocation must be between the years 1950 and 9999")
	}
	start := len(list)
	list = append(list, byte(asn1.SEQUENCE), 0, byte(asn1.INTEGER))
	if serial[0] >= 0x80 {
		list = append(list, byte(len(serial)+1), 0)
	} else {
		list = append(list, byte(len(serial)))
	}
	list = append(list, serial...)
	if revokedAt.Year() < 2050 {
		list = revokedAt.AppendFormat(append(list, byte(asn1.UTCTime), 13), "060102150405Z")
	} else {
		list = revokedAt.AppendFormat(append(list, byte(asn1.GeneralizedTime), 15), generalizedForm)
	}
	if r.Reason != 0 || !r.InvalidityDate.IsZero() {
		extensions := len(list)
		list = append(list, byte(asn1.SEQUENCE), 0)
		if r.Reason != 0 {
			list = append(append(list, reasonCode...), byte(r.Reason))
		}
		if !r.InvalidityDate.IsZero() {
			list = invalidity.AppendFormat(append(list, invalidityDate...), generalizedForm)
		}
		list[extensions+1] = byte(len(list) - extensions - 2)
	}
	list[start+1] = byte(len(list) - start - 2)
	return list, nil
}

const generalizedForm = "20060102150405Z"

// ListedCertificate is an entry of a CRL, valid until the next one is read.
type ListedCertificate struct {
	SerialNumber []byte // without leading zeros
	date         cryptobyte.String
	extensions   cryptobyte.String
}

// RevokedAt returns the time of revocation, or zero if it cannot be read.
func (l ListedCertificate) RevokedAt() (at time.Time) {
	date := l.date
	if !readTime(&date, &at) {
		return time.Time{}
	}
	return at
}

// InvalidityDate returns the time from which the key may have been compromised, or zero if not given.
func (l ListedCertificate) InvalidityDate() (at time.Time) {
	parsed, _ := extension.ParseList(l.extensions)
	for _, e := range parsed {
		if value := cryptobyte.String(e.Value); e.ID.Equal(oidInvalidityDate) && !value.ReadASN1GeneralizedTime(&at) {
			return time.Time{}
		}
	}
	return at
}

// Reason returns the reason code, or 0 if not given.
func (l ListedCertificate) Reason() int {
	list, reason := l.extensions, 0
	parsed, _ := extension.ParseList(list)
	for _, e := range parsed {
		if e.ID.Equal(oidReasonCode) {
			value := cryptobyte.String(e.Value)
			_ = value.ReadASN1Enum(&reason) // malformed: no reason
		}
	}
	return reason
}

// CRLEntries reads the entries of a CRL (DER) from its start. It neither loads the CRL into memory nor verifies it.
func CRLEntries(r io.Reader) iter.Seq2[ListedCertificate, error] {
	return func(yield func(ListedCertificate, error) bool) {
		in := &tlvReader{r: bufio.NewReaderSize(r, 128<<10)} // longer than the longest supported entry
		in.enter(asn1.SEQUENCE)
		in.enter(asn1.SEQUENCE)
		in.skip(asn1.INTEGER)
		for range 2 {
			in.skip(asn1.SEQUENCE) // algorithm, issuer
		}
		in.skip(asn1.UTCTime, asn1.GeneralizedTime)
		in.skip(asn1.UTCTime, asn1.GeneralizedTime)
		if in.err == nil {
			if next, err := in.r.Peek(1); err != nil || next[0] != byte(asn1.SEQUENCE) {
				if err != nil {
					yield(ListedCertificate{}, fmt.Errorf("cannot read the CRL: %w", err))
				}
				return // no entries
			}
		}
		for left := in.enter(asn1.SEQUENCE); in.err == nil && left > 0; {
			one, length, ok := listed(in.r)
			if left -= length; !ok || left < 0 {
				in.fail()
				break
			}
			if !yield(one, nil) {
				return
			}
			_, in.err = in.r.Discard(length) // the entry is in the buffer
		}
		if in.err != nil {
			yield(ListedCertificate{}, fmt.Errorf("cannot read the CRL: %w", in.err))
		}
	}
}

// listed reads the next entry and returns its length. It copies nothing, because a CRL may have a million entries.
func listed(r *bufio.Reader) (one ListedCertificate, length int, ok bool) {
	head, err := r.Peek(4)
	if err != nil || head[0] != byte(asn1.SEQUENCE) {
		return one, 0, false
	}
	length, start := 2+int(head[1]), 2
	switch {
	case head[1] == 0x81:
		length, start = 3+int(head[2]), 3
	case head[1] == 0x82:
		length, start = 4+int(head[2])<<8+int(head[3]), 4
	case head[1] > 0x82 || head[1] == 0x80:
		return one, 0, false
	}
	entry, err := r.Peek(length)
	if err != nil {
		return one, 0, false
	}
	s := cryptobyte.String(entry[start:])
	var serial cryptobyte.String
	if !s.ReadASN1(&serial, asn1.INTEGER) || !s.ReadASN1Element(&one.date, asn1.UTCTime) &&
		!s.ReadASN1Element(&one.date, asn1.GeneralizedTime) {
		return one, 0, false
	}
	one.SerialNumber = bytes.TrimLeft(serial, "\x00")
	return one, length, s.Empty() || s.ReadASN1(&one.extensions, asn1.SEQUENCE) && s.Empty()
}

// tlvReader descends into DER. After an error it does nothing.
type tlvReader struct {
	r   *bufio.Reader
	err error
}

func (t *tlvReader) fail() {
	if t.err == nil {
		t.err = errors.New("this is not a CRL")
	}
}

func (t *tlvReader) octet() byte {
	if t.err != nil {
		return 0
	}
	b, err := t.r.ReadByte()
	if err != nil {
		t.err = fmt.Errorf("the CRL is cut off: %w", err)
	}
	return b
}

// enter reads a header and returns the length of its contents.
func (t *tlvReader) enter(tags ...asn1.Tag) (length int) {
	if tag := t.octet(); !slices.Contains(tags, asn1.Tag(tag)) {
		t.fail()
	}
	first := t.octet()
	if first < 0x80 {
		return int(first)
	}
	if first > 0x84 || first == 0x80 {
		t.fail()
		return 0
	}
	for range first & 0x7f {
		length = length<<8 | int(t.octet())
	}
	return length
}

func (t *tlvReader) skip(tags ...asn1.Tag) {
	n := t.enter(tags...)
	if t.err == nil {
		if _, err := t.r.Discard(n); err != nil {
			t.err = fmt.Errorf("the CRL is cut off: %w", err)
		}
	}
}
