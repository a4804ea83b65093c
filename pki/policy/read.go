package policy

import (
	"encoding/asn1"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
)

func read(extensions []extension.Extension) (c certificate, ok bool) {
	ok = true
	for _, e := range extensions {
		value := cryptobyte.String(e.Value)
		switch {
		case e.ID.Equal(extension.OIDCertificatePolicies):
			c.policies, ok = extension.ReadPolicies(value)
		case e.ID.Equal(oidMappings):
			c.mappings, ok = readMappings(value)
		case e.ID.Equal(oidConstraints):
			var inner cryptobyte.String
			ok = value.ReadASN1(&inner, cbasn1.SEQUENCE) && value.Empty() && !inner.Empty() &&
				readCounter(&inner, 0, &c.explicit) && readCounter(&inner, 1, &c.mapping) && inner.Empty()
		case e.ID.Equal(oidInhibitAny):
			var skip int
			ok = value.ReadASN1Integer(&skip) && value.Empty() && skip >= 0
			c.inhibitAny = &skip
		}
		if !ok {
			return c, false
		}
	}
	return c, true
}

func readMappings(value cryptobyte.String) (mappings [][2]string, ok bool) {
	var all cryptobyte.String
	if !value.ReadASN1(&all, cbasn1.SEQUENCE) || !value.Empty() || all.Empty() {
		return nil, false
	}
	for !all.Empty() {
		var one cryptobyte.String
		var issuer, subject asn1.ObjectIdentifier
		if !all.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&issuer) || !one.ReadASN1ObjectIdentifier(&subject) ||
			!one.Empty() {
			return nil, false
		}
		mappings = append(mappings, [2]string{issuer.String(), subject.String()})
	}
	return mappings, true
}

// readCounter reads SkipCerts with an implicit tag. If absent, it remains nil.
func readCounter(from *cryptobyte.String, tag int, into **int) bool {
	if !from.PeekASN1Tag(cbasn1.Tag(tag).ContextSpecific()) {
		return true
	}
	var skip int64
	if !from.ReadASN1Int64WithTag(&skip, cbasn1.Tag(tag).ContextSpecific()) || skip < 0 {
		return false
	}
	*into = new(int(min(skip, never)))
	return true
}

func list(policies map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(policies)), " or ")
}

func refuse(field, format string, args ...any) error {
	err := invalid.New(field, format, args...)
	err.Rule = Rule
	return err
}
