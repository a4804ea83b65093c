package server

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/protocols/cagw"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// noted keeps what was refused to credentials.
type noted struct{ list []string }

func (n *noted) Refused(_ context.Context, a *rbac.Actor, err error, method, path string) error {
	name := "nobody"
	if a != nil {
		name = a.Name
	}
	n.list = append(n.list, fmt.Sprintf("%s %s %s %s", name, fault.Of(err).Kind, method, path))
	return nil
}

func (n *noted) Authenticate(context.Context, []*x509.Certificate, string, string) (*rbac.Actor, error) {
	return nil, nil // these tests call the handler behind it
}

// Every operation of the document, accepted and refused, with every status that it can have.
func TestGatewayContract(t *testing.T) {
	g := newGatewayAPI(t, "")
	refused := &noted{}
	g.p.Credentials = refused
	csr, _ := gatewayCSR(t, pkix.Name{CommonName: "contract.example"})
	enroll := func() object {
		return object{"profileId": "privatessl-tls-server", "csr": csr, "requiredFormat": object{"format": "X509"}}
	}
	with := func(path string, v any) object {
		text, _ := json.Marshal(enroll())
		var o object
		_ = json.Unmarshal(text, &o)
		in := o
		parts := strings.Split(path, ".")
		for _, part := range parts[:len(parts)-1] {
			if in[part] == nil {
				in[part] = object{}
			}
			in = in[part].(object)
		}
		in[parts[len(parts)-1]] = v
		return o
	}
	details := func(member string, v any) object { return with("optionalCertificateRequestDetails."+member, v) }
	issued := g.issue("first.example")
	serial := str(t, issued, "serialNumber")
	one := g.base + "/certificates/" + serial
	root := cagw.Base + "/" + g.m.Partition.ID + "~root-1"
	escaped := strings.Replace(g.base, "~", "%7E", 1)

	for _, path := range []string{
		cagw.Base, cagw.Base + "/", g.base, escaped, root, g.base + "/status", g.base + "/capabilities", g.base + "/profiles",
		root + "/profiles", g.base + "/profiles/privatessl-tls-server", one, one + "?%24fields=chain,-certificate.certificateData",
		g.base + "/certificates/" + strings.ToUpper(serial), g.base + "/certificate-events", root +
			"/certificate-events?preferredPageSize=1000", g.base +
			"/certificate-events?startDate=2018-07-06T13:00Z&%24fields=nonsense,,-type"} {
		g.call(200, "GET", path, nil)
	}
	if w := g.send("HEAD", g.base, nil); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
	if got := g.call(
		200, "GET", root+"/capabilities", nil,
	); strings.Contains(fmt.Sprint(got), "enroll") || strings.Contains(fmt.Sprint(got), "revoke") {
		t.Errorf("an auditor can: %v", got)
	}
	if got := g.call(200, "GET", g.base+"/capabilities", nil); len(at(t, got, "capabilities").([]any)) != 9 {
		t.Error(got)
	}
	if got := g.call(
		200, "GET", root+"?%24fields=ca.chain", nil,
	); parseBody(t, str(t, got, "ca.chain.0.certificateData")).Subject.CommonName != "Demo Root CA" {
		t.Error(got)
	}
	g.call(200, "POST", g.base+"/enrollments", enroll())
	// What the profile allows may be asked for; what it does not is refused, and not left out.
	got := g.call(
		200, "POST", g.base+"/enrollments",
		details("extensions", []object{{"oid": "2.5.29.32", "critical": false, "value": "MAcwBQYDKgME"}}),
	)
	if c := parseBody(t, str(t, got, "enrollment.body")); len(c.PolicyIdentifiers) != 1 {
		t.Error(c.PolicyIdentifiers)
	}
	// An end after the CA's own is cut to it.
	got = g.call(200, "POST", g.base+"/enrollments", details("validityPeriod", "P100Y"))
	if c := parseBody(t, str(t, got, "enrollment.body")); !c.NotAfter.Equal(g.issuing.NotAfter.Truncate(time.Second)) {
		t.Errorf("ends %s, the CA %s", c.NotAfter, g.issuing.NotAfter)
	}
	g.call(
		200, "POST", g.base+"/certificates/actions",
		object{"action": object{"type": "RevokeAction", "reason": "superseded"}, "serialNumbers": []string{serial, "ff"}},
	)

	for n, c := range []struct {
		status       int
		code         string
		method, path string
		body         any
		header       []string
	}{
		{404, "cagw-4040", "GET", "/cagw", nil, nil},
		{404, "cagw-4040", "GET", "/cagw/v2/certificate-authorities", nil, nil},
		{404, "cagw-4040", "GET", g.base + "//profiles", nil, nil},
		{404, "cagw-4040", "GET", one + "/nothing", nil, nil},
		{405, "cagw-4050", "DELETE", cagw.Base, nil, nil},
		{405, "cagw-4050", "GET", g.base + "/enrollments", nil, nil},
		{405, "cagw-4050", "PUT", one, nil, nil},
		{404, "cagw-4018", "GET", cagw.Base + "/" + g.m.Partition.ID + "~issuing-pq", nil, nil}, // no role on it
		{404, "cagw-4018", "GET", cagw.Base + "/sub0000000000~issuing-1", nil, nil},
		{404, "cagw-4018", "GET", cagw.Base + "/issuing-1", nil, nil},
		{404, "cagw-4018", "POST", cagw.Base + "/a%00b~c/enrollments", enroll(), nil},
		{404, "cagw-4041", "GET", g.base + "/certificates/abcdef", nil, nil},
		{404, "cagw-4041", "GET", g.base + "/certificates/xyz", nil, nil},
		{404, "cagw-4041", "GET", root + "/certificates/" + serial, nil, nil}, // of another CA
		{404, "cagw-4041", "POST", g.base + "/certificates/abcdef/actions", object{"action": object{"type": "RevokeAction"}}, nil},
		{404, "cagw-4042", "GET", g.base + "/profiles/nothing", nil, nil},
		{501, "cagw-5010", "GET", g.base + "/properties?fields=a,b", nil, nil},
		{501, "cagw-5010", "POST", g.base + "/subjects/CN%3Da%2Fb/actions", object{"action": object{"type": "RevokeAction"}}, nil},
		{501, "cagw-5010", "POST", one + "/actions", object{"action": object{"type": "ReactivateAction"}}, nil},
		{501, "cagw-5010", "POST", g.base + "/enrollments", details("encodedPublicKey", "MFkw"), nil},
		{403, "cagw-4030", "POST", root + "/enrollments", enroll(), nil},
		{403, "cagw-4030", "POST", root + "/enrollments", "not even JSON", nil},
		{
			403, "cagw-4030", "POST", root + "/certificates/" + g.issuing.SerialNumber + "/actions",
			object{"action": object{"type": "RevokeAction"}}, nil,
		},
		{
			403, "cagw-4030", "POST", root + "/certificates/actions",
			object{"action": object{"type": "RevokeAction"}, "serialNumbers": []string{serial}}, nil,
		},
		{415, "cagw-4150", "POST", g.base + "/enrollments", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{415, "cagw-4150", "POST", g.base + "/enrollments", "{}", []string{"Content-Type", ";"}},
		{413, "cagw-4130", "POST", g.base + "/enrollments", `{"a":"` + strings.Repeat("a", 600<<10) + `"}`, nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", "", nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", "[]", nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", "null", nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", `{"profileId":7}`, nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", `{"profileId":"a","profileId":"b"}`, nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", object{}, nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", with("requiredFormat.format", "P7B"), nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", with("requiredFormat.format", "PKCS12"), nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", with("csr", nil), nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", with("csr", "AAAA"), nil},
		{400, "cagw-4001", "POST", g.base + "/enrollments", with("profileId", "nothing"), nil},
		{
			400, "cagw-4000", "POST", g.base + "/enrollments",
			with("subjectVariables", []object{{"type": "favouriteColour", "value": "blue"}}), nil,
		},
		{400, "cagw-4000", "POST", g.base + "/enrollments", with("subjectVariables", []object{{"type": "cn", "value": "a\x00b"}}), nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", with("subjectAltNames", []object{{"type": "x400Address", "value": "a"}}), nil},
		{
			400, "cagw-4000", "POST", g.base + "/enrollments",
			with("subjectAltNames", []object{{"type": "iPAddress", "value": "10.0.0.256"}}), nil,
		},
		{
			400, "cagw-4000", "POST", g.base + "/enrollments",
			with("subjectAltNames", []object{{"type": "dNSName", "der": "ggFh"}, {"type": "iPAddress", "der": "ggFh"}}), nil,
		},
		{400, "cagw-4000", "POST", g.base + "/enrollments", details("subjectDn", "nonsense"), nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", details("validityPeriod", "soon"), nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", details("validityPeriod", "2020-01-01T00:00Z/P10Y"), nil},
		{400, "cagw-4001", "POST", g.base + "/enrollments", details("extensions", []object{{"oid": "2.5.29.37", "value": "MAA="}}), nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", details("extensions", []object{{"oid": "2.5.29.32", "value": "%"}}), nil},
		{400, "cagw-4000", "POST", g.base + "/enrollments", enroll(), []string{"Idempotency-Key", "a b"}},
		{
			400, "cagw-4000", "POST", g.base + "/enrollments",
			object{
				"profileId":        "multiuse-p12-client",
				"requiredFormat":   object{"format": "PKCS12", "protection": object{"type": "PasswordProtection", "password": "short"}},
				"subjectVariables": []object{{"type": "cn", "value": "a"}},
			},
			nil,
		},
		{
			400, "cagw-4000", "POST", g.base + "/enrollments",
			object{
				"profileId":        "multiuse-p12-client",
				"requiredFormat":   object{"format": "PKCS12", "protection": object{"type": "PasswordProtection", "password": "😀😀😀😀😀😀😀😀"}},
				"subjectVariables": []object{{"type": "cn", "value": "a"}},
			},
			nil,
		},
		{
			400, "cagw-4000", "POST", g.base + "/enrollments",
			object{
				"profileId":      "multiuse-p12-client",
				"requiredFormat": object{"format": "PKCS12", "protection": object{"type": "PasswordProtection", "password": "long enough"}},
			},
			nil,
		},
		{400, "cagw-4000", "POST", one + "/actions", object{"action": object{}}, nil},
		{400, "cagw-4000", "POST", one + "/actions", object{"action": object{"type": "ExplodeAction"}}, nil},
		{400, "cagw-4000", "POST", one + "/actions", object{"action": object{"type": "RevokeAction", "reason": "bored"}}, nil},
		{400, "cagw-4000", "POST", one + "/actions", object{"action": object{"type": "RevokeAction", "issueCrl": "perhaps"}}, nil},
		{
			409, "cagw-4090", "POST", one + "/actions",
			object{"action": object{"type": "RevokeAction", "succeedIfAlreadyInRequestedState": false}}, nil,
		},
		{409, "cagw-4090", "POST", one + "/actions", object{"action": object{"type": "UnholdAction"}}, nil},
		{409, "cagw-4090", "POST", one + "/actions", object{"action": object{"type": "HoldAction"}}, nil},
		{400, "cagw-4000", "POST", g.base + "/certificates/actions", object{"action": object{"type": "RevokeAction"}}, nil},
		{
			501, "cagw-5010", "POST", g.base + "/certificates/actions",
			object{"action": object{"type": "HoldAction"}, "serialNumbers": []string{serial}}, nil,
		},
		{400, "cagw-4000", "GET", g.base + "/certificate-events?startDate=yesterday", nil, nil},
		{400, "cagw-4000", "GET", g.base + "/certificate-events?preferredPageSize=0", nil, nil},
		{400, "cagw-4000", "GET", g.base + "/certificate-events?preferredPageSize=many", nil, nil},
		{400, "cagw-4000", "GET", g.base + "/certificate-events?nextPageIndex=AAAA", nil, nil},
		{
			400, "cagw-4000", "GET",
			root + "/certificate-events?nextPageIndex=" + str(t, g.call(200, "GET", g.base+"/certificate-events", nil), "nextPageIndex"),
			nil, nil,
		},
	} {
		if got := g.call(c.status, c.method, c.path, c.body, c.header...); str(t, got, "error.code") != c.code {
			t.Errorf("%d: %s %s: %v, want %s", n, c.method, c.path, got, c.code)
		}
	}
	// The credential's forbidden and unknown CAs are told of, and nothing else.
	if len(refused.list) != 8 || !slices.Contains(refused.list, "gateway FORBIDDEN POST "+root+"/enrollments") || !slices.Contains(
		refused.list, "gateway NOT_FOUND GET "+cagw.Base+"/"+g.m.Partition.ID+"~issuing-pq",
	) {
		t.Errorf("%q", refused.list)
	}
	credential := g.actor
	g.actor = nil
	if got := g.call(401, "GET", cagw.Base, nil); str(t, got, "error.code") != "cagw-4010" {
		t.Error(got)
	}
	// A person of the partition has no CAs here: this is for credentials.
	g.actor = &rbac.Actor{Kind: rbac.UserActor, ID: "u", Grants: map[string][]rbac.Role{g.m.Partition.ID: {rbac.Owners}}}
	g.call(404, "GET", cagw.Base, nil)
	g.actor = credential

	for _, path := range []string{"/cagw/openapi.json", "/cagw/openapi.yaml"} {
		if w := g.send("GET", path, nil); w.Code != 200 || w.Body.Len() < 100 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	g.call(405, "POST", "/cagw/openapi.json", nil)

	// The partition's rate, which is counted before the protocol is asked.
	w := httptest.NewRecorder()
	g.p.Refuse(w, httptest.NewRequest("GET", g.base+"/status", nil), fault.New(fault.TooManyRequests, "too many requests"))
	if err := g.contract.check("GET", g.base+"/status", w.Code, w.Header(), w.Body.Bytes()); w.Code != 429 || err != nil {
		t.Errorf("%d %v %s %v", w.Code, w.Header(), w.Body, err)
	}

	for path, methods := range g.contract.paths {
		for method := range methods {
			if method != "parameters" && !g.seen[strings.ToUpper(method)+" "+path] {
				t.Errorf("%s %s was not tried", method, path)
			}
		}
	}
}

// What is out of order is said in the protocol's own shape, without a word of why.
func TestGatewayFailures(t *testing.T) {
	g := newGatewayAPI(t, "")
	panics := &panicCounter{}
	g.p.Log = slog.New(panics)
	p := g.p
	p.CAs = nil // a defect
	for what, handler := range map[string]http.Handler{"panic": p.Endpoints()[0].Handler} {
		r := httptest.NewRequest("GET", cagw.Base, nil)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.WithContext(rbac.WithActor(r.Context(), g.actor)))
		if w.Code != 500 || g.contract.validate(
			"#/components/schemas/ErrorResponse", w.Body.Bytes(),
		) != nil || strings.Contains(w.Body.String(), "nil pointer") {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	if panics.n.Load() != 1 {
		t.Error("the panic is not in the log")
	}
	// A client that goes away in the middle of its request.
	r := httptest.NewRequest("POST", g.base+"/enrollments", io.MultiReader(strings.NewReader("{"), errReader{}))
	w := httptest.NewRecorder()
	g.p.Endpoints()[0].Handler.ServeHTTP(w, r.WithContext(rbac.WithActor(r.Context(), g.actor)))
	if err := g.contract.check("POST", g.base+"/enrollments", w.Code, w.Header(), w.Body.Bytes()); w.Code != 400 || err != nil {
		t.Errorf("%d %s %v", w.Code, w.Body, err)
	}
	ended, cancel := context.WithCancel(rbac.WithActor(t.Context(), g.actor))
	cancel()
	w = httptest.NewRecorder()
	g.p.Endpoints()[0].Handler.ServeHTTP(w, httptest.NewRequest("GET", cagw.Base, nil).WithContext(ended))
	if err := g.contract.check("GET", cagw.Base, w.Code, w.Header(), w.Body.Bytes()); w.Code != 503 || err != nil {
		t.Errorf("%d %s %v", w.Code, w.Body, err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, run func(*testing.T, *gatewayAPI)) {
	t.Run("sqlite", func(t *testing.T) { run(t, newGatewayAPI(t, "")) })
	t.Run("postgres", func(t *testing.T) { run(t, newGatewayAPI(t, storetest.Postgres(t))) })
}

// A request with a key is carried out once, however often it comes, also when all of them come together.
func TestGatewayIdempotency(t *testing.T) {
	onBoth(t, func(t *testing.T, g *gatewayAPI) {
		csr, _ := gatewayCSR(t, pkix.Name{CommonName: "once.example"})
		body := object{"profileId": "privatessl-tls-server", "csr": csr, "requiredFormat": object{"format": "X509"}}
		var serials sync.Map
		var wg sync.WaitGroup
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			wg.Go(func() {
				w := g.send("POST", g.base+"/enrollments", string(text), "Idempotency-Key", `"7c9e6679"`)
				var out struct{ Enrollment struct{ SerialNumber string } }
				if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				serials.Store(out.Enrollment.SerialNumber, true)
			})
		}
		wg.Wait()
		n := 0
		serials.Range(func(any, any) bool { n++; return true })
		var rows, active int64
		if err := errors.Join(
			g.store.DB(g.system).Table("certificates").Where("common_name = 'once.example'").Count(&rows).Error,
			g.store.DB(g.system).Raw("SELECT active_certificates FROM partitions WHERE id = ?", g.m.Partition.ID).Scan(&active).Error,
		); err != nil || n != 1 || rows != 1 {
			t.Errorf("%d serial numbers, %d certificates, %v", n, rows, err)
		}
		var counted int64
		if err := g.store.DB(g.system).Table("certificates").Where(
			"counted AND partition_id = ?", g.m.Partition.ID,
		).Count(&counted).Error; err != nil || counted != active {
			t.Errorf("%d are counted, %d there: %v", active, counted, err)
		}
		// Without quotes it is the same key; another body is refused, another credential has keys of its own.
		g.call(200, "POST", g.base+"/enrollments", string(text), "Idempotency-Key", "7c9e6679")
		body["includeCa"] = true
		if got := g.call(
			422, "POST", g.base+"/enrollments", body, "Idempotency-Key", "7c9e6679",
		); str(t, got, "error.code") != "cagw-4220" {
			t.Error(got)
		}
		mine := g.actor
		other := *mine
		other.ID = "credential-2"
		g.actor = &other
		g.call(200, "POST", g.base+"/enrollments", string(text), "Idempotency-Key", "7c9e6679")
		g.actor = mine
		if err := g.store.DB(g.system).Table("certificates").Where("common_name = 'once.example'").Count(&rows).Error; err != nil ||
			rows != 2 {
			t.Errorf("%d certificates, %v", rows, err)
		}
		// A PKCS #12 is kept nowhere.
		p12 := object{
			"profileId":        "multiuse-p12-client",
			"requiredFormat":   object{"format": "PKCS12", "protection": object{"type": "PasswordProtection", "password": "long enough"}},
			"subjectVariables": []object{{"type": "cn", "value": "p12"}},
		}
		g.call(200, "POST", g.base+"/enrollments", p12, "Idempotency-Key", "p12")
		if got := g.call(
			409, "POST", g.base+"/enrollments", p12, "Idempotency-Key", "p12",
		); !strings.Contains(str(t, got, "error.message"), "made certificate") {
			t.Error(got)
		}
		// A refused request is not remembered: what was wrong can be put right.
		body["profileId"] = "nothing"
		g.call(400, "POST", g.base+"/enrollments", body, "Idempotency-Key", "later")
		body["profileId"] = "privatessl-tls-client"
		g.call(200, "POST", g.base+"/enrollments", body, "Idempotency-Key", "later")
		// Old keys are forgotten.
		g.jobs.Cancel(g.system, enrollment.CleanJob, "all")
		ahead.Store(int64(49 * time.Hour))
		defer ahead.Store(0)
		if err := g.store.Tx(
			g.system, func(ctx context.Context) error { return g.jobs.Enqueue(ctx, enrollment.CleanJob, "all", g.now(), nil) },
		); err != nil {
			t.Fatal(err)
		}
		g.jobs.RunDue(g.system)
		left := int64(1)
		for deadline := time.Now().Add(patience); left > 0 && time.Now().Before(deadline); g.jobs.RunDue(g.system) {
			if err := g.store.DB(g.system).Table("gateway_requests").Count(&left).Error; err != nil {
				t.Fatal(err)
			}
		}
		if left != 0 {
			t.Errorf("%d keys are still known", left)
		}
	})
}

// Many are revoked together, with one event each; what cannot be is said for each, and repeating it changes nothing.
func TestGatewayBulk(t *testing.T) {
	onBoth(t, func(t *testing.T, g *gatewayAPI) {
		var serials []string
		for n := range 20 {
			serials = append(serials, str(t, g.issue(fmt.Sprintf("many%d.example", n)), "serialNumber"))
		}
		signer := &certificate.Certificate{}
		if err := g.store.DB(g.system).Take(signer, "ca_id = ? AND kind = ?", g.issuing.ID, certificate.OCSPSigner).Error; err != nil {
			t.Fatal(err)
		}
		body := object{"action": object{"type": "RevokeAction", "reason": "cessationOfOperation", "comment": "closed", "issueCrl": "true"},
			"serialNumbers": append([]string{
				strings.ToUpper(serials[0]), "00" + serials[1], "abcdef", "no number", signer.SerialNumber,
			}, serials[2:]...)}
		for range 2 {
			got := g.call(200, "POST", g.base+"/certificates/actions", body)
			results := at(t, got, "results").([]any)
			if len(results) != 23 || str(t, results[0], "serialNumber") != serials[0] || str(t, results[1], "status") != "COMPLETED" ||
				str(t, results[2], "error.code") != "cagw-4041" || str(t, results[3], "status") != "REJECTED" ||
				str(t, results[4], "error.code") != "cagw-4001" {
				t.Fatal(got)
			}
		}
		for _, serial := range serials {
			got := g.call(200, "GET", g.base+"/certificates/"+serial, nil)
			if str(t, got, "certificate.status") != "revoked" || str(
				t, got, "certificate.revocationInfo.reason",
			) != "cessationOfOperation" {
				t.Fatal(got)
			}
		}
		if str(t, g.call(200, "GET", g.base+"/certificates/"+signer.SerialNumber, nil), "certificate.status") != "normal" {
			t.Error("the OCSP signer was revoked with the others")
		}
		var events int64
		if err := g.store.DB(g.system).Table("audit_events").Where(
			"action = 'certificate.revoke' AND ca_id = ?", g.issuing.ID,
		).Count(&events).Error; err != nil || events != 20 {
			t.Errorf("%d events: %v", events, err)
		}
		if got := g.call(
			400, "POST", g.base+"/certificates/actions",
			object{"action": body["action"], "serialNumbers": slices.Repeat([]string{"aa"}, 1001)},
		); str(t, got, "error.target") != "serialNumbers" {
			t.Error(got)
		}
	})
}

// What others must approve is refused, with the request that waits, and nothing is issued.
func TestGatewayApproval(t *testing.T) {
	g := newGatewayAPI(t, "")
	if _, err := g.approvals.SetRules(
		g.system,
		approval.Change{
			PartitionID: g.m.Partition.ID,
			Rules: []*approval.Rule{
				{Operation: approval.Issue, ProfileIDs: []string{guarded, "multiuse-p12-client"}, Needed: 1, Hours: 24},
				{Operation: approval.BulkRevoke, Needed: 1, Hours: 24},
			},
		},
	); err != nil {
		t.Fatal(err)
	}
	csr, _ := gatewayCSR(t, pkix.Name{CommonName: "waits.example"})
	got := g.call(
		409, "POST", g.base+"/enrollments", object{"profileId": guarded, "csr": csr, "requiredFormat": object{"format": "X509"}},
		"Idempotency-Key", "k",
	)
	id := str(t, got, "error.value")
	var waiting approval.Request
	if err := g.store.DB(g.system).Take(&waiting, "id = ?", id).Error; err != nil || waiting.State != approval.Pending ||
		waiting.RequestedByID != g.actor.ID || str(t, got, "error.code") != "cagw-4091" ||
		!strings.Contains(str(t, got, "error.message"), id) {
		t.Errorf("%v %v %v", got, waiting, err)
	}
	// Repeated with its key it asks nobody again, also where the end counts from now; and it is the certificate once others approved it.
	body := object{
		"profileId": guarded, "csr": csr, "requiredFormat": object{"format": "X509"},
		"optionalCertificateRequestDetails": object{"validityPeriod": "P30D"},
	}
	got = g.call(409, "POST", g.base+"/enrollments", body, "Idempotency-Key", "days")
	if again := g.call(
		409, "POST", g.base+"/enrollments", body, "Idempotency-Key", "days",
	); again["error"].(object)["value"] != got["error"].(object)["value"] {
		t.Errorf("%v, then %v", got, again)
	}
	if err := g.store.DB(g.system).Exec(
		"UPDATE approvals SET state = ?, object_id = (SELECT id FROM certificates WHERE ca_id = ? AND kind = 'SUBSCRIBER' LIMIT 1) "+
			"WHERE id = ?",
		approval.Done, g.issuing.ID, str(t, got, "error.value"),
	).Error; err != nil {
		t.Fatal(err)
	}
	g.call(200, "POST", g.base+"/enrollments", body, "Idempotency-Key", "days")
	if err := g.store.DB(g.system).Exec("UPDATE approvals SET state = ? WHERE id = ?", approval.Rejected, id).Error; err != nil {
		t.Fatal(err)
	}
	g.call(
		409, "POST", g.base+"/enrollments", object{"profileId": guarded, "csr": csr, "requiredFormat": object{"format": "X509"}},
		"Idempotency-Key", "k",
	)
	g.call(
		400, "POST", g.base+"/enrollments",
		object{
			"profileId":        "multiuse-p12-client",
			"requiredFormat":   object{"format": "PKCS12", "protection": object{"type": "PasswordProtection", "password": "long enough"}},
			"subjectVariables": []object{{"type": "cn", "value": "waits.example"}},
		},
	)
	serial := str(t, g.issue("stays.example"), "serialNumber")
	many := object{"action": object{"type": "RevokeAction"}, "serialNumbers": []string{serial}}
	g.call(409, "POST", g.base+"/certificates/actions", many)
	if str(t, g.call(200, "GET", g.base+"/certificates/"+serial, nil), "certificate.status") != "normal" {
		t.Error("revoked without the approval of others")
	}
	var issued int64
	if err := g.store.DB(g.system).Table("certificates").Where(
		"common_name = 'waits.example'",
	).Count(&issued).Error; err != nil || issued != 0 {
		t.Errorf("%d issued, %v", issued, err)
	}
}

// The inventory feed has what came by other ways too, and the audit log is whole with it.
func TestGatewayEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, g *gatewayAPI) {
		read := func(path string) []object {
			var all []object
			for _, e := range at(t, g.call(200, "GET", path, nil), "events").([]any) {
				all = append(all, e.(object))
			}
			return all
		}
		root := cagw.Base + "/" + g.m.Partition.ID + "~root-1/certificate-events"
		if cas := read(root); len(cas) != 4 { // itself, its OCSP signer, two CAs below
			t.Errorf("the root issued %d: %v", len(cas), cas)
		}
		before := g.now().Add(-time.Second).UTC().Format(time.RFC3339)
		last := str(t, g.call(200, "GET", g.base+"/certificate-events?preferredPageSize=100", nil), "nextPageIndex")
		// In the console: issued, held until a time that comes, revoked.
		csr, _ := gatewayCSR(t, pkix.Name{CommonName: "console.example"})
		done, err := g.enrollment.Issue(g.system, intake.Text{CAID: g.issuing.ID, ProfileID: "privatessl-tls-server", CSR: csr}.Request())
		if err != nil {
			t.Fatal(err)
		}
		until := g.now().Add(time.Hour)
		if _, err := g.certificates.Suspend(g.system, done.Certificate.ID, &until); err != nil {
			t.Fatal(err)
		}
		ahead.Store(int64(2 * time.Hour))
		defer ahead.Store(0)
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); g.jobs.RunDue(g.system) {
			if c, err := g.certificates.Get(g.system, done.Certificate.ID); err != nil || c.Status == certificate.Issued {
				break
			}
		}
		if _, err := g.certificates.Revoke(g.system, done.Certificate.ID, certificate.KeyCompromise, nil); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"?startDate=" + before, "?nextPageIndex=" + last} {
			var said []string
			for _, e := range read(g.base + "/certificate-events" + path) {
				if e["serialNumber"] == done.Certificate.SerialNumber {
					said = append(said, str(t, e, "action")+":"+str(t, e, "reason"))
				}
			}
			if want := []string{"issued:", "held:certificateHold", "unheld:", "revoked:keyCompromise"}; !slices.Equal(said, want) {
				t.Errorf("%s: %v", path, said)
			}
		}
		if later := read(g.base + "/certificate-events?startDate=" + g.now().Add(3*time.Hour).Format(time.RFC3339)); len(later) != 0 {
			t.Errorf("in the future: %v", later)
		}
		if v, err := g.audit.Verify(g.system, g.m.Partition.ID); err != nil || v.BrokenAt != 0 {
			t.Errorf("%+v %v", v, err)
		}
		if p, err := g.audit.List(
			g.system, g.m.Partition.ID, audit.Filter{ObjectID: done.Certificate.ID}, page.Request{First: 10},
		); err != nil || len(p.Nodes) != 4 || p.Nodes[0].CAID != g.issuing.ID {
			t.Errorf("%v %v", p, err)
		}
	})
}

// The events of an older release are in the feeds after the upgrade, as if they had come under this one.
func TestGatewayBackfill(t *testing.T) {
	onBoth(t, func(t *testing.T, g *gatewayAPI) {
		c, err := g.certificates.BySerial(g.system, g.issuing, str(t, g.issue("old.example"), "serialNumber"))
		if err != nil {
			t.Fatal(err)
		}
		g.call(200, "POST", g.base+"/certificates/"+c.SerialNumber+"/actions", object{"action": object{"type": "HoldAction"}})
		if _, err := g.certificates.Suspend(g.system, c.ID, nil); err == nil { // refused: an event that is none of the feed
			t.Fatal("held twice")
		}
		type row struct {
			Sequence int64
			CAID     string `gorm:"column:ca_id"`
		}
		rows := func() (list []row) {
			if err := g.store.DB(g.system).Raw(
				"SELECT sequence, ca_id FROM audit_events WHERE partition_id = ? ORDER BY sequence", g.m.Partition.ID,
			).Scan(&list).Error; err != nil {
				t.Fatal(err)
			}
			return list
		}
		now := rows()
		text, err := os.ReadFile("../migrations/0021_gateway.sql")
		if err != nil {
			t.Fatal(err)
		}
		_, update, _ := strings.Cut(string(text), "UPDATE ")
		update, _, _ = strings.Cut(update, ";")
		for _, statement := range []string{"UPDATE audit_events SET ca_id = ''", "UPDATE " + update} {
			if err := g.store.DB(g.system).Exec(statement).Error; err != nil {
				t.Fatal(err)
			}
		}
		if then := rows(); len(then) < len(now) || !slices.Equal(now, then[:len(now)]) || len(now) < 50 { // others may have come meanwhile
			t.Errorf("%v, filled in %v", now, then)
		}
	})
}

// Two readers page through the events of a CA while certificates are issued and revoked: each sees each event once.
// PKIAAS_EVENTS plants so many before.
func TestGatewayEventsWhileIssuing(t *testing.T) {
	onBoth(t, func(t *testing.T, g *gatewayAPI) {
		planted, _ := strconv.Atoi(os.Getenv("PKIAAS_EVENTS"))
		if planted > 0 {
			began := time.Now()
			plantEvents(t, g, planted)
			t.Logf("planted %d events in %s", planted, time.Since(began).Round(time.Second))
			ahead.Store(int64(time.Hour)) // the rest comes later
			defer ahead.Store(0)
		}
		const workers, each, most = 8, 250, 5000
		var csrs [workers]string
		for n := range csrs {
			csrs[n], _ = gatewayCSR(t, pkix.Name{CommonName: fmt.Sprintf("worker%d.example", n)})
		}
		var issuing sync.WaitGroup
		var caughtUp atomic.Int64 // readers that have seen what was there at the beginning
		var ended atomic.Bool
		ctx := rbac.WithActor(t.Context(), g.actor)
		for n := range workers {
			issuing.Go(func() {
				for k := 0; k < each || caughtUp.Load() < 2 && k < most && !t.Failed(); k++ {
					done, err := g.enrollment.Issue(
						ctx, intake.Text{CAID: g.issuing.ID, ProfileID: "privatessl-tls-server", CSR: csrs[n], Explicit: true}.Request(),
					)
					if err != nil {
						t.Error(err)
						return
					}
					if k%25 == 0 {
						if _, err := g.certificates.Revoke(ctx, done.Certificate.ID, certificate.Superseded, nil); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		// One reads as the shell utility does, with its startDate on each page; one as Keyfactor does, by the index alone and without
		// certificates. Pages are small, so that many begin while certificates are issued.
		size := 7
		if planted > 0 {
			size = 100
		}
		begin := []string{
			fmt.Sprintf("?startDate=2000-01-01T00:00:00.00Z&preferredPageSize=%d", size),
			fmt.Sprintf("?preferredPageSize=%d&%%24fields=-events.certificate", size+1),
		}
		next := []string{begin[0] + "&nextPageIndex=", begin[1] + "&nextPageIndex="}
		began := time.Now()
		var readers sync.WaitGroup
		var seen [2]map[string]bool
		var pages [2]int
		for n := range seen {
			seen[n] = map[string]bool{}
			readers.Go(func() {
				caught := false
				for path := begin[n]; !t.Failed(); {
					over := ended.Load()
					w := g.send("GET", g.base+"/certificate-events"+path, nil)
					var page struct {
						MorePages     bool
						NextPageIndex string
						Events        []struct{ SerialNumber, Action, EventDate string }
					}
					if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
						t.Errorf("%d %s %v", w.Code, w.Body, err)
						return
					}
					pages[n]++
					for _, e := range page.Events {
						key := e.SerialNumber + e.Action + e.EventDate
						if seen[n][key] {
							t.Errorf("reader %d: %s again", n, key)
						}
						seen[n][key] = true
					}
					path = next[n] + page.NextPageIndex
					if !page.MorePages && !caught {
						caught = true
						caughtUp.Add(1)
					}
					if !page.MorePages && over {
						return
					}
				}
			})
		}
		issuing.Wait()
		ended.Store(true)
		readers.Wait()
		var there int64
		if err := g.store.DB(g.system).Table("audit_events").Where(
			"ca_id = ? AND ca_id <> ''", g.issuing.ID,
		).Count(&there).Error; err != nil {
			t.Fatal(err)
		}
		if there < int64(planted)+workers*each*26/25 || int64(len(seen[0])) != there || int64(len(seen[1])) != there {
			t.Errorf("%d events; one saw %d, the other %d", there, len(seen[0]), len(seen[1]))
		}
		t.Logf(
			"%d events, %d of them while reading; %d and %d pages; %s", there, there-int64(planted), pages[0], pages[1],
			time.Since(began).Round(time.Second),
		)
		if planted > 0 {
			// A start date near the end is found without reading what is before it.
			began := time.Now()
			g.call(200, "GET", g.base+"/certificate-events?startDate="+g.now().UTC().Format(time.RFC3339), nil)
			t.Logf("a page that begins now: %s", time.Since(began).Round(time.Millisecond))
		}
	})
}

// plantEvents writes certificates of the issuing CA and their events, as issuance would but without signatures.
func plantEvents(t *testing.T, g *gatewayAPI, n int) {
	t.Helper()
	model := &certificate.Certificate{}
	if err := g.store.DB(g.system).Take(model, "ca_id = ? AND kind = ?", g.issuing.ID, certificate.Subscriber).Error; err != nil {
		t.Fatal(err)
	}
	for n > 0 {
		batch := min(n, 2000)
		n -= batch
		err := g.store.Tx(g.system, func(ctx context.Context) error {
			var rows []*certificate.Certificate
			for range batch {
				id := uuid.Must(uuid.NewV7())
				c := *model
				c.ID, c.SerialNumber, c.CreatedAt, c.Counted, c.Status = id.String(), "77"+
					strings.ReplaceAll(id.String(), "-", ""), g.now(), false, certificate.Issued
				rows = append(rows, &c)
				g.audit.Record(
					ctx,
					audit.Event{
						PartitionID: c.PartitionID, Action: "certificate.issue", ObjectKind: "certificate", ObjectID: c.ID,
						ObjectName: c.SerialNumber, CAID: c.CAID, Summary: "planted",
					},
				)
			}
			return store.CreateAll(ctx, g.store, rows)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever is sent, made after the schemas of the document and spoiled, is answered as the document says: never 5xx but
// 501 and 503, never a panic. PKIAAS_FUZZ_TIME: how long, "10m"; PKIAAS_FUZZ_SEED repeats a run.
func TestGatewayFuzz(t *testing.T) {
	length := 2 * time.Second
	if text := os.Getenv("PKIAAS_FUZZ_TIME"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	onBoth(t, func(t *testing.T, g *gatewayAPI) {
		seed := uint64(time.Now().UnixNano())
		if text := os.Getenv("PKIAAS_FUZZ_SEED"); text != "" {
			seed, _ = strconv.ParseUint(text, 10, 64)
		}
		panics := &panicCounter{}
		g.p.Log = slog.New(panics)
		f := newFuzzer(t, g, seed)
		var operations []string
		for path, methods := range g.contract.paths {
			for method := range methods {
				if method != "parameters" {
					operations = append(operations, strings.ToUpper(method)+" "+path)
				}
			}
		}
		slices.Sort(operations)
		counts := map[string]map[int]int{}
		sent := 0
		for deadline := time.Now().Add(length); time.Now().Before(deadline); sent++ {
			// Each operation at least once, whatever the machine is busy with.
			for _, o := range operations {
				method, template, _ := strings.Cut(o, " ")
				r := f.request(method, template)
				w := httptest.NewRecorder()
				path := r.URL.Path
				g.p.Endpoints()[0].Handler.ServeHTTP(w, r)
				if err := g.contract.check(
					r.Method, fuzzedPath(template), w.Code, w.Header(), w.Body.Bytes(),
				); err != nil || w.Code == 500 {
					t.Fatalf("seed %d: %s %s\n%s\n%d %s\n%v", seed, r.Method, path, f.body, w.Code, w.Body, err)
				}
				if counts[o] == nil {
					counts[o] = map[int]int{}
				}
				counts[o][w.Code]++
			}
		}
		for _, o := range operations {
			t.Log(o, counts[o])
		}
		if n := panics.n.Load(); n > 0 {
			t.Errorf("%d panics, seed %d", n, seed)
		}
		// It got past the first check, or it has tried nothing.
		for o, want := range map[string]int{
			"POST /certificate-authorities/{caId}/enrollments":                         200,
			"POST /certificate-authorities/{caId}/certificates/{serialNumber}/actions": 200,
			"GET /certificate-authorities/{caId}/certificate-events":                   200,
		} {
			if sent > 50 && counts[o][want] == 0 {
				t.Errorf("%s never came to %d in %d: %v", o, want, sent, counts[o])
			}
		}
	})
}

// fuzzedPath is a path of the operation, for looking it up.
func fuzzedPath(template string) string {
	return "/cagw/v1" + strings.NewReplacer(
		"{caId}", "a~b", "{profileId}", "x", "{serialNumber}", "00", "{subjectDn}", "x",
	).Replace(template)
}
