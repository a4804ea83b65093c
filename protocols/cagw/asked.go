package cagw

import (
	"encoding/base64"
	"encoding/json/jsontext"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

// The requests. null, "" and [] are as good as nothing everywhere.

type enrollmentRequest struct {
	ProfileID string `json:"profileId"`
	CSR       string `json:"csr"`
	Format    struct {
		Format     string `json:"format"`
		Protection struct {
			Type     string `json:"type"`
			Password string `json:"password"`
		} `json:"protection"`
	} `json:"requiredFormat"`
	SubjectVariables []struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	} `json:"subjectVariables"`
	SubjectAltNames []struct {
		Type  string `json:"type"`
		Value string `json:"value"`
		DER   string `json:"der"`
	} `json:"subjectAltNames"`
	Details struct {
		SubjectDN      string `json:"subjectDn"`
		ValidityPeriod string `json:"validityPeriod"`
		SANsFromCSR    bool   `json:"useSANFromCSR"`
		Extensions     []struct {
			OID      string `json:"oid"`
			Critical bool   `json:"critical"`
			Value    string `json:"value"`
		} `json:"extensions"`
		PublicKey  jsontext.Value `json:"encodedPublicKey"`
		PrivateKey jsontext.Value `json:"encodedPrivateKey"`
	} `json:"optionalCertificateRequestDetails"`
	IncludeCA bool `json:"includeCa"`
}

// asked is an enrollment request as it is read on.
type asked struct {
	subject             *string // nil: that of the CSR
	names               []intake.AlternativeName
	notBefore, notAfter *time.Time // nil: as the profile has it
	extensions          []intake.GivenExtension
}

func (in *enrollmentRequest) read(now time.Time) (*asked, error) {
	switch in.Format.Format {
	case "X509", "PEM":
	case "PKCS12":
		if in.Format.Protection.Type != "PasswordProtection" || in.Format.Protection.Password == "" {
			return nil, fault.New(
				fault.Invalid, "PKCS12 needs a protection of the type PasswordProtection with a password",
			).At("requiredFormat.protection")
		}
	case "":
		return nil, fault.New(fault.Invalid, "requiredFormat.format is missing").At("requiredFormat.format").Do("Give X509, PEM or PKCS12.")
	default:
		return nil, fault.New(
			fault.Invalid, "there is no format %s", strconv.Quote(in.Format.Format),
		).At("requiredFormat.format").Do("Give X509, PEM or PKCS12.")
	}
	if in.ProfileID == "" {
		return nil, fault.New(fault.Invalid, "profileId is missing").At("profileId")
	}
	if given(in.Details.PublicKey) || given(in.Details.PrivateKey) {
		return nil, unsupported("a key comes in a csr, which proves its possession")
	}
	if in.CSR == "" && in.Format.Format != "PKCS12" {
		return nil, fault.New(fault.Invalid, "csr is missing: a PKCS #10 request, DER in base64").At("csr")
	}
	a := &asked{}
	var err error
	if a.subject, err = in.subject(); err != nil {
		return nil, err
	}
	if a.names, err = in.alternativeNames(); err != nil {
		return nil, err
	}
	if a.notBefore, a.notAfter, err = readValidity(in.Details.ValidityPeriod, now); err != nil {
		return nil, err
	}
	for n, e := range in.Details.Extensions {
		value, err := base64.StdEncoding.DecodeString(e.Value)
		if err != nil {
			return nil, fault.New(fault.Invalid, "the value of an extension is DER in base64").At(
				"optionalCertificateRequestDetails.extensions[" + strconv.Itoa(n) + "].value",
			)
		}
		a.extensions = append(a.extensions, intake.GivenExtension{OID: e.OID, Critical: e.Critical, Value: value})
	}
	return a, nil
}

// noSubject is what clients look for.
const noSubject = "No SubjectName provided in Request or CSR"

// facts are those of the request: what it says beside the CSR counts, and nothing is left out of it.
func (in *enrollmentRequest) facts(q *request, asked *asked, withKey bool) enrollment.Request {
	t := intake.Text{
		CAID: q.ca.ID, ProfileID: in.ProfileID, CSR: in.CSR, Subject: asked.subject, SANs: asked.names, NotBefore: asked.notBefore,
		NotAfter: asked.notAfter, Extensions: asked.extensions,
		Explicit: true, SANsFromCSR: in.Details.SANsFromCSR}
	r := t.Request()
	if !withKey {
		r = t.WithoutKey()
	}
	read := r.Read
	r.Read = func() (enrollment.Facts, error) {
		f, err := read()
		if err == nil && f.Subject.IsEmpty() {
			err = fault.New(fault.Invalid, noSubject).At("subject")
		}
		return f, err
	}
	r.Repeat = q.idempotency()
	return r
}

