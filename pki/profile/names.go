package profile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

func (a *application) decideNames() error {
	a.result.Subject = a.r.Subject.DER()
	// Read it back, so that a name built in code passes the same rules as one from outside.
	if _, err := name.FromDER(a.result.Subject); err != nil {
		return err
	}
	if err := a.checkSubject(); err != nil {
		return err
	}
	for i, g := range a.r.SANs {
		canonical, err := san.Parse(g.Type, g.Value, fmt.Sprintf("sans[%d]", i))
		if err != nil {
			return err
		}
		if err := a.checkClaim(i, canonical); err != nil {
			return err
		}
		if !slices.Contains(a.result.SANs, canonical) {
			a.result.SANs = append(a.result.SANs, canonical)
		}
	}
	if a.p.CopiesCommonNameToSAN {
		if err := a.copyCommonNames(); err != nil {
			return err
		}
	}
	if len(a.result.SANs) > san.MaxNames {
		return invalid.New("sans", "There are %d subject alternative names, but at most %d are allowed.", len(a.result.SANs), san.MaxNames)
	}
	if err := a.checkSANs(); err != nil {
		return err
	}
	if a.r.Subject.IsEmpty() {
		switch {
		case a.p.IsCA():
			return invalid.New("subject", "A CA needs a subject (RFC 5280 4.1.2.6).")
		case len(a.result.SANs) == 0:
			return invalid.New("subject", "The certificate would name nobody. Enter a subject or a subject alternative name.")
		}
		a.decide("subject", "empty", "The subject alternative names are critical, because the subject is empty (RFC 5280 4.2.1.6).")
	}
	same := a.sameName()
	switch {
	case a.p.SelfSigned && !same && len(a.issuer.Subject) > 0:
		return invalid.New("subject", "The subject of a root must be its own name.")
	case a.r.SelfIssued && !same:
		return invalid.New("subject", "The subject of a self-issued certificate must be the issuer's name.")
	case !a.p.SelfSigned && same && !a.r.SelfIssued:
		return invalid.New("subject", "The subject is the name of the CA itself, so the certificate could be mistaken for the CA's own.")
	}
	if len(a.p.RequiredSANTypes) > 0 && !slices.ContainsFunc(
		a.result.SANs, func(g san.GeneralName) bool { return slices.Contains(a.p.RequiredSANTypes, g.Type) },
	) {
		wanted := make([]string, len(a.p.RequiredSANTypes))
		for i, typ := range a.p.RequiredSANTypes {
			wanted[i] = string(typ)
		}
		return ruled(
			"required_san_types",
			invalid.New("sans", "Profile %s requires a subject alternative name of type %s.", a.p.ID, strings.Join(wanted, " or ")),
		)
	}
	return nil
}

func (a *application) copyCommonNames() error {
	for _, common := range a.r.Subject.Values(name.OIDCommonName) {
		typ := san.DNSName
		if _, err := netip.ParseAddr(common); err == nil {
			typ = san.IPAddress
		}
		g, err := san.Parse(typ, common, "subject")
		switch {
		case err != nil && len(a.result.SANs) == 0:
			return invalid.New(
				"subject", "Profile %s takes the names from the common name, but it is neither a DNS name nor an IP address: %s", a.p.ID,
				invalid.Reason(err),
			)
		case err != nil:
			a.decide("subject-alternative-name", "common name not copied", "%s", invalid.Reason(err))
		case !slices.Contains(a.result.SANs, g):
			a.result.SANs = append(a.result.SANs, g)
			a.decide("subject-alternative-name", g.Value, "Copied from the common name, as the profile says.")
		}
	}
	return nil
}
