package algorithm

import (
	"fmt"
	"strings"
)

// Verifier is a family of clients that verify certificates.
type Verifier struct {
	Client string
	// Since is the first release that verifies certificates signed with the algorithm. It is nil if none does, if some
	// of the family do not (such as one of the large browsers), or if no source confirms it.
	Since *string
}

var clients = [...]string{"Browsers", "Windows", "Apple", "Android", "Java", "OpenSSL", "Go", "Bouncy Castle"}

type support struct {
	standard string
	since    [len(clients)]string // in the order of clients; "" means nil in Verifier
}

const (
	every   = "every release in use"
	oqs     = " (provisional identifiers of Open Quantum Safe)"
	pss     = "RSA, PSS"
	p521    = "ECDSA, P-521"
	instead = "ECDSAP256+SHA256" // every client verifies it
)

// supports is the table by family, with exceptions above, as of November 2026. Certificates of all rows were tested
// with Go 1.27, OpenSSL 3.5.8 and Java 17.
var supports = map[string]support{
	// GlobalSign's SHA-256 compatibility list.
	"RSA": {"RFC 8017, RFC 4055", [...]string{every, every, every, every, every, every, every, every}},
	// Chrome (BoringSSL's simple_path_builder_delegate.cc) and Firefox (NSS's pkixder.cpp) verify it; Safari and Apple:
	// smallstep/certificates#1448; Windows: pkisolutions.com/pkcs1v2-1rsassa-pss; Java: JDK-8146293; Android: not found.
	pss: {"RFC 8017, RFC 4055", [...]string{"", "Vista", "", "", "11", "1.0.1", "1.8", every}},
	// DigiCert's ECC compatibility list.
	"ECDSA": {"FIPS 186-5, RFC 5758", [...]string{every, "Vista", "macOS 10.9, iOS 7", "4.0", "7", "1.0", every, every}},
	// Chrome and Android know the curve but do not offer it in TLS (google/conscrypt#681, pi-hole/FTL#1583); Apple: not found.
	p521: {"FIPS 186-5, RFC 5758", [...]string{"", "Vista", "", "", "7", "1.0", every, every}},
	// Browsers: BoringSSL's and NSS's lists lack it; Windows "doesn't support EdDSA" (.NET 11's notes on CompositeMLDsa);
	// Apple: eduvpn/apple#107; Android: google/conscrypt#1265; Java: JEP 339; Go: 1.13's notes; Bouncy Castle: since 1.61
	// by JCA.
	"Ed25519": {"RFC 8032, RFC 8410", [...]string{"", "", "", "", "15", "1.1.1", "1.13", "1.61"}},
	// Chrome 150 offers it (chromestatus 5174590524489728), Firefox 157 has it switched off (security.tls.enable_mldsa);
	// Windows: KB5067036 and Microsoft's AD CS pages; Apple and Android 17 have the algorithm, certificates were not found;
	// Java: JEP 497 and netty/netty#14741; OpenSSL: 3.5's notes; Go: crypto/x509; Bouncy Castle: release notes.
	"ML-DSA": {
		"FIPS 204, RFC 9881", [...]string{"", "11 24H2 and Server 2025, updates of November 2025", "", "", "24", "3.5", "1.27", "1.79"},
	},
	// OpenSSL up to 4.0 has pure SLH-DSA only, whose identifiers and signatures are others; Bouncy Castle: release notes.
	"Hash-SLH-DSA": {"FIPS 205, RFC 9909", [...]string{"", "", "", "", "", "", "", "1.79"}},
	// Bouncy Castle's is FIPS 205's under the same identifiers (oqs-provider#270), and gone from its provider after 1.84.
	// OpenSSL has it, as Falcon, by the separate oqs-provider only.
	"SPHINCS+": {"SPHINCS+ round 3.1" + oqs, [...]string{"", "", "", "", "", "", "", ""}},
	// bcgit/bc-java#2046: 1.80 has older identifiers.
	"Falcon": {"Falcon round 3" + oqs, [...]string{"", "", "", "", "", "", "", "1.81"}},
	// Bouncy Castle's notes have 1.83 on the final draft, its users find the draft's identifiers in 1.84 only; Windows has
	// those with ECDSA in preview builds (.NET 11's notes on CompositeMLDsa).
	"Composite": {"draft-ietf-lamps-pq-composite-sigs", [...]string{"", "", "", "", "", "", "", "1.84"}},
}

