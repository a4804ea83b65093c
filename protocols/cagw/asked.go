package cagw

import (
	"encoding/base64"
	"encoding/json/jsontext"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
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

// asked is an enrollment request as the domain takes it.
type asked struct {
	subject             *string // nil: that of the CSR
	names               []enrollment.AlternativeName
	notBefore, notAfter *time.Time // nil: as the profile has it
	extensions          []enrollment.GivenExtension
}

func (in *enrollmentRequest) read(now time.Time) (*asked, error) {
	switch in.Format.Format {
	case "X509", "PEM":
	case "PKCS12":
		if in.Format.Protection.Type != "PasswordProtection" || in.Format.Protection.Password == "" {
			return nil, fault.New(fault.Invalid, "PKCS12 needs a protection of the type PasswordProtection with a password").At("requiredFormat.protection")
		}
	case "":
		return nil, fault.New(fault.Invalid, "requiredFormat.format is missing").At("requiredFormat.format").Do("Give X509, PEM or PKCS12.")
	default:
		return nil, fault.New(fault.Invalid, "there is no format %s", strconv.Quote(in.Format.Format)).At("requiredFormat.format").Do("Give X509, PEM or PKCS12.")
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
			return nil, fault.New(fault.Invalid, "the value of an extension is DER in base64").At("optionalCertificateRequestDetails.extensions[" + strconv.Itoa(n) + "].value")
		}
		a.extensions = append(a.extensions, enrollment.GivenExtension{OID: e.OID, Critical: e.Critical, Value: value})
	}
	return a, nil
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
			return nil, fault.New(fault.Invalid, "%s is not an attribute of a subject such as cn, o, ou, l, st, c", strconv.Quote(v.Type)).At("subjectVariables[" + strconv.Itoa(k) + "].type")
		}
		n.RDNs = append(n.RDNs, []name.Attribute{{Type: t.OID, Value: v.Value}})
	}
	text = n.String()
	return &text, nil
}

// slashed reads /C=CA/O=Acme/CN=host, most significant first. A slash before what is no type=value belongs to the value.
func slashed(text string) (name.Name, error) {
	var n name.Name
	var parts []string
	for _, part := range strings.Split(text[1:], "/") {
		keyword, _, typed := strings.Cut(part, "=")
		if _, known := name.TypeByKeyword(strings.TrimSpace(keyword)); len(parts) == 0 || typed && known {
			parts = append(parts, part)
		} else {
			parts[len(parts)-1] += "/" + part
		}
	}
	for _, part := range parts {
		keyword, value, _ := strings.Cut(part, "=")
		t, ok := name.TypeByKeyword(strings.TrimSpace(keyword))
		if !ok {
			return n, fault.New(fault.Invalid, "%s is not an attribute of a subject such as CN, O, OU, L, ST, C", strconv.Quote(keyword)).At("subject")
		}
		n.RDNs = append(n.RDNs, []name.Attribute{{Type: t.OID, Value: value}})
	}
	slices.Reverse(n.RDNs)
	return n, nil
}

// sanTypes are the names of RFC 5280's GeneralName, by which clients call them, in any case.
var sanTypes = map[string]san.Type{"rfc822name": san.Email, "dnsname": san.DNSName, "directoryname": san.DirectoryName, "uniformresourceidentifier": san.URI, "ipaddress": san.IPAddress, "registeredid": san.RegisteredID,
	"othername": san.OtherName}

// sanNames are the same, as answers have them.
var sanNames = map[san.Type]string{san.Email: "rfc822Name", san.DNSName: "dNSName", san.DirectoryName: "directoryName", san.URI: "uniformResourceIdentifier", san.IPAddress: "iPAddress", san.RegisteredID: "registeredID",
	san.OtherName: "otherName", san.UPN: "otherName"}

func (in *enrollmentRequest) alternativeNames() ([]enrollment.AlternativeName, error) {
	var names []enrollment.AlternativeName
	for n, g := range in.SubjectAltNames {
		field := "subjectAltNames[" + strconv.Itoa(n) + "]"
		typ, ok := sanTypes[strings.ToLower(g.Type)]
		if !ok {
			return nil, fault.New(fault.Invalid, "%s is not a type of alternative name", strconv.Quote(g.Type)).At(field + ".type").
				Do("Give rfc822Name, dNSName, directoryName, uniformResourceIdentifier, iPAddress, registeredID or otherName.")
		}
		if g.DER == "" {
			names = append(names, enrollment.AlternativeName{Type: typ, Value: g.Value})
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
		names = append(names, enrollment.AlternativeName{Type: list[0].Type, Value: list[0].Value})
	}
	return names, nil
}

type action struct {
	Type     string  `json:"type"`
	Reason   string  `json:"reason"`
	Comment  string  `json:"comment"`
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
var reasons = map[certificate.Reason]string{certificate.Unspecified: "unspecified", certificate.KeyCompromise: "keyCompromise", certificate.CACompromise: "caCompromise", certificate.AffiliationChanged: "affiliationChanged",
	certificate.Superseded: "superseded", certificate.CessationOfOperation: "cessationOfOperation", certificate.CertificateHold: "certificateHold", certificate.PrivilegeWithdrawn: "privilegeWithdrawn", certificate.AACompromise: "aaCompromise"}

func reasonText(r certificate.Reason) string { return reasons[r] }

// read is what status the action asks for, and why.
func (a action) read() (certificate.Status, certificate.Reason, error) {
	switch a.Type {
	case "HoldAction":
		return certificate.Suspended, certificate.CertificateHold, nil
	case "UnholdAction":
		return certificate.Issued, 0, nil
	case "RevokeAction":
	case "RenewAction", "ReissueAction", "ReactivateAction", "RecoverAction":
		return "", 0, unsupported("certification authorities of this service do not support %s: enroll again", a.Type)
	case "":
		return "", 0, fault.New(fault.Invalid, "action.type is missing").At("action.type").Do("Give RevokeAction, HoldAction or UnholdAction.")
	default:
		return "", 0, fault.New(fault.Invalid, "there is no action %s", strconv.Quote(a.Type)).At("action.type").Do("Give RevokeAction, HoldAction or UnholdAction.")
	}
	if a.Reason == "" {
		return certificate.Revoked, certificate.Unspecified, nil
	}
	for code, text := range reasons {
		if strings.EqualFold(text, a.Reason) {
			if code == certificate.CertificateHold {
				return certificate.Suspended, code, nil
			}
			return certificate.Revoked, code, nil
		}
	}
	return "", 0, fault.New(fault.Invalid, "there is no reason %s", strconv.Quote(a.Reason)).At("action.reason").
		Do("Give unspecified, keyCompromise, caCompromise, affiliationChanged, superseded, cessationOfOperation, certificateHold or privilegeWithdrawn.")
}