// locate names the member that the subject was taken from.
func (in *enrollmentRequest) locate(err error) error {
	f := fault.Of(err)
	if field, _, _ := strings.Cut(f.Field, "."); field != "subject" || f.Message == noSubject ||
		strings.TrimSpace(in.Details.SubjectDN) != "" {
		return err
	}
	moved := *f
	if moved.Field = "csr"; len(in.SubjectVariables) > 0 {
		moved.Field = "subjectVariables"
	}
	return &moved
}

func given(v jsontext.Value) bool { return len(v) > 0 && string(v) != "null" && string(v) != `""` }

// subject is subjectDn, else what the variables make; nil where neither is given.
func (in *enrollmentRequest) subject() (*string, error) {
	text := strings.TrimSpace(in.Details.SubjectDN)
	if strings.HasPrefix(text, "/") {
		n, err := slashed(text)
		if err != nil {
			return nil, err
		}
		text = n.String()
	} else if found := mixed.FindStringSubmatch(text); found != nil {
		if _, known := name.TypeByKeyword(found[1]); known {
			return nil, fault.New(fault.Invalid, "the name mixes two forms at %s", strconv.Quote(found[0])).At("subject").
				Do("Separate attributes by commas, or begin the name with a slash. A slash within a value is written \\2F.")
		}
	}
	if text != "" {
		return &text, nil
	}
	if len(in.SubjectVariables) == 0 {
		return nil, nil
	}
	var n name.Name
	for k, v := range in.SubjectVariables {
		t, ok := name.TypeByKeyword(v.Type)
		if !ok {
			return nil, fault.New(
				fault.Invalid, "%s is not an attribute of a subject such as cn, o, ou, l, st, c", strconv.Quote(v.Type),
			).At(
				"subjectVariables[" + strconv.Itoa(k) + "].type",
			)
		}
		n.RDNs = append(n.RDNs, []name.Attribute{{Type: t.OID, Value: v.Value}})
	}
	text = n.String()
	return &text, nil
}

// mixed finds the separator of the slash form within the other form, as old versions of OpenSSL wrote "CN=host/emailAddress=a@b".
var mixed = regexp.MustCompile(`/\s*([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)\s*=`)

// slashed reads /C=CA/O=Acme/CN=host, most significant first, as OpenSSL's -subj does: a backslash before a character takes away its
// meaning, a plus joins an attribute to the one before. What OpenSSL leaves out with a warning is refused.
func slashed(text string) (name.Name, error) {
	var n name.Name
	bad := func(format string, args ...any) (name.Name, error) {
		return n, fault.New(fault.Invalid, format, args...).At("subject").
			Do("Write /type=value/type=value, and a backslash before a slash, plus or backslash of a value.")
	}
	joined := false
	for rest := text[1:]; rest != ""; {
		keyword, after, typed := strings.Cut(rest, "=")
		if !typed {
			return bad("%s in the name has no value", strconv.Quote(keyword))
		}
		var value strings.Builder
		at, joins := 0, false
		for ; at < len(after) && after[at] != '/'; at++ {
			if joins = after[at] == '+'; joins {
				break
			}
			if after[at] == '\\' {
				if at++; at == len(after) {
					return bad("the name ends with a backslash")
				}
			}
			value.WriteByte(after[at])
		}
		rest = after[min(at+1, len(after)):]
		if joins && rest == "" {
			return bad("the name ends with a plus")
		}
		t, ok := name.TypeByKeyword(strings.TrimSpace(keyword))
		switch {
		case !ok:
			return bad("%s is not an attribute of a subject such as CN, O, OU, L, ST, C", strconv.Quote(keyword))
		case value.Len() == 0:
			return bad("the attribute %s of the name is empty", strconv.Quote(keyword))
		}
		attribute := name.Attribute{Type: t.OID, Value: value.String()}
		if last := len(n.RDNs) - 1; joined {
			n.RDNs[last] = append(n.RDNs[last], attribute)
		} else {
			n.RDNs = append(n.RDNs, []name.Attribute{attribute})
		}
		joined = joins
	}
	slices.Reverse(n.RDNs)
	return n, nil
}

// sanTypes are the names of RFC 5280's GeneralName, by which clients call them, in any case.
var sanTypes = map[string]san.Type{
	"rfc822name": san.Email, "dnsname": san.DNSName, "directoryname": san.DirectoryName, "uniformresourceidentifier": san.URI,
	"ipaddress": san.IPAddress, "registeredid": san.RegisteredID,
	"othername": san.OtherName}

// sanNames are the same, as answers have them.
var sanNames = map[san.Type]string{
	san.Email: "rfc822Name", san.DNSName: "dNSName", san.DirectoryName: "directoryName", san.URI: "uniformResourceIdentifier",
	san.IPAddress: "iPAddress", san.RegisteredID: "registeredID",
	san.OtherName: "otherName", san.UPN: "otherName"}

