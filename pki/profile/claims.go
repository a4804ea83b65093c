package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/san"
)

// Source is who may answer for a claim about identity: for what says who or what the subject is to others, such as an
// account of a domain, the right to log on with a smart card, or a level of assurance. A request alone proves nothing of
// that; a profile says whose word it takes.
type Source string

// Sources.
const (
	// Person is somebody with the right certificate:vouch.
	Person Source = "PERSON"
	// WSTEP has it from the directory that Windows authenticated the client with.
	WSTEP Source = "WSTEP"
	// Intune has it from Microsoft's answer about the request.
	Intune Source = "INTUNE"
	// Nobody answers. A protocol says it of itself; it cannot stand in a profile.
	Nobody Source = "NOBODY"
)

// Sources lists those that a profile can name.
func Sources() []Source { return []Source{Person, WSTEP, Intune} }

// Voucher is who answers for the claims of one request. The zero value is nobody.
type Voucher struct {
	Source Source
	// CSR: for what the CSR says too, not only for what was stated beside it.
	CSR bool
}

// harmlessPurposes say what a key is for, and nothing of who has it. Any other purpose is a claim.
var harmlessPurposes = []string{
	"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.4", // TLS, code, e-mail
	"1.3.6.1.5.5.7.3.5", "1.3.6.1.5.5.7.3.6", "1.3.6.1.5.5.7.3.7", "1.3.6.1.5.5.7.3.17", "1.3.6.1.5.5.8.2.2", // IPsec
	"1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.13", "1.3.6.1.5.5.7.3.14", // time stamps, EAP
	"1.3.6.1.5.5.7.3.20", "1.3.6.1.5.5.7.3.21", "1.3.6.1.5.5.7.3.22", "1.3.6.1.5.5.7.3.36", // SIP, SSH, documents
	"1.3.6.1.4.1.311.10.3.4", "1.3.6.1.4.1.311.10.3.12", "1.3.6.1.4.1.311.54.1.2", // EFS, documents, remote desktop
}

// applicationPolicies is Microsoft's extension that Windows reads like extended key usages.
const applicationPolicies = "1.3.6.1.4.1.311.21.10"

// claimingExtensions are those that say who the subject is.
var claimingExtensions = []string{
	"1.3.6.1.4.1.311.25.2",                         // the security identifier of an account
	"1.3.6.1.4.1.311.20.2", "1.3.6.1.4.1.311.21.7", // the template that a directory allows it
	"2.5.29.32",                                     // levels of assurance
	"2.5.29.9", "1.3.6.1.5.5.7.1.3", "1.3.36.8.3.3", // attributes of a person, qualified certificates, admissions
	"2.16.840.1.101.3.6.9.1", "1.3.6.1.4.1.311.21.11", // vetted for PIV; Microsoft's certificate policies mapped
}

// sidURI is the form in which a URI bears a security identifier.
const sidURI = "tag:microsoft.com,2022-09-14:sid:"

// vouched tells whether somebody answers for a claim whose word the profile takes.
func (a *application) vouched(fromCSR bool) bool {
	v := a.r.Vouched
	return slices.Contains(a.p.IdentityClaimsFrom, v.Source) && (v.CSR || !fromCSR)
}

// unvouched leaves a claim out that nobody answers for, or refuses it where nothing may be left out.
func (a *application) unvouched(what, oid string) error {
	who := "nobody whose word profile " + a.p.ID + " takes (" + strings.Join(sourceNames(a.p.IdentityClaimsFrom), ", ") + ") answers for it"
	if len(a.p.IdentityClaimsFrom) == 0 {
		who = "profile " + a.p.ID + " takes nobody's word for it"
	}
	if !a.p.IgnoreUnknownExtensions || a.r.LeaveNothingOut {
		return ruled("identity_claims_from", invalid.New("extensions", "%s (%s) says who the subject is, and %s: leave it out", what, oid, who))
	}
	a.decide("identity-claim", "left out", "%s (%s) says who the subject is, and %s", what, oid, who)
	return nil
}

func sourceNames(sources []Source) []string {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = string(s)
	}
	return names
}

// claims tells whether an extension says who the subject is.
func (a *application) claims(e extension.Extension, oid string) (bool, error) {
	if slices.Contains(claimingExtensions, oid) {
		return true, nil
	}
	if oid != applicationPolicies {
		return false, nil
	}
	policies, ok := extension.ReadPolicies(e.Value)
	if !ok {
		return false, invalid.New("extensions", "the requested application policies are not a list of different policies")
	}
	claimed := false
	for _, policy := range policies {
		if slices.Contains(privilegedPurposes, policy) {
			return false, invalid.New("extensions", "the application policy %s (%s) cannot be requested: only a profile can give it, as an extended key usage", UsageName(policy), policy)
		}
		claimed = claimed || !slices.Contains(harmlessPurposes, policy) && !slices.Contains(a.p.Usages, policy)
	}
	return claimed, nil
}

// claimingNames begin other names that say whose certificate it is: the Kerberos name by which PKINIT finds an account (RFC 4556),
// the number of a PIV card, by which doors and logons know its holder (FIPS 201), and the identifier of a domain controller.
var claimingNames = []string{"1.3.6.1.5.2.2;", "2.16.840.1.101.3.6.6;", "1.3.6.1.4.1.311.25.1;"}

// namesAccount tells whether a name is that of an account or a holder that its certificate stands for: by its user principal name,
// its security identifier or one of claimingNames.
func namesAccount(g san.GeneralName) bool {
	switch g.Type {
	case san.UPN:
		return true
	case san.URI:
		return len(g.Value) >= len(sidURI) && strings.EqualFold(g.Value[:len(sidURI)], sidURI)
	case san.OtherName:
		return slices.ContainsFunc(claimingNames, func(begin string) bool { return strings.HasPrefix(g.Value, begin) })
	}
	return false
}

// checkClaim refuses the name of an account where nobody answers for it: names are not left out.
func (a *application) checkClaim(i int, g san.GeneralName) error {
	if !namesAccount(g) || a.vouched(slices.Contains(a.r.CSRNames, g)) {
		return nil
	}
	return ruled("identity_claims_from", invalid.New(fmt.Sprintf("sans[%d]", i), "%s names an account or the holder of a card, and nobody whose word profile %s takes answers for it: leave it out", short(g.Value), a.p.ID))
}

func (p *Profile) checkClaims() error {
	for i, source := range p.IdentityClaimsFrom {
		if !slices.Contains(Sources(), source) {
			return invalid.New(fmt.Sprintf("identity_claims_from[%d]", i), "must be one of %s", strings.Join(sourceNames(Sources()), ", "))
		}
	}
	return checkList("identity_claims_from", p.IdentityClaimsFrom)
}
