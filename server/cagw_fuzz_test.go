package server

import (
	"bytes"
	"context"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pkiaas/pkiaas/rbac"
)

// panicCounter is a log that counts panics.
type panicCounter struct{ n atomic.Int64 }

func (p *panicCounter) Enabled(context.Context, slog.Level) bool { return true }
func (p *panicCounter) WithAttrs([]slog.Attr) slog.Handler       { return p }
func (p *panicCounter) WithGroup(string) slog.Handler            { return p }
func (p *panicCounter) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "panic" {
		p.n.Add(1)
	}
	return nil
}

// fuzzer makes requests after the schemas of the document, and spoils them.
type fuzzer struct {
	t       testing.TB
	g       *gatewayAPI
	rand    *rand.Rand
	mild    bool   // the request is meant to be accepted, mostly
	body    []byte // of the last request
	csrs    []string
	serials []string
}

func newFuzzer(t testing.TB, g *gatewayAPI, seed uint64) *fuzzer {
	f := &fuzzer{t: t, g: g, rand: rand.New(rand.NewPCG(seed, 0))}
	for _, name := range []pkix.Name{{CommonName: "fuzz.example"}, {}, {CommonName: "fuzz", Organization: []string{"a, b"}}} {
		csr, _ := gatewayCSR(t, name, "san.example")
		f.csrs = append(f.csrs, csr)
	}
	for range 5 {
		f.serials = append(f.serials, str(t, g.issue("fuzz.example"), "serialNumber"))
	}
	return f
}

func pick[T any](f *fuzzer, list ...T) T { return list[f.rand.IntN(len(list))] }

// hostile are texts that break what was not expecting them.
var hostile = []string{
	"", " ", "\x00", "a\x00b", "\n", "'; DROP TABLE certificates; --", "%00", "%", "{{7*7}}", "../../etc/passwd", "null", "true", "-1",
	"0", "1e309", "9223372036854775808", "é", "‮abc", "😀", "￾", "CN=", "=", ",", "+", "\\", `CN=a\`, `CN=#`, `CN="`,
	"#04", "/", "//", "/CN", "/=", "P", "PT", "P1Y/P1Y", "P9999999Y", "PT999999999999M", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
	"2026-01-01T00:00:00+23:59", "-", "~", "a~b~c", "2.5.29.32", "1.2", "0.40", "2.999999999999999999999.1", "0", "MAA=", "MIIB", "====",
	strings.Repeat("a", 70000), strings.Repeat("CN=a,", 3000), strings.Repeat("(", 2000)}

// well are values that the members of that name take.
func (f *fuzzer) well(member string) (any, bool) {
	switch member {
	case "profileId":
		return pick(
			f, "privatessl-tls-server", "privatessl-tls-client", "multiuse-p12-client", "smartcard-logon", "scep-digital-signature",
		), true
	case "csr":
		return pick(f, f.csrs...), true
	case "format":
		return pick(f, "X509", "X509", "PEM", "PKCS12"), true
	case "password":
		return pick(f, "long enough", strings.Repeat("x", 128)), true
	case "subjectDn":
		return pick(f, "CN=a,O=b", "/C=CA/CN=a", `CN=a\,b+UID=c`, ""), true
	case "validityPeriod":
		return pick(f, "P30D", "PT0M", "P1Y", "P100Y", "2030-01-01T00:00Z/P1D", "P1D/2030-01-01T00:00:00Z"), true
	case "oid":
		return pick(f, "2.5.29.32", "1.3.6.1.5.5.7.1.24", "2.5.29.37", "2.5.29.17"), true
	case "serialNumbers":
		return []string{pick(f, f.serials...), pick(f, hostile...)}, true
	case "reason":
		return pick(f, "superseded", "keyCompromise", "certificateHold", "caCompromise", "bored"), true
	case "issueCrl":
		return pick[any](f, true, "true", "false", nil, "perhaps"), true
	}
	return nil, false
}

// value is one of a schema.
func (f *fuzzer) value(schema map[string]any, member string, depth int) any {
	schema, _ = f.g.contract.resolve(schema)
	if !f.mild && f.rand.IntN(25) == 0 {
		return f.junk(0)
	}
	if v, ok := f.well(member); ok && (f.mild || f.rand.IntN(8) > 0) {
		return v
	}
	if list, ok := schema["enum"].([]any); ok {
		return pick(f, list...)
	}
	if v, ok := schema["const"]; ok {
		return v
	}
	if list, ok := schema["examples"].([]any); ok && f.rand.IntN(4) > 0 {
		if member != "type" || f.rand.IntN(2) == 0 {
			return pick(f, list...)
		}
	}
	var typ string
	switch in := schema["type"].(type) {
	case string:
		typ = in
	case []any:
		typ, _ = pick(f, in...).(string)
	}
	switch typ {
	case "object":
		o := map[string]any{}
		properties, _ := schema["properties"].(map[string]any)
		names := make([]string, 0, len(properties))
		for name := range properties {
			names = append(names, name)
		}
		sort.Strings(names)
		required, _ := schema["required"].([]any)
		for _, name := range names {
			needed := slices.Contains(required, any(name))
			if chance := f.rand.IntN(10); needed && chance == 0 && !f.mild || !needed && (chance < 5 || f.mild && chance < 9 &&
				name != "csr" && name != "protection") {
				continue
			}
			o[name] = f.value(properties[name].(map[string]any), name, depth+1)
		}
		if !f.mild && f.rand.IntN(10) == 0 {
			o[pick(f, hostile[:20]...)] = f.junk(0)
		}
		return o
	case "array":
		list := []any{}
		items, _ := schema["items"].(map[string]any)
		for range f.rand.IntN(4) {
			list = append(list, f.value(items, "", depth+1))
		}
		if f.rand.IntN(200) == 0 && len(list) > 0 {
			list = slices.Repeat(list[:1], 300)
		}
		return list
	case "boolean":
		return f.rand.IntN(2) == 0
	case "integer", "number":
		return pick[any](f, 0, 1, -1, 50, 1e18, 1.5)
	case "null":
		return nil
	}
	switch {
	case member == "type":
		return pick(
			f, "RevokeAction", "HoldAction", "UnholdAction", "RenewAction", "cn", "o", "C", "uid", "dNSName", "iPAddress", "directoryName",
			"otherName", "registeredID", "rfc822Name", "uniformResourceIdentifier", "PasswordProtection",
		)
	case f.rand.IntN(2) == 0:
		return pick(f, "host.example", "10.0.0.1", "a@b.example", "https://a.example/", "1.2.3", "MAcwBQYDKgME", "ggFh", "oAA=")
	}
	return pick(f, hostile...)
}