func (a *Algorithm) support() support {
	switch {
	case a.Family == "RSA" && strings.Contains(a.Label, "PSS"):
		return supports[pss]
	case strings.HasPrefix(a.Label, "ECDSAP521"):
		return supports[p521]
	}
	return supports[a.Family]
}

// Verifiers lists which clients verify certificates signed with the algorithm, always in the same order.
func (a *Algorithm) Verifiers() []Verifier {
	verifiers := make([]Verifier, len(clients))
	for i, since := range a.support().since {
		verifiers[i].Client = clients[i]
		if since != "" {
			verifiers[i].Since = &since
		}
	}
	return verifiers
}

// Warning names the clients that cannot be relied on and says what to do, or returns nil.
func (a *Algorithm) Warning() *string {
	var names []string
	for _, v := range a.Verifiers() {
		if v.Since == nil {
			names = append(names, v.Client)
		}
	}
	if names == nil {
		return nil
	}
	list := names[len(names)-1]
	if len(names) > 1 {
		list = strings.Join(names[:len(names)-1], ", ") + " and " + list
	}
	warning := list + " cannot be relied on to verify certificates signed with it. Choose it only for clients that you know support it, " +
		"and " + instead + " for all others."
	return &warning
}

// Standard returns what defines the algorithm and its identifiers in certificates.
func (a *Algorithm) Standard() string { return a.support().standard }

// Advice says in one or two sentences when to choose the algorithm and what it costs.
func (a *Algorithm) Advice() string {
	signature := fmt.Sprintf("%d bytes", a.SignatureSize)
	variant := "This variant has small signatures for its kind (" + signature + ") and signs slowly."
	if strings.Contains(a.Label, "f-") {
		variant = "This variant signs fast and has large signatures (" + signature + ")."
	}
	switch a.Family {
	case "RSA":
		return a.rsaAdvice()
	case "ECDSA":
		switch {
		case strings.HasPrefix(a.Label, "ECDSAP256"):
			return "The choice for most purposes: small, fast and supported by every client in use."
		case strings.HasPrefix(a.Label, "ECDSAP384"):
			return "Choose it where a policy asks for more strength than P-256 has; it is somewhat slower, and every client in use " +
				"verifies it."
		}
		return "Choose it only where a policy asks for P-521. P-384 is strong enough otherwise, and verified by every client in use."
	case "Ed25519":
		return "Choose it for your own software and servers. It is small, fast and hard to implement wrongly. Browsers and Windows do " +
			"not support it."
	case "ML-DSA":
		return "The first choice against quantum computers: standardized and fast, with signatures of " +
			"" + signature + ". Chrome supports it since release 150, Firefox has it disabled, and Windows did not use it in TLS as of " +
			"May 2026."
	case "Hash-SLH-DSA":
		return "The conservative choice against quantum computers, for long-lived roots: its security rests on hash functions alone. " +
			"" + variant
	case "SPHINCS+":
		return "SLH-DSA has superseded it and is not compatible. Choose it only for Open Quantum Safe software that already uses it. " +
			"" + variant
	case "Falcon":
		return "Small for a post-quantum algorithm (signatures up to " + signature + "), but provisional: its standard, FN-DSA, will " +
			"replace it. Choose it for trials only."
	}
	return "Choose it where a policy asks for two algorithms at once: it is safe as long as either half, ML-DSA or the classical one, " +
		"holds. It costs the size of both (signatures up to " + signature + "), and its standard is still a draft."
}

func (a *Algorithm) rsaAdvice() string {
	var advice string
	switch {
	case strings.HasPrefix(a.Label, "RSA-2048"):
		advice = "Choose it only for compatibility with old clients and devices. NIST plans to deprecate its strength after 2030."
	case strings.HasPrefix(a.Label, "RSA-3072"):
		advice = "Choose it where clients need RSA: it is about as strong as P-256, with larger keys and signatures and slower signing."
	default:
		advice = "Choose it where clients need RSA and a policy asks for 4096 bits: it signs several times slower than RSA-3072 for " +
			"little more strength."
	}
	if strings.Contains(a.Label, "PSS") {
		advice += " PSS has the better proof of security; PKCS #1 v1.5 is supported by more clients."
	}
	return advice
}
