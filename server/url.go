package server

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

var defaultPorts = map[string]string{"https": "443", "http": "80"}

// canonicalURL writes an address of this server as browsers write an origin: lower case, no default port, an
// international name in its ASCII form. Everything that compares addresses, or makes one by adding a path, relies on it.
// withPath lets the address have a path, for what a mirror serves.
func canonicalURL(text, scheme string, withPath bool) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "", fmt.Errorf("%q is not an address like %s://pki.example.com", text, scheme)
	case u.Scheme != scheme:
		return "", fmt.Errorf("%q must begin with %s://", text, scheme)
	case u.User != nil:
		return "", fmt.Errorf("%q must not have a user name or a password", text)
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return "", fmt.Errorf("%q must not have a query or a fragment", text)
	case !withPath && u.Path != "" && u.Path != "/":
		return "", fmt.Errorf("%q must not have a path: the server answers at the root of its address", text)
	}
	host, err := canonicalHost(u.Host, scheme)
	if err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	return scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/"), nil
}

// canonicalHost is that of HOST or HOST:PORT, such as a Host header.
func canonicalHost(text, scheme string) (string, error) {
	u := url.URL{Host: text}
	host, port := u.Hostname(), u.Port()
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	} else if host, err = idna.Lookup.ToASCII(host); err != nil || host == "" {
		return "", fmt.Errorf("%q is not a host name", u.Hostname())
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return "", fmt.Errorf("%q is not a port", port)
		}
		port = strconv.FormatUint(n, 10)
	} else if strings.HasSuffix(text, ":") {
		return "", fmt.Errorf("%q ends in a colon", text)
	}
	if port == "" || port == defaultPorts[scheme] {
		if strings.Contains(host, ":") {
			return "[" + host + "]", nil
		}
		return host, nil
	}
	return net.JoinHostPort(host, port), nil
}