// junk is any JSON.
func (f *fuzzer) junk(depth int) any {
	switch f.rand.IntN(7) {
	case 0:
		return nil
	case 1:
		return f.rand.IntN(2) == 0
	case 2:
		return pick[any](f, 0, -1, 1e300, 9007199254740993, 0.1)
	case 3:
		if depth < 4 {
			return []any{f.junk(depth + 1), f.junk(depth + 1)}
		}
	case 4:
		if depth < 4 {
			return map[string]any{pick(f, hostile[:20]...): f.junk(depth + 1), "type": f.junk(depth + 1)}
		}
	}
	return pick(f, hostile...)
}

// request of an operation.
func (f *fuzzer) request(method, template string) *http.Request {
	path := "/cagw/v1" + template
	escape := func(text string) string {
		if len(text) > 2000 {
			text = text[:2000]
		}
		if text == "" {
			text = " "
		}
		return url.PathEscape(text)
	}
	f.mild = f.rand.IntN(2) == 0
	good := func() bool { return f.mild || f.rand.IntN(6) > 0 }
	for _, c := range []struct {
		name string
		well func() string
	}{
		{"{caId}", func() string {
			return f.g.m.Partition.ID + "~" + pick(f, "issuing-1", "issuing-1", "issuing-1", "root-1")
		}},
		{"{profileId}", func() string { return "privatessl-tls-server" }},
		{"{serialNumber}", func() string { return pick(f, f.serials...) }},
		{"{subjectDn}", func() string { return "CN=a,O=b" }},
	} {
		value := pick(f, hostile...)
		if good() {
			value = c.well()
		}
		if c.name == "{serialNumber}" && value == "actions" {
			value = "x"
		}
		path = strings.ReplaceAll(path, c.name, escape(value))
	}
	op, _ := f.g.contract.operation(method, fuzzedPath(template))
	query := url.Values{}
	header := http.Header{
		"Content-Type": {
			pick(
				f, "application/json", "application/json", "application/json", "application/json; charset=utf-8", "", "text/plain",
				"multipart/form-data; boundary",
			),
		},
	}
	if good() {
		header.Set("Content-Type", "application/json")
	}
	parameters, _ := op["parameters"].([]any)
	for _, each := range parameters {
		p, _ := f.g.contract.resolve(each)
		name := p["name"].(string)
		if f.rand.IntN(2) == 0 {
			continue
		}
		value := pick(f, hostile...)
		if good() {
			switch name {
			case "$fields":
				value = pick(
					f, "ca.certificate,ca.chain", "caList.certificate.certificateData", "caList.chain", "-events.certificate",
					"-type,-certificate.certificateData,-certificate.subjectPublicKeyInfo,-chain", "enrollment.chain", "chain",
				)
			case "startDate":
				value = pick(f, "2000-01-01T00:00:00.00Z", "2018-07-06T13:00Z", "2026-11-21T00:00:00+01:00")
			case "preferredPageSize":
				value = pick(f, "1", "50", "1000000")
			case "nextPageIndex":
				value = pick(f, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x")
			case "Idempotency-Key":
				value = pick(f, "a", "b", "c", `"d"`, strings.Repeat("k", 255), strings.Repeat("k", 256))
			}
		}
		if p["in"] == "header" {
			header[name] = []string{value}
		} else {
			query.Set(name, value)
		}
	}
	f.body = nil
	if wanted, ok := op["requestBody"].(map[string]any); ok {
		schema, _ := f.g.contract.resolve(map[string]any{"$ref": f.g.contract.schemaOf(wanted)})
		f.body, _ = json.Marshal(f.value(schema, "", 0))
		spoil := f.rand.IntN(30)
		if f.mild {
			spoil = -1
		}
		switch spoil {
		case 0: // octets turned round
			if len(f.body) > 0 {
				f.body[f.rand.IntN(len(f.body))] ^= byte(1 << f.rand.IntN(8))
			}
		case 1:
			f.body = f.body[:f.rand.IntN(len(f.body)+1)]
		case 2:
			f.body = bytes.Repeat([]byte(`{"action":`), 20000)
		case 3:
			f.body = append(f.body, f.body...)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	r := httptest.NewRequest(method, path, io.NopCloser(bytes.NewReader(f.body)))
	r.Header = header
	return r.WithContext(rbac.WithActor(r.Context(), f.g.actor))
}
