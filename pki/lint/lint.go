// Package lint checks certificates against the standards with zlint: the rules of the RFCs and of its community, not
// those of public web PKI programs, which a private PKI need not and often cannot keep (they refuse private top-level
// domains and ask for transparency logs).
package lint

import (
	"bytes"
	"sync"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3/lint"
	_ "github.com/zmap/zlint/v3/lints/community" // registers its lints
	_ "github.com/zmap/zlint/v3/lints/rfc"       // registers its lints
)

// Severity of a finding.
type Severity string

// Severities, least first.
const (
	Notice  Severity = "NOTICE"
	Warning Severity = "WARNING"
	Error   Severity = "ERROR"
)

// Finding is one thing wrong with a certificate.
type Finding struct {
	// Lint is zlint's name of the rule, e.g. "e_path_len_constraint_improperly_included", or "parse".
	Lint     string
	Severity Severity
	// Detail says what was found, with the place in the standard.
	Detail string
}

// Sources whose rules a private PKI keeps.
var sources = lint.SourceList{lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.Community}

// lenient rules read a standard more strictly than it says, so their errors are warnings here.
var lenient = map[string]string{
	// RFC 5280 4.2.1.12 lists bits that "may be consistent" with a purpose and leaves the rest to the reader; zlint
	// allows only the listed ones. An RSA client certificate with keyEncipherment, as Windows templates and MDM
	// profiles have it, is thus an error there.
	"e_key_usage_and_extended_key_usage_inconsistent": "zlint allows only the key usages that RFC 5280 4.2.1.12 gives as examples",
}

var rules = sync.OnceValues(func() (lint.Registry, error) {
	return lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: sources})
})

// Check lints a certificate (DER). No findings means that every rule which applies is kept. A certificate that cannot
// be read is one finding of severity Error.
func Check(der []byte) []Finding {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return []Finding{{"parse", Error, err.Error()}}
	}
	registry, err := rules()
	if err != nil {
		return []Finding{{"rules", Error, err.Error()}}
	}
	// zlint knows a self-signed certificate by verifying it, which it cannot do for post-quantum algorithms.
	selfIssued := bytes.Equal(certificate.RawIssuer, certificate.RawSubject)
	var findings []Finding
	for _, rule := range registry.CertificateLints().Lints() {
		if selfIssued && rule.Name == "e_ext_authority_key_identifier_no_key_identifier" {
			continue // RFC 5280 4.2.1.1: a self-signed certificate may leave it out
		}
		findings = found(findings, rule.LintMetadata, rule.Execute(certificate, registry.GetConfiguration()))
	}
	return findings
}

// CheckCRL is Check for a CRL (DER).
func CheckCRL(der []byte) []Finding {
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return []Finding{{"parse", Error, err.Error()}}
	}
	registry, err := rules()
	if err != nil {
		return []Finding{{"rules", Error, err.Error()}}
	}
	var findings []Finding
	for _, rule := range registry.RevocationListLints().Lints() {
		findings = found(findings, rule.LintMetadata, rule.Execute(crl, registry.GetConfiguration()))
	}
	return findings
}

// found adds what a rule says, if it says something.
func found(findings []Finding, rule lint.LintMetadata, result *lint.LintResult) []Finding {
	finding := Finding{Lint: rule.Name, Detail: rule.Description + " (" + rule.Citation + ")"}
	switch result.Status {
	case lint.Notice:
		finding.Severity = Notice
	case lint.Warn:
		finding.Severity = Warning
	case lint.Error, lint.Fatal:
		finding.Severity = Error
	default:
		return findings
	}
	if result.Details != "" {
		finding.Detail += ": " + result.Details
	}
	if reason, ok := lenient[rule.Name]; ok {
		finding.Severity = Warning
		finding.Detail += "; " + reason
	}
	return append(findings, finding)
}
