package profile

import (
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/san"
)

// claimed returns the claims of a request: smart card logon, KDC and an unknown purpose, the security identifier of an
// account, a template, a policy, and application policies, which Windows treats like purposes.
func claimed() []extension.Extension {
	logon, kdc := mustOID("1.3.6.1.4.1.311.20.2.2"), mustOID("1.3.6.1.5.2.3.5")
	policies := func(id string, oids ...asn1.ObjectIdentifier) extension.Extension {
		return extension.Extension{ID: mustOID(id), Value: extension.CertificatePolicies(oids...).Value}
	}
	return []extension.Extension{
		eku(extension.ClientAuth, logon, kdc, asn1.ObjectIdentifier{1, 2, 3, 4}),
		{ID: mustOID("1.3.6.1.4.1.311.25.2"), Value: []byte{0x30, 2, 5, 0}},
		{ID: mustOID("1.3.6.1.4.1.311.20.2"), Value: []byte{0x1e, 2, 0, 'W'}},
		policies("2.5.29.32", asn1.ObjectIdentifier{1, 2, 3}), policies(applicationPolicies, extension.ClientAuth, logon),
	}
}

// TestNobodysClaimsAreCopied: no built-in profile copies from a CSR who the subject is, unless somebody vouches for it.
func TestNobodysClaimsAreCopied(t *testing.T) {
	copies := 0
	for _, p := range Builtin() {
		if p.Kind != Subscriber {
			continue
		}
		label := ecLabel
		if len(p.KeyAlgorithms) > 0 && !contains(p.KeyAlgorithms, "ECDSA-P256") {
			label = rsaLabel
		}
		r := requestFor(
			t, label, "CN=www.example.com", san.GeneralName{Type: san.DNSName, Value: "www.example.com"},
			san.GeneralName{Type: san.URI, Value: "https://www.example.com/"},
			san.GeneralName{
				Type: san.RegisteredID, Value: "2.999.10",
			}, san.GeneralName{Type: san.UPN, Value: "a@example.com"}, san.GeneralName{Type: san.Email, Value: "a@example.com"})
		names := r.SANs
		r.CSRNames = names
		r.Extensions, r.CSRExtensions, r.ServerSideKey = claimed(), len(claimed()), !p.ClientSideKeys
		// Sources that the profile does not name, or that vouch only for what was stated, are not accepted.
		for _, v := range []Voucher{{}, {Nobody, true}, {Person, false}, {Source("ACME"), true}} {
			r.Vouched = v
			if slices.Contains(p.RequiredSANTypes, san.UPN) {
				refused(t, p.ID, p, r, issuingCA(t), "sans[3]", "account")
				continue
			}
			r.SANs = slices.DeleteFunc(slices.Clone(names), namesAccount)
			result := apply(t, p, r, issuingCA(t))
			for _, e := range result.Extensions {
				if oid := e.ID.String(); oid == "1.3.6.1.4.1.311.25.2" || oid == "1.3.6.1.4.1.311.20.2" || oid == applicationPolicies &&
					!contains(
						p.Usages, "1.3.6.1.4.1.311.20.2.2",
					) || oid == "2.5.29.32" && len(p.CertificatePolicies) == 0 {
					t.Errorf("%s, %v: %s was copied from the CSR", p.ID, v, UsageName(oid))
				} else if purposes, _ := readPurposes(e.Value); oid == "2.5.29.37" {
					for _, purpose := range purposes {
						if !contains(p.Usages, purpose.String()) && !contains(harmlessPurposes, purpose.String()) {
							t.Errorf("%s, %v: the purpose %s was copied from the CSR", p.ID, v, UsageName(purpose.String()))
						}
					}
				}
			}
		}
		// If a person vouches for it, the same profiles copy it.
		r.Vouched, r.SANs = Voucher{Person, true}, names
		if e, ok := find(apply(t, p, r, issuingCA(t)), "2.5.29.37"); ok {
			if purposes, _ := readPurposes(e.Value); len(purposes) > len(p.ExtendedKeyUsages()) {
				copies++
			}
		}
	}
	if copies < 20 {
		t.Errorf("only %d profiles take purposes from a request that a person answers for", copies)
	}
}

func contains(list []string, one string) bool {
	for _, other := range list {
		if other == one {
			return true
		}
	}
	return false
}

