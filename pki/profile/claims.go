package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/san"
)

// Source is who may vouch for a claim about identity: for what tells others who or what the subject is, such as a
// domain account, the right to log on with a smart card, or a level of assurance. A request alone does not prove such a
// claim. A profile says whose word it accepts.
type Source string

// These are the sources.
const (
	// Person is somebody with the permission certificate:vouch.
	Person Source = "PERSON"
	// WSTEP takes the claim from the directory that authenticated the Windows client.
	WSTEP Source = "WSTEP"
	// Intune takes the claim from Microsoft's answer about the request.
	Intune Source = "INTUNE"
	// Nobody vouches. Protocols use it; a profile cannot.
	Nobody Source = "NOBODY"
)

// Sources lists those that a profile can name.
func Sources() []Source { return []Source{Person, WSTEP, Intune} }

// Voucher is who vouches for the claims of a request. The zero value is nobody.
type Voucher struct {
	Source Source
	// CSR: vouches also for what the CSR says, not only for what was stated beside it.
	CSR bool
}

// harmlessPurposes say what a key is for, but nothing about its owner. Any other purpose is a claim.
var harmlessPurposes = []string{
	"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.4", // TLS, code, e-mail
	"1.3.6.1.5.5.7.3.5", "1.3.6.1.5.5.7.3.6", "1.3.6.1.5.5.7.3.7", "1.3.6.1.5.5.7.3.17", "1.3.6.1.5.5.8.2.2", // IPsec
	"1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.13", "1.3.6.1.5.5.7.3.14", // time stamps, EAP
	"1.3.6.1.5.5.7.3.20", "1.3.6.1.5.5.7.3.21", "1.3.6.1.5.5.7.3.22", "1.3.6.1.5.5.7.3.36", // SIP, SSH, documents
	"1.3.6.1.4.1.311.10.3.4", "1.3.6.1.4.1.311.10.3.12", "1.3.6.1.4.1.311.54.1.2", // EFS, documents, remote desktop
}

// applicationPolicies is Microsoft's extension that Windows treats like extended key usages.
const applicationPolicies = "1.3.6.1.4.1.311.21.10"

// claimingExtensions are the extensions that say who the subject is.
var claimingExtensions = []string{
	"1.3.6.1.4.1.311.25.2",                         // the security identifier of an account
	"1.3.6.1.4.1.311.20.2", "1.3.6.1.4.1.311.21.7", // the template that a directory permits
	"2.5.29.32",                                     // levels of assurance
	"2.5.29.9", "1.3.6.1.5.5.7.1.3", "1.3.36.8.3.3", // attributes of a person, qualified certificates, admissions
	"2.16.840.1.101.3.6.9.1", "1.3.6.1.4.1.311.21.11", // vetted for PIV; Microsoft's certificate policies mapped
}

// sidURI starts a URI with a security identifier.
const sidURI = "tag:microsoft.com,2022-09-14:sid:"

// vouched tells whether somebody whose word the profile accepts vouches for a claim.
func (a *application) vouched(fromCSR bool) bool {
	v := a.r.Vouched
	return slices.Contains(a.p.IdentityClaimsFrom, v.Source) && (v.CSR || !fromCSR)
}

// unvouched omits a claim that nobody vouches for, or refuses it if nothing may be omitted.
func (a *application) unvouched(what, oid string) error {
	who := "nobody whose word profile " + a.p.ID + " accepts (" + strings.Join(
		sourceNames(a.p.IdentityClaimsFrom), ", ",
	) + ") vouches for it"
	if len(a.p.IdentityClaimsFrom) == 0 {
		who = "profile " + a.p.ID + " accepts no such claims"
	}
	if !a.p.IgnoreUnknownExtensions || a.r.LeaveNothingOut {
		return ruled(
			"identity_claims_from", invalid.New("extensions", "%s (%s) says who the subject is, and %s. Leave it out.", what, oid, who),
		)
	}
	a.decide("identity-claim", "left out", "%s (%s) says who the subject is, and %s.", what, oid, who)
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
		return false, invalid.New("extensions", "The requested application policies are not a list of distinct policies.")
	}
	claimed := false
	for _, policy := range policies {
		if slices.Contains(privilegedPurposes, policy) {
			return false, invalid.New(
				"extensions", "The application policy %s (%s) cannot be requested. Only a profile can add it, as an extended key usage.",
				UsageName(policy), policy,
			)
		}
		claimed = claimed || !slices.Contains(harmlessPurposes, policy) && !slices.Contains(a.p.Usages, policy)
	}
	return claimed, nil
}

// claimingNames are the types of other names that identify the owner: the Kerberos name by which PKINIT finds an
// account (RFC 4556), the number of a PIV card, by which doors and logons identify its holder (FIPS 201), and the
// identifier of a domain controller.
var claimingNames = []string{"1.3.6.1.5.2.2;", "2.16.840.1.101.3.6.6;", "1.3.6.1.4.1.311.25.1;"}

// namesAccount tells whether a name identifies an account or a cardholder: a user principal name, a security identifier
// or one of claimingNames.
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

// checkClaim refuses the name of an account that nobody vouches for. Names are never left out.
func (a *application) checkClaim(i int, g san.GeneralName) error {
	if !namesAccount(g) || a.vouched(slices.Contains(a.r.CSRNames, g)) {
		return nil
	}
	return ruled(
		"identity_claims_from",
		invalid.New(
			fmt.Sprintf("sans[%d]", i),
			"%s names an account or a cardholder, and nobody whose word profile %s accepts vouches for it. Leave it out.", short(g.Value),
			a.p.ID,
		),
	)
}

func (p *Profile) checkClaims() error {
	for i, source := range p.IdentityClaimsFrom {
		if !slices.Contains(Sources(), source) {
			return invalid.New(
				fmt.Sprintf("identity_claims_from[%d]", i), "The source must be one of %s.", strings.Join(sourceNames(Sources()), ", "),
			)
		}
	}
	return checkList("identity_claims_from", p.IdentityClaimsFrom)
}
