package san

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ipAddress accepts one address as text. The certificate holds 4 or 16 bytes (RFC 5280 4.2.1.6).
func ipAddress(value string) (canonical, problem string) {
	if strings.Contains(value, "/") {
		return "", quote(value) + " has a netmask, but a certificate names single addresses"
	}
	if strings.Contains(value, "%") {
		return "", quote(value) + " has a zone, which is meaningless on other hosts: leave it out"
	}
	address, err := netip.ParseAddr(value)
	if err != nil {
		return "", quote(value) + " is not an IPv4 or IPv6 address"
	}
	if address.Is4In6() {
		return "", quote(value) + " is an IPv4 address in IPv6 form: write " + address.Unmap().String()
	}
	if address.IsUnspecified() {
		return "", quote(value) + " is the unspecified address, which no host has"
	}
	return address.String(), ""
}

const (
	maxEmail     = 254
	maxLocalPart = 64
)

// email accepts an addr-spec with a dot-atom (RFC 5322 3.4.1, RFC 5280 4.2.1.6): ASCII only, no quotes, no comments.
func email(value string) (canonical, problem string) {
	at := strings.LastIndexByte(value, '@')
	if at <= 0 || at == len(value)-1 {
		return "", quote(value) + " is not an e-mail address: write local@domain"
	}
	local, domain := value[:at], value[at+1:]
	if len(local) > maxLocalPart {
		return "", fmt.Sprintf(
			"the local part of the e-mail address has %d characters, but at most %d are allowed", len(local), maxLocalPart,
		)
	}
	if !ascii(local) {
		return "", quote(value) + " has a local part with characters outside ASCII, which rfc822Name does not support (RFC 9598 defines " +
			"an otherName for it)"
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" {
			return "", quote(value) + " has an empty part between dots"
		}
		for i := range len(atom) {
			if !isAtext(atom[i]) {
				return "", fmt.Sprintf(
					"%s contains the character %s, which is not allowed in the local part", quote(value), strconv.QuoteRune(rune(atom[i])),
				)
			}
		}
	}
	host, problem := dnsName(domain, false)
	if problem != "" {
		return "", "the domain of the e-mail address is invalid: " + problem
	}
	if canonical = local + "@" + host; len(canonical) > maxEmail {
		return "", fmt.Sprintf("the e-mail address has %d characters, but at most %d are allowed", len(canonical), maxEmail)
	}
	return canonical, ""
}

func isAtext(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

const maxURI = 2048

// opaqueSchemes are schemes without an authority that occur in certificates: SIP domains (RFC 5922), UUID and OID names
// (RFC 9562, RFC 3061), and the "tag" with a Windows SID for strong mapping.
var opaqueSchemes = []string{"sip", "sips", "tag", "urn"}

// uri accepts an absolute URI (RFC 3986). If the scheme has an authority, its host must be a host name or an IP address
// (RFC 5280 4.2.1.6).
func uri(value string) string {
	if len(value) > maxURI {
		return fmt.Sprintf("the URI has %d characters, but at most %d are allowed", len(value), maxURI)
	}
	for _, r := range value {
		if r <= 0x20 || r == 0x7f {
			return fmt.Sprintf("the URI contains a space or control character (%U): percent-encode it", r)
		}
		if r > 0x7f {
			return fmt.Sprintf(
				"the URI contains %U, which is not ASCII: use the A-label of a host and percent-encode the rest (RFC 3987)", r,
			)
		}
		if strings.ContainsRune("\"<>\\^`{|}", r) {
			return fmt.Sprintf("the URI contains %q, which RFC 3986 does not allow: percent-encode it", r)
		}
	}
	u, err := url.Parse(value)
	if err != nil {
		return quote(value) + " is not a URI (RFC 3986)"
	}
	if u.Scheme == "" {
		return quote(value) + " has no scheme: write an absolute URI such as https://host/path"
	}
	if u.Opaque != "" {
		if !slices.Contains(opaqueSchemes, u.Scheme) {
			return quote(value) + " has no host: write " + u.Scheme + "://host/path"
		}
		return ""
	}
	host := u.Hostname()
	if host == "" {
		return quote(value) + " has no host: write " + u.Scheme + "://host/path"
	}
	if u.User != nil {
		return quote(value) + " contains a user name or password, which do not belong in a certificate"
	}
	if _, err := netip.ParseAddr(host); err == nil && !strings.Contains(host, "%") {
		return ""
	}
	if canonical, problem := dnsName(host, false); problem != "" {
		return "the host of the URI is invalid: " + problem
	} else if !strings.EqualFold(canonical, host) {
		return "the host of the URI is invalid: write its A-label " + canonical
	}
	return ""
}
