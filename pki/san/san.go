// Package san reads, checks and writes subject alternative names: the GeneralName of RFC 5280 4.2.1.6 in every form
// that a subscriber may need. The same rules apply to text (Parse) and DER (FromDER).
package san

import (
	"encoding/asn1"
	"strings"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
)

// Type is the form of a name.
type Type string

// These are the forms, with the choice of RFC 5280's GeneralName.
const (
	// DNSName is a host name, [2] dNSName. Internationalized names are A-labels.
	DNSName Type = "DNS_NAME"
	// IPAddress is one IPv4 or IPv6 address, [7] iPAddress.
	IPAddress Type = "IP_ADDRESS"
	// Email is a mailbox with ASCII characters, [1] rfc822Name.
	Email Type = "EMAIL"
	// URI is an absolute URI, [6] uniformResourceIdentifier.
	URI Type = "URI"
	// UPN is a Windows user principal name, [0] otherName 1.3.6.1.4.1.311.20.2.3.
	UPN Type = "UPN"
	// DirectoryName is a distinguished name as RFC 4514 text, [4] directoryName.
	DirectoryName Type = "DIRECTORY_NAME"
	// RegisteredID is a dotted object identifier, [8] registeredID.
	RegisteredID Type = "REGISTERED_ID"
	// OtherName is "oid;UTF8:text" or "oid;DER:hexadecimal", [0] otherName; for a PermanentIdentifier or a
	// HardwareModule, "oid;ID:" and its text.
	OtherName Type = "OTHER_NAME"
)

// Types lists all forms, the most common first.
func Types() []Type {
	return []Type{DNSName, IPAddress, Email, URI, UPN, DirectoryName, RegisteredID, OtherName}
}

// MaxNames is the maximum number of names in a certificate.
const MaxNames = 250

// GeneralName is one subject alternative name. Value is its text in the canonical form returned by Parse.
type GeneralName struct {
	Type  Type
	Value string
}

var oidUPN = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}

// Parse checks one name and returns its canonical form. Every error is an *invalid.Error for the given field, e.g.
// "sans[2]".
func Parse(typ Type, value string, field string) (GeneralName, error) {
	canonical, problem := parse(typ, value)
	if problem != "" {
		return GeneralName{}, invalid.New(field, "%s", invalid.Sentence(problem))
	}
	return canonical, nil
}

// parse returns the name, or a description of the problem that becomes a sentence in Parse.
func parse(typ Type, value string) (GeneralName, string) {
	if value == "" {
		return GeneralName{}, "the name is empty: enter a value or leave it out"
	}
	g := GeneralName{Type: typ, Value: value}
	var problem string
	switch typ {
	case DNSName:
		g.Value, problem = dnsName(value, true)
	case IPAddress:
		g.Value, problem = ipAddress(value)
	case Email:
		g.Value, problem = email(value)
	case URI:
		problem = uri(value)
	case UPN:
		problem = userPrincipalName(value)
	case DirectoryName:
		g.Value, problem = directoryName(value)
	case RegisteredID:
		oid, ok := name.ParseOID(value)
		if !ok {
			problem = quote(value) + " is not a dotted object identifier"
		}
		g.Value = oid.String()
	case OtherName:
		return otherName(value)
	default:
		problem = quote(string(typ)) + " is not a type of subject alternative name"
	}
	return g, problem
}

func directoryName(value string) (string, string) {
	n, err := name.Parse(value)
	if err != nil {
		return "", invalid.Reason(err)
	}
	if n.IsEmpty() {
		return "", "the directory name is empty"
	}
	return n.String(), ""
}

const maxUPN = 1024

func userPrincipalName(value string) string {
	at := strings.LastIndexByte(value, '@')
	switch {
	case len(value) > maxUPN:
		return "the user principal name is too long"
	case at <= 0 || at == len(value)-1:
		return quote(value) + " is not a user principal name: write user@suffix"
	case strings.ContainsRune(value, ' '):
		return "the user principal name contains a space"
	}
	if reason := name.UnsafeText(value); reason != "" {
		return "the user principal name " + reason
	}
	return ""
}
