// Package lint checks certificates against the standards with zlint. It applies the rules of the RFCs and of zlint's
// community, not those of public web PKI programs, which a private PKI often cannot meet: they forbid private top-level
// domains and require transparency logs.
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

// These are the severities, lowest first.
const (
	Notice  Severity = "NOTICE"
	Warning Severity = "WARNING"
	Error   Severity = "ERROR"
)

// Finding is a problem of a certificate.
type Finding struct {
	// Lint is the name of the rule in zlint, e.g. "e_path_len_constraint_improperly_included", or "parse".
	Lint     string
	Severity Severity
	// Detail describes the problem, with the section of the standard.
	Detail string
}

// sources are the standards that apply to a private PKI.
var sources = lint.SourceList{lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.Community}

// lenient lists rules that are stricter than their standard. Their errors become warnings here.
var lenient = map[string]string{
	// RFC 5280 4.2.1.12 lists bits that "may be consistent" with a purpose and leaves the rest open, but zlint allows
	// only the listed ones. An RSA client certificate with keyEncipherment, as in Windows templates and MDM profiles,
	// would be an error.
	"e_key_usage_and_extended_key_usage_inconsistent": "zlint allows only the key usages that RFC 5280 4.2.1.12 gives as examples",
}

var rules = sync.OnceValues(func() (lint.Registry, error) {
	return lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: sources})
})

// Check lints a certificate (DER). No findings means that all applicable rules are met. A certificate that cannot be
// read is one finding of severity Error.
func Check(der []byte) []Finding {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return []Finding{{"parse", Error, err.Error()}}
	}
	registry, err := rules()
	if err != nil {
		return []Finding{{"rules", Error, err.Error()}}
	}
	// zlint verifies a certificate to find out whether it is self-signed, which it cannot do for post-quantum
	// algorithms.
	selfIssued := bytes.Equal(certificate.RawIssuer, certificate.RawSubject)
	var findings []Finding
	for _, rule := range registry.CertificateLints().Lints() {
		if selfIssued && rule.Name == "e_ext_authority_key_identifier_no_key_identifier" {
			continue // RFC 5280 4.2.1.1: a self-signed certificate may omit it
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

// found adds the result of a rule if it is a finding.
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
