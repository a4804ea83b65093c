package server

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/protocols/cagw"
)

// TestGatewayAnswers: what the public clients stumble on in single members.
func TestGatewayAnswers(t *testing.T) {
	g := newGatewayAPI(t, "")
	enroll := func(status int, changes ...object) object {
		t.Helper()
		csr, _ := gatewayCSR(t, pkix.Name{CommonName: "answers.example"})
		body := object{"profileId": "privatessl-tls-server", "csr": csr, "requiredFormat": object{"format": "X509"}}
		for _, c := range changes {
			for name, value := range c {
				body[name] = value
			}
		}
		return g.call(status, "POST", g.base+"/enrollments", body)
	}
	details := func(name string, value any) object {
		return object{"optionalCertificateRequestDetails": object{name: value}}
	}
	// A start before the CA's own is cut.
	start := g.now().Add(-20 * time.Hour).UTC().Format("2006-01-02T15:04Z")
	c := parseBody(t, str(t, enroll(200, details("validityPeriod", start+"/P30D")), "enrollment.body"))
	if !c.NotBefore.Equal(*g.issuing.NotBefore) {
		t.Errorf("begins %s, the CA %s", c.NotBefore, g.issuing.NotBefore)
	}
	// Messages name the member, the one that the client wrote.
	for want, body := range map[string]object{
		"optionalCertificateRequestDetails.validityPeriod": details("validityPeriod", "2036-01-01T00:00Z/2035-01-01T00:00Z"),
		"optionalCertificateRequestDetails.subjectDn":      details("subjectDn", "CN="),
		"optionalCertificateRequestDetails.subjectDn ":     details("subjectDn", "/CN=a/b"),
		"optionalCertificateRequestDetails.subjectDn  ":    details("subjectDn", "CN=host.example/emailAddress=a@example.com"),
		"subjectVariables": {"subjectVariables": []object{{"type": "c", "value": "Canada"}}},
		"subjectAltNames[1]": {"subjectAltNames": []object{{"type": "dNSName", "value": "a.example"},
			{"type": "dNSName", "value": "not a name"}}},
		"profileId": {"profileId": "no-such"},
		"csr":       {"csr": "AAAA"},
	} {
		want = strings.TrimSpace(want)
		got := enroll(400, body)
		if message := str(t, got, "error.message"); !strings.HasPrefix(message, want+": ") || str(t, got, "error.target") != want {
			t.Errorf("%s: %v", want, got)
		}
	}
	if c := parseBody(t, str(t, enroll(200, details("subjectDn", `CN=host.example\2FemailAddress=a`)),
		"enrollment.body")); c.Subject.CommonName != "host.example/emailAddress=a" {
		t.Errorf("%s", c.Subject)
	}
	// PKCS12 with the subject and names of a CSR, and a key of the service's.
	csr, own := gatewayCSR(t, pkix.Name{CommonName: "p12.example", Organization: []string{"Acme"}}, "p12.example")
	got := g.call(200, "POST", g.base+"/enrollments", object{"profileId": g.m.CAGW.ProfileIDs[0], "csr": csr,
		"requiredFormat": object{
			"format": "PKCS12", "protection": object{"type": "PasswordProtection", "password": "long enough 1"},
		},
		"optionalCertificateRequestDetails": object{"useSANFromCSR": true, "validityPeriod": "P400D"}})
	file, err := base64.StdEncoding.DecodeString(str(t, got, "enrollment.body"))
	if err != nil {
		t.Fatal(err)
	}
	key, leaf, _, err := pkcs12.DecodeChain(file, "long enough 1")
	if err != nil || leaf.Subject.String() != "CN=p12.example,O=Acme" || len(leaf.DNSNames) != 1 || key == nil ||
		own.Public().(*ecdsa.PublicKey).Equal(leaf.PublicKey) {
		t.Fatalf("%v %v", err, leaf)
	}
	if leaf.NotAfter.Before(g.now().AddDate(0, 0, 399)) {
		t.Errorf("ends %s", leaf.NotAfter)
	}
	// The manifest's first profile also takes a CSR, and every type of name.
	enroll(200, object{"profileId": g.m.CAGW.ProfileIDs[0], "subjectAltNames": []object{{"type": "dNSName", "value": "a.example"},
		{
			"type": "iPAddress", "value": "10.0.0.1",
		}, {"type": "uniformResourceIdentifier", "value": "https://a.example/"}, {"type": "rfc822Name",
			"value": "a@example.com"}}})

	// Durations and algorithms as the clients parse them; three digits of a second, always; members in one order.
	for id, want := range map[string]string{"privatessl-tls-server": "26280h0m0s", "multiuse-p12-client": "26280h0m0s"} {
		if d := str(t, g.call(200, "GET", g.base+"/profiles/"+id, nil), "profile.properties.cert_lifetime"); d != want {
			t.Errorf("%s: %s", id, d)
		}
	}
	root := cagw.Base + "/" + g.m.Partition.ID + "~root-1"
	if d := str(t, g.call(200, "GET", root+"/profiles/basic-ca-subord", nil), "profile.properties.cert_lifetime"); d != "87600h0m0s" {
		t.Errorf("ten years: %s", d)
	}
	first := g.send("GET", g.base+"/profiles", nil).Body.String()
	for range 20 {
		if again := g.send("GET", g.base+"/profiles", nil).Body.String(); again != first {
			t.Fatal("the order of members changes")
		}
	}
	serial := str(t, g.issue("kept.example"), "serialNumber")
	one := g.base + "/certificates/" + serial
	instant := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	shown := g.call(200, "GET", one, nil)
	if from, to, _ := strings.Cut(
		str(t, shown, "certificate.validityPeriod"), "/",
	); !instant.MatchString(from) || !instant.MatchString(to) ||
		str(t, shown, "certificate.subjectPublicKeyInfo.publicKeyAlg") != "EC" {
		t.Errorf("%v", shown)
	}

	// Comment and compromise date are kept and shown, here, in the audit log and in GraphQL.
	at := g.now().Add(-time.Second).UTC().Format("2006-01-02T15:04:05.00Z")
	held := g.call(200, "POST", one+"/actions", object{"action": object{"type": "HoldAction", "comment": "lost, perhaps"}})
	if str(t, held, "action.comment") != "lost, perhaps" || str(t, g.call(200, "GET", one, nil),
		"certificate.revocationInfo.comment") != "lost, perhaps" {
		t.Errorf("%v", held)
	}
	ahead.Add(int64(10 * time.Second))
	t.Cleanup(func() { ahead.Store(0) })
	revoked := g.call(200, "POST", one+"/actions", object{"action": object{"type": "RevokeAction", "reason": "keyCompromise",
		"comment": "stolen", "compromiseDate": at}})
	info := g.call(200, "GET", one, nil)
	want, err := time.Parse("2006-01-02T15:04:05.00Z", at)
	if err != nil {
		t.Fatal(err)
	}
	if date := want.Format("2006-01-02T15:04:05.000Z"); str(t, revoked, "action.compromiseDate") != date ||
		str(t, info, "certificate.revocationInfo.compromiseDate") != date || str(
		t, info, "certificate.revocationInfo.comment",
	) != "stolen" {
		t.Errorf("%v %v", revoked, info)
	}
	var details2 []string
	if err := g.store.DB(g.system).Raw("SELECT details FROM audit_events WHERE action = 'certificate.revoke' AND object_name = ?", serial).
		Scan(&details2).Error; err != nil || len(details2) != 1 || !strings.Contains(details2[0], `"comment":"stolen"`) {
		t.Errorf("%v %v", details2, err)
	}
	for name, bad := range map[string]object{"action.compromiseDate": {"type": "RevokeAction", "compromiseDate": "yesterday"},
		"action.comment": {"type": "RevokeAction", "comment": strings.Repeat("a", 501)}} {
		if got := g.call(400, "POST", one+"/actions", object{"action": bad}); str(t, got, "error.target") != name {
			t.Errorf("%v", got)
		}
	}
	if got := g.call(400, "POST", g.base+"/certificates/"+str(t, g.issue("young.example"), "serialNumber")+"/actions",
		object{"action": object{"type": "RevokeAction",
			"compromiseDate": "2000-01-01T00:00:00Z"}}); str(t, got, "error.target") != "action.compromiseDate" {
		t.Errorf("%v", got)
	}
	// A disabled CA is there again later.
	if _, err := g.cas.Disable(g.system, g.issuing.ID); err != nil {
		t.Fatal(err)
	}
	csr, _ = gatewayCSR(t, pkix.Name{CommonName: "later.example"})
	w := g.send("POST", g.base+"/enrollments", object{"profileId": "privatessl-tls-server", "csr": csr,
		"requiredFormat": object{"format": "X509"}})
	if w.Code != 503 || w.Header().Get("Retry-After") != "60" || !strings.Contains(w.Body.String(), "cagw-5030") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	g.call(200, "POST", g.base+"/certificates/"+str(t, shown, "certificate.serialNumber")+"/actions",
		object{"action": object{"type": "RevokeAction"}})
}