// TestWhoAnswersForAClaim: the profile names the sources, and what is stated beside the CSR is not part of the CSR.
func TestWhoAnswersForAClaim(t *testing.T) {
	sid := claimed()[1]
	r := requestFor(t, rsaLabel, "CN=pc1.example")
	r.Extensions = []extension.Extension{sid}
	has := func(p *Profile, v Voucher, fromCSR int) bool {
		r.Vouched, r.CSRExtensions = v, fromCSR
		_, ok := find(apply(t, p, r, issuingCA(t)), sid.ID.String())
		return ok
	}
	wstep, scep := builtin(t, "wstep-digital-signature"), builtin(t, "scep-digital-signature")
	nobody := *wstep
	nobody.IdentityClaimsFrom = []Source{}
	for label, c := range map[string]struct{ got, want bool }{
		"WSTEP in its own profile":           {has(wstep, Voucher{WSTEP, true}, 1), true},
		"WSTEP in another":                   {has(scep, Voucher{WSTEP, true}, 1), false},
		"Intune in that of WSTEP":            {has(wstep, Voucher{Intune, true}, 1), false},
		"a program for what it states":       {has(scep, Voucher{Person, false}, 0), true},
		"a program for a CSR":                {has(scep, Voucher{Person, false}, 1), false},
		"where the profile wants nobody's":   {has(&nobody, Voucher{Person, true}, 0), false},
		"nobody, though stated":              {has(scep, Voucher{}, 0), false},
		"a protocol that says it is nothing": {has(scep, Voucher{Nobody, true}, 0), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", label, c.got)
		}
	}
	strict := *scep
	strict.IgnoreUnknownExtensions = false
	r.Vouched = Voucher{}
	refused(t, "strict", &strict, r, issuingCA(t), "extensions", "says who the subject is")
	r.LeaveNothingOut = true
	refused(t, "nothing may be left out", scep, r, issuingCA(t), "extensions", "says who the subject is")
	r.LeaveNothingOut, r.Extensions = false, nil
	for _, account := range []san.GeneralName{
		{Type: san.URI, Value: "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500"}, {Type: san.UPN, Value: "administrator@corp.example"},
		{Type: san.OtherName, Value: "1.3.6.1.5.2.2;DER:3000"},
		{Type: san.OtherName, Value: "2.16.840.1.101.3.6.6;DER:040101"}, {Type: san.OtherName, Value: "1.3.6.1.4.1.311.25.1;DER:040101"},
	} {
		r.SANs, r.Vouched, r.CSRNames = []san.GeneralName{account}, Voucher{}, nil
		refused(t, "the name of an account: "+account.Value, scep, r, issuingCA(t), "sans[0]", "account")
		r.Vouched, r.CSRNames = Voucher{Person, false}, r.SANs
		refused(t, "the CSR's "+account.Value, scep, r, issuingCA(t), "sans[0]", "account")
		r.CSRNames = nil
		apply(t, scep, r, issuingCA(t))
	}
	r.SANs = nil
	// What only a profile can add cannot be requested as an application policy either.
	r.Extensions = []extension.Extension{
		{ID: mustOID(applicationPolicies), Value: extension.CertificatePolicies(mustOID(certificateRequestAgent)).Value},
	}
	refused(t, "request agent as application policy", scep, r, issuingCA(t), "extensions", "Only a profile")
	always := *builtin(t, "external-ca-subord")
	empty := requestFor(t, rsaLabel, "CN=CA")
	empty.Extensions = []extension.Extension{{ID: extension.OIDNameConstraints, Critical: true, Value: []byte{0x30, 0}}}
	refused(t, "name constraints that verifiers refuse", &always, empty, rootCA(t), "extensions", "holds none")
	empty.Extensions[0].Value, _ = hex.DecodeString("3014a0123010a40e300c310a300806035504030c0178")
	refused(t, "name constraints for directory names", &always, empty, rootCA(t), "extensions", "for directory names")
}

// TestACAThatAsksForLess: a CA gets no longer path, no more names and no more policies than it requests.
func TestACAThatAsksForLess(t *testing.T) {
	basic := func(pathLen int) extension.Extension { return extension.BasicConstraints(true, &pathLen) }
	cross, subord := builtin(t, "external-ca-cross"), builtin(t, "basic-ca-subord")
	r := requestFor(t, rsaLabel, "CN=CA")
	for label, c := range map[string]struct {
		profile     *Profile
		asked, want int
	}{"less than the profile gives": {cross, 1, 1}, "as much": {subord, 0, 0}, "more": {subord, 3, 0}} {
		r.Extensions, r.CSRExtensions = []extension.Extension{basic(c.asked)}, 1
		got, _ := find(apply(t, c.profile, r, rootCA(t)), "2.5.29.19")
		if want := basic(c.want); string(got.Value) != string(want.Value) {
			t.Errorf("%s: %x, want %x", label, got.Value, want.Value)
		}
	}
	for _, oid := range limits {
		r.Extensions = []extension.Extension{{ID: mustOID(oid), Critical: true, Value: []byte{0x30, 0}}}
		refused(t, oid, cross, r, rootCA(t), "extensions", "limits the CA")
	}
}