func (in *enrollmentRequest) alternativeNames() ([]intake.AlternativeName, error) {
	var names []intake.AlternativeName
	for n, g := range in.SubjectAltNames {
		field := "subjectAltNames[" + strconv.Itoa(n) + "]"
		typ, ok := sanTypes[strings.ToLower(g.Type)]
		if !ok {
			return nil, fault.New(fault.Invalid, "%s is not a type of alternative name", strconv.Quote(g.Type)).At(field + ".type").
				Do("Give rfc822Name, dNSName, directoryName, uniformResourceIdentifier, iPAddress, registeredID or otherName.")
		}
		if g.DER == "" {
			names = append(names, intake.AlternativeName{Type: typ, Value: g.Value})
			continue
		}
		der, err := base64.StdEncoding.DecodeString(g.DER)
		if err != nil {
			return nil, fault.New(fault.Invalid, "der is a GeneralName (RFC 5280 4.2.1.6) in base64").At(field + ".der")
		}
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(der) })
		list, err := san.FromDER(b.BytesOrPanic())
		if err != nil || len(list) != 1 || sanNames[list[0].Type] != sanNames[typ] {
			return nil, fault.New(fault.Invalid, "der is not a GeneralName of this type (RFC 5280 4.2.1.6)").At(field + ".der")
		}
		names = append(names, intake.AlternativeName{Type: list[0].Type, Value: list[0].Value})
	}
	return names, nil
}

type action struct {
	Type     string  `json:"type"`
	Reason   string  `json:"reason"`
	Comment  string  `json:"comment"`
	Date     string  `json:"compromiseDate"`
	Settled  *bool   `json:"succeedIfAlreadyInRequestedState"`
	IssueCRL boolean `json:"issueCrl"`
}

type actionRequest struct {
	Action action `json:"action"`
}

type bulkRequest struct {
	Action        action   `json:"action"`
	SerialNumbers []string `json:"serialNumbers"`
}

// reasons as RFC 5280 5.3.1 writes them.
var reasons = map[certificate.Reason]string{
	certificate.Unspecified: "unspecified", certificate.KeyCompromise: "keyCompromise", certificate.CACompromise: "caCompromise",
	certificate.AffiliationChanged: "affiliationChanged",
	certificate.Superseded:         "superseded", certificate.CessationOfOperation: "cessationOfOperation",
	certificate.CertificateHold: "certificateHold", certificate.PrivilegeWithdrawn: "privilegeWithdrawn",
	certificate.AACompromise: "aaCompromise"}

func reasonText(r certificate.Reason) string { return reasons[r] }

// read is what the action asks for.
func (a action) read() (certificate.StatusChange, error) {
	to := certificate.StatusChange{Comment: strings.TrimSpace(a.Comment), Settled: a.Settled == nil || *a.Settled}
	if a.Date != "" {
		at, err := readTime(a.Date)
		if err != nil {
			return to, fault.New(
				fault.Invalid, "%s is not a time such as 2026-01-02T03:04:05Z", strconv.Quote(a.Date),
			).At("action.compromiseDate")
		}
		to.InvalidityDate = &at
	}
	switch a.Type {
	case "HoldAction":
		to.To, to.Reason = certificate.Suspended, certificate.CertificateHold
		return to, nil
	case "UnholdAction":
		to.To = certificate.Issued
		return to, nil
	case "RevokeAction":
	case "RenewAction", "ReissueAction", "ReactivateAction", "RecoverAction":
		return to, unsupported("certification authorities of this service do not support %s: enroll again", a.Type)
	case "":
		return to, fault.New(fault.Invalid, "action.type is missing").At("action.type").Do("Give RevokeAction, HoldAction or UnholdAction.")
	default:
		return to, fault.New(fault.Invalid, "there is no action %s", strconv.Quote(a.Type)).At("action.type").
			Do("Give RevokeAction, HoldAction or UnholdAction.")
	}
	to.To, to.Reason = certificate.Revoked, certificate.Unspecified
	if a.Reason == "" {
		return to, nil
	}
	for code, text := range reasons {
		if strings.EqualFold(text, a.Reason) {
			if to.Reason = code; code == certificate.CertificateHold {
				to.To = certificate.Suspended
			}
			return to, nil
		}
	}
	return to, fault.New(fault.Invalid, "there is no reason %s", strconv.Quote(a.Reason)).At("action.reason").
		Do(
			"Give unspecified, keyCompromise, caCompromise, affiliationChanged, superseded, cessationOfOperation, certificateHold or " +
				"privilegeWithdrawn.",
		)
}