// TestTheGatewaysListenerAnswersInItsShape: also where no resource is asked for and where the request cannot be read.
func TestTheGatewaysListenerAnswersInItsShape(t *testing.T) {
	a, m := inProcess(t)
	s := newSPIRE(t, a, m)
	config := s.http.Transport.(*http.Transport).TLSClientConfig
	check := func(what string, r *http.Response, status int) {
		t.Helper()
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Type  string
			Error struct{ Code, Message string }
		}
		if err := json.Unmarshal(text, &got); err != nil || r.StatusCode != status || got.Type != "ErrorResponse" || got.Error.Code == "" ||
			got.Error.Message == "" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s %s %s %v", what, r.Proto, r.Status, text, err)
		}
	}
	address := a.listeners["mtls"].Addr().String()
	raw := func(text string) *http.Response {
		t.Helper()
		only := config.Clone()
		only.NextProtos, only.InsecureSkipVerify = []string{"http/1.1"}, true // by its address
		c, err := tls.Dial("tcp", address, only)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() }) // it has served
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	list := "/cagw/v1/certificate-authorities"
	check("no Host", raw("GET "+list+" HTTP/1.1\r\n\r\n"), 400)
	check("a path that is no path", raw("GET "+list+"/%zz HTTP/1.1\r\nHost: x\r\n\r\n"), 400)
	check("no HTTP at all", raw("hello\r\n\r\n"), 400)
	check("a header too many", raw("GET "+list+" HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 100<<10)+"\r\n\r\n"), 431)
	check("headers without end", raw("GET "+list+" HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 300<<10)+"\r\n\r\n"), 431)
	check("nothing of the gateway's", raw("GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 404)
	check("a path with two slashes", raw("GET //cagw/v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 404)
	if r := raw("GET " + list + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); r.StatusCode != 200 {
		t.Errorf("HTTP/1.1 with the certificate: %s", r.Status)
	}
	for _, two := range []bool{true, false} {
		transport := &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: two}
		c := &http.Client{Transport: transport}
		ask := func(method, path, media, body string, header ...string) *http.Response {
			t.Helper()
			q, err := http.NewRequestWithContext(t.Context(), method, a.cfg.MTLSURL+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			q.Header.Set("Content-Type", media)
			for n := 0; n+1 < len(header); n += 2 {
				q.Header.Set(header[n], header[n+1])
			}
			r, err := c.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 2, false: 1}[two]; r.ProtoMajor != want {
				t.Errorf("%s is not HTTP/%d", r.Proto, want)
			}
			return r
		}
		enroll := list + "/" + m.CAGW.CAID + "/enrollments"
		check("the root", ask("GET", "/", "", ""), 404)
		check("a method of the reference", ask("POST", "/cagw/swagger-ui/", "", ""), 405)
		check("a method", ask("DELETE", list, "", ""), 405)
		check("a body too large", ask("POST", enroll, "application/json", strings.Repeat(" ", 600<<10)), 413)
		check("a body of another type", ask("POST", enroll, "text/plain", "{}"), 415)
		check("headers too long", ask("GET", list, "", "", "X", strings.Repeat("a", 100<<10)), 431)
		check("what is not supported", ask("GET", list+"/"+m.CAGW.CAID+"/properties", "", ""), 501)
		transport.CloseIdleConnections()
	}
	// Without a certificate: the same shape. And plain HTTP is told so.
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: config.RootCAs}}}
	r, err := c.Get(a.cfg.MTLSURL + "/other")
	if err != nil {
		t.Fatal(err)
	}
	check("without a certificate", r, 401)
	if r, err = http.Get("http://" + address + list); err != nil {
		t.Fatal(err)
	}
	check("plain HTTP", r, 400)
	// What a client asked for and there is not is no error of the server.
	var log bytes.Buffer
	watched := &App{log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})), proxies: a.proxies,
		visitors: a.visitors, metrics: a.metrics}
	for status, logged := range map[int]bool{http.StatusNotImplemented: false, http.StatusInternalServerError: true} {
		log.Reset()
		watched.observe(protocols.MutualTLS, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		if (log.Len() > 0) != logged {
			t.Errorf("%d: %s", status, log.String())
		}
	}
}
