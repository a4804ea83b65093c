package name

import (
	"encoding/asn1"
	"strconv"
	"strings"
)

const (
	maxOIDArcs   = 32
	maxOIDLength = 256
)

// ParseOID reads a dotted object identifier, with or without the prefix "OID." (RFC 4514 section 2.3, RFC 2253
// section 4). An arc is at most 2^31-1, which is what encoding/asn1 holds on every machine.
func ParseOID(text string) (asn1.ObjectIdentifier, bool) {
	if len(text) > 4 && strings.EqualFold(text[:4], "OID.") {
		text = text[4:]
	}
	if len(text) > maxOIDLength {
		return nil, false
	}
	parts := strings.Split(text, ".")
	if len(parts) < 2 || len(parts) > maxOIDArcs {
		return nil, false
	}
	oid := make(asn1.ObjectIdentifier, len(parts))
	for i, part := range parts {
		if part == "" || len(part) > 1 && part[0] == '0' {
			return nil, false
		}
		arc, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return nil, false
		}
		oid[i] = int(arc)
	}
	if oid[0] > 2 || oid[0] < 2 && oid[1] > 39 {
		return nil, false
	}
	return oid, true
}
