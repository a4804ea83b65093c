package issuance

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// RevokedCertificate is an entry of a CRL.
type RevokedCertificate struct {
	SerialNumber   []byte
	RevokedAt      time.Time
	Reason         int       // RFC 5280 5.3.1; 0 (unspecified) is left out, as it says
	InvalidityDate time.Time // zero: left out
}

// Extensions of an entry up to their values: OID and the headers around it. All lengths are fixed.
var (
	reasonCode     = []byte{0x30, 0x0a, 0x06, 3, 0x55, 0x1d, 21, 0x04, 3, byte(asn1.ENUM), 1}
	invalidityDate = []byte{0x30, 0x18, 0x06, 3, 0x55, 0x1d, 24, 0x04, 17, byte(asn1.GeneralizedTime), 15}
)

// crlEntries writes the entries one behind another. Each is below 128 octets, so that its lengths are single octets and
// can be appended without cryptobyte, which takes 17 allocations an entry: a list has 100,000 of them.
func crlEntries(revoked iter.Seq2[RevokedCertificate, error]) ([]byte, error) {
	var list []byte
	for r, err := range revoked {
		if err != nil {
			return nil, err
		}
		if list, err = r.append(list); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r *RevokedCertificate) append(list []byte) ([]byte, error) {
	serial := bytes.TrimLeft(r.SerialNumber, "\x00")
	revokedAt, invalidity := r.RevokedAt.UTC(), r.InvalidityDate.UTC()
	switch {
	case len(serial) == 0 || len(serial) > 20 || len(serial) == 20 && serial[0] >= 0x80:
		return nil, errors.New("a serial number is positive and has at most 20 octets") // RFC 5280 4.1.2.2
	case r.Reason < 0 || r.Reason > 10 || r.Reason == 7 || r.Reason == 8: // 8, removeFromCRL, is for delta CRLs
		return nil, fmt.Errorf("%d is not a reason to be on a full CRL", r.Reason)
	case revokedAt.Year() < 1950 || revokedAt.Year() > 9999 || !r.InvalidityDate.IsZero() && (invalidity.Year() < 0 || invalidity.Year() > 9999):
		return nil, errors.New("the dates of a revocation must lie between the years 1950 and 9999")
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
