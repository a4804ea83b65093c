package va

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/pkiaas/pkiaas/protocols/acme/va/vatest"
)

const challengePath = "/.well-known/acme-challenge/" + token

func TestHTTP01(t *testing.T) {
	d := vatest.NewDNS(t)
	l := listen(t, "127.0.0.1:0")
	own := port(l)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" {
			t.Errorf("a Referer is told: %s", r.Header.Get("Referer"))
		}
		_, _ = w.Write([]byte(keyAuthorization))
	}))
	_ = secure.Listener.Close()
	secure.Listener = listen(t, "127.0.0.1:0")
	secure.StartTLS() // a certificate that nobody trusts, of another name
	t.Cleanup(secure.Close)
	tlsPort := port(secure.Listener)
	// What must not be reached stands at the same ports of the forbidden address, and at a port beside.
	inside := serve(
		t, listen(t, fmt.Sprintf("%s:%d", forbidden, own)),
		func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("a secret")) },
	)
	insideTLS := serve(t, listen(t, fmt.Sprintf("%s:%d", forbidden, tlsPort)), http.NotFound)
	beside := listen(t, "127.0.0.1:0")
	besideHits := serve(t, beside, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(keyAuthorization)) })
	d.Set(t, "secret.test", "A "+forbidden)
	d.Set(t, "mixed.test", "A "+forbidden, "A 127.0.0.1")
	d.Set(t, "other.test", "A 127.0.0.1")
	a := open(t, Config{Resolvers: []string{d.Address}, HTTPPort: own, TLSPort: tlsPort})

	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}
	}
	body := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status); _, _ = w.Write([]byte(text)) }
	}
	hosts := map[string]http.HandlerFunc{}
	serve(t, l, func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if h := hosts[host]; h != nil {
			h(w, r)
			return
		}
		http.NotFound(w, r)
	})
	hosts["other.test"] = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/answer" {
			body(200, keyAuthorization)(w, r)
		} else {
			body(200, "what only this server can read")(w, r)
		}
	}
	long := strings.Repeat("x", 400)
	for i, c := range []struct {
		name  string
		serve http.HandlerFunc
		kind  string
		words []string
	}{
		{"right", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != challengePath || r.Method != "GET" {
				t.Errorf("asked for %s %s", r.Method, r.URL)
			}
			if strings.Contains(r.Host, ":") {
				t.Errorf("Host: %s", r.Host)
			}
			body(200, keyAuthorization)(w, r)
		}, "", nil},
		{"white space after it", body(200, keyAuthorization+" \r\n\n"), "", nil},
		{"white space before it", body(200, " "+keyAuthorization), unauthorized, nil},
		{"wrong content", body(200, "<html>\x1b[31mno\n"), unauthorized, []string{`"<html>\x1b[31mno\n"`, keyAuthorization}},
		{"the key of another account", body(200, token+".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), unauthorized, nil},
		{"empty", body(200, ""), unauthorized, []string{`""`}},
		{"only the beginning", body(200, keyAuthorization[:50]), unauthorized, nil},
		{"not found", body(404, long), incorrectResponse, []string{"404", strings.Repeat("x", 300) + `"…`}},
		{"right, but with 500", body(500, keyAuthorization), incorrectResponse, []string{"500"}},
		{"huge", body(200, keyAuthorization+strings.Repeat(" ", 1<<20)), incorrectResponse, []string{"more than 4096 octets"}},
		{"endless", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(long)); err != nil {
					return
				}
			}
		}, incorrectResponse, []string{"more than 4096 octets"}},
		{"huge header", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 100<<10))
			body(200, keyAuthorization)(w, r)
		}, connection, []string{"header"}},
		{"cut off", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(keyAuthorization))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, connection, []string{"closed early"}},
		{"compressed", func(w http.ResponseWriter, r *http.Request) {
			if e := r.Header.Get("Accept-Encoding"); e != "" {
				t.Errorf("asked for compression: %s", e)
			}
			w.Header().Set("Content-Encoding", "gzip")
			body(200, "\x1f\x8b")(w, r)
		}, unauthorized, nil},
		{"redirect to another path and host", redirect("http://other.test/answer"), "", nil},
		{"redirect with the scheme's port", redirect("http://other.test:80/answer"), "", nil},
		{"redirect with the configured port", redirect(fmt.Sprintf("http://other.test:%d/answer", own)), "", nil},
		{"redirect to https", redirect("https://other.test" + challengePath), "", nil},
		{"redirect to https, its port", redirect("https://other.test:443/"), "", nil},
		{"redirect to https by address", redirect("https://127.0.0.1/"), "", nil},
		{"redirect to content", redirect("http://other.test/secret"), unauthorized, []string{"30 octets, not shown"}},
		{"redirect to another port", redirect(fmt.Sprintf("http://other.test:%d/", port(beside))), connection, []string{"only ports"}},
		{
			"redirect to http at the port of https", redirect(fmt.Sprintf("http://other.test:%d/", tlsPort)), connection,
			[]string{"only ports"},
		},
		{"redirect to https at the port of http", redirect(fmt.Sprintf("https://other.test:%d/", own)), connection, []string{"only ports"}},
		{"redirect to port 22", redirect("http://other.test:22/"), connection, []string{"only ports"}},
		{"redirect to ftp", redirect("ftp://other.test/"), connection, []string{"scheme", "ftp"}},
		{"redirect to a file", redirect("file:///etc/passwd"), connection, []string{"scheme", "file"}},
		{"redirect to gopher", redirect("gopher://other.test:80/_x"), connection, []string{"scheme"}},
		{"redirect with a user", redirect("http://user:secret@other.test/answer"), connection, []string{"user name"}},
		{"redirect to a long URL", redirect("http://other.test/" + strings.Repeat("y", 3000)), connection, nil},
		{"redirect to nowhere", redirect(""), incorrectResponse, []string{"302"}},
		{"redirect to no URL", redirect("http://[::1"), connection, nil},
		{"redirect to a forbidden address", redirect("http://" + forbidden + "/"), connection, []string{forbidden, "denies"}},
		{"redirect to it over https", redirect("https://" + forbidden + "/"), connection, []string{forbidden, "denies"}},
		{"redirect to it, mapped", redirect("http://[::ffff:127.66.0.1]/"), connection, []string{"denies"}},
		{"redirect to it by name", redirect("http://secret.test/"), connection, []string{"secret.test", forbidden, "denies"}},
		{"redirect to a name that has it too", redirect("http://mixed.test" + challengePath), incorrectResponse, []string{"404"}},
		{"redirect to the metadata", redirect("http://169.254.169.254/latest/meta-data/"), connection, []string{"169.254.169.254"}},
		{"redirect to the metadata, IPv6", redirect("http://[fd00:ec2::254]/latest/meta-data/"), connection, []string{"metadata"}},
		{"redirect to a number", redirect("http://2130706433/"), dnsProblem, nil},
		{"redirect to nothing", redirect("http://missing.test/"), dnsProblem, []string{"NXDOMAIN"}},
		{"redirect to itself", redirect(challengePath), connection, []string{"more than 10 redirects"}},
	} {
		host := fmt.Sprintf("host%d.test", i)
		hosts[host] = c.serve
		d.Set(t, host, "A 127.0.0.1")
		t.Run(c.name, func(t *testing.T) {
			rec, p := a.Validate(t.Context(), challenge(HTTP01, DNS, host))
			wants(t, p, c.kind, c.words...)
			if p != nil && strings.Contains(p.Detail, "what only this server can read") {
				t.Errorf("shown: %s", p.Detail)
			}
			if len(rec.Lookups) == 0 || len(rec.Connections) == 0 || rec.Took <= 0 || rec.At.IsZero() || rec.Identifier.Value != host {
				t.Errorf("%+v", rec)
			}
			if strings.HasPrefix(c.name, "redirect") != (len(rec.Redirects) > 0) && c.name != "redirect to nowhere" &&
				c.name != "redirect to no URL" {
				t.Errorf("redirects %v", rec.Redirects)
			}
			if c.name == "redirect to itself" && len(rec.Connections) != 11 {
				t.Errorf("%d connections, 1 and 10 redirects were expected", len(rec.Connections))
			}
		})
	}
	if n := inside.Load() + insideTLS.Load(); n != 0 {
		t.Errorf("%d connections to what is forbidden", n)
	}
	if n := besideHits.Load(); n != 0 {
		t.Errorf("%d connections to another port", n)
	}

	t.Run("refused", func(t *testing.T) {
		closed := listen(t, "127.0.0.1:0")
		_ = closed.Close()
		a := open(t, Config{Resolvers: []string{d.Address}, HTTPPort: port(closed)})
		_, p := a.Validate(t.Context(), challenge(HTTP01, DNS, "other.test"))
		wants(t, p, connection, fmt.Sprintf("127.0.0.1:%d", port(closed)), "refused")
	})
	t.Run("not HTTP", func(t *testing.T) {
		l := listen(t, "127.0.0.1:0")
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = bufio.NewReader(c).ReadString('\n')
				_, _ = c.Write([]byte("SSH-2.0-\x1b[31m\r\n\r\n"))
				_ = c.Close()
			}
		}()
		a := open(t, Config{Resolvers: []string{d.Address}, HTTPPort: port(l)})
		_, p := a.Validate(t.Context(), challenge(HTTP01, DNS, "other.test"))
		wants(t, p, connection, "malformed HTTP")
	})
	t.Run("https without TLS", func(t *testing.T) {
		plain := listen(t, "127.0.0.1:0")
		serve(t, plain, body(200, keyAuthorization))
		hosts["plain.test"] = redirect("https://other.test/")
		d.Set(t, "plain.test", "A 127.0.0.1")
		a := open(t, Config{Resolvers: []string{d.Address}, HTTPPort: own, TLSPort: port(plain)})
		_, p := a.Validate(t.Context(), challenge(HTTP01, DNS, "plain.test"))
		if p == nil || p.Type != tlsProblem && p.Type != connection {
			t.Errorf("%v", p)
		}
	})
}

// TestSlowLoris: whoever sends drop by drop is cut off when the time is over, wherever he is slow.
func TestSlowLoris(t *testing.T) {
	for name, begin := range map[string]string{
		"accepting": "", "header": "HTTP/1.1 200 OK\r\nX: ", "body": "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n",
		"redirect": "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 2000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, "127.0.0.1:0")
			done := make(chan struct{})
			t.Cleanup(func() { close(done) })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer c.Close()
						_, _ = http.ReadRequest(bufio.NewReader(c))
						_, _ = c.Write([]byte(begin))
						drop := time.NewTicker(20 * time.Millisecond)
						defer drop.Stop()
						for {
							select {
							case <-done:
								return
							case <-drop.C:
							}
							if begin != "" {
								if _, err := c.Write([]byte("x")); err != nil {
									return
								}
							}
						}
					}()
				}
			}()
			a := open(t, Config{HTTPPort: port(l), Timeout: 500 * time.Millisecond})
			_, p := a.Validate(t.Context(), challenge(HTTP01, IP, "127.0.0.1"))
			wants(t, p, connection, "timed out")
		})
	}
}

// TestRebinding: the name's address changes between the first lookup and that of the redirect, to one inside.
func TestRebinding(t *testing.T) {
	d := vatest.NewDNS(t)
	l := listen(t, "127.0.0.1:0")
	outside := serve(t, l, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://rebind.test/inside", http.StatusFound)
	})
	inside := serve(
		t, listen(t, fmt.Sprintf("%s:%d", forbidden, port(l))),
		func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(keyAuthorization)) },
	)
	var lookups atomic.Int64
	d.Answer(func(q *dns.Msg, _ string) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			address := forbidden
			if lookups.Add(1) == 1 {
				address = "127.0.0.1"
			}
			m.Answer = []dns.RR{
				&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP(address)},
			}
		}
		return m
	})
	a := open(t, Config{Resolvers: []string{d.Address}, HTTPPort: port(l)})
	rec, p := a.Validate(t.Context(), challenge(HTTP01, DNS, "rebind.test"))
	wants(t, p, connection, forbidden, "denies")
	if outside.Load() != 1 || inside.Load() != 0 || lookups.Load() != 2 {
		t.Errorf("%d connections outside, %d inside, %d lookups", outside.Load(), inside.Load(), lookups.Load())
	}
	if len(rec.Connections) != 2 || rec.Connections[1].Error == "" {
		t.Errorf("%+v", rec.Connections)
	}
}

// TestIPv6First: IPv6 is tried first, IPv4 when no connection comes about.
func TestIPv6First(t *testing.T) {
	six := listen(t, "[::1]:0")
	four := listen(t, fmt.Sprintf("127.0.0.1:%d", port(six)))
	answer := func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(keyAuthorization)) }
	sixHits, fourHits := serve(t, six, answer), serve(t, four, answer)
	d := vatest.NewDNS(t)
	d.Set(t, "both.test", "A 127.0.0.1", "AAAA ::1")
	a := open(t, Config{Resolvers: []string{d.Address}, HTTPPort: port(six)})
	_, p := a.Validate(t.Context(), challenge(HTTP01, DNS, "both.test"))
	wants(t, p, "")
	if sixHits.Load() != 1 || fourHits.Load() != 0 {
		t.Errorf("IPv6 %d, IPv4 %d", sixHits.Load(), fourHits.Load())
	}
	_ = six.Close()
	rec, p := a.Validate(t.Context(), challenge(HTTP01, DNS, "both.test"))
	wants(t, p, "")
	if fourHits.Load() != 1 || len(rec.Connections) != 2 || rec.Connections[0].Error == "" {
		t.Errorf("%+v", rec.Connections)
	}
	// A name with many addresses is not a way to scan.
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprintf("A 127.66.0.%d", i), fmt.Sprintf("AAAA ::ffff:127.66.1.%d", i))
	}
	d.Set(t, "many.test", many...)
	rec, p = a.Validate(t.Context(), challenge(HTTP01, DNS, "many.test"))
	wants(t, p, connection)
	if len(rec.Connections) > 4 {
		t.Errorf("%d addresses were tried", len(rec.Connections))
	}
}

func TestIPIdentifiers(t *testing.T) {
	four := listen(t, "127.0.0.1:0")
	six := listen(t, fmt.Sprintf("[::1]:%d", port(four)))
	answer := func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(keyAuthorization + " " + r.Host)) }
	serve(t, four, answer)
	serve(t, six, answer)
	a := open(t, Config{HTTPPort: port(four)})
	for ip, host := range map[string]string{"127.0.0.1": "127.0.0.1", "::1": "[::1]"} {
		rec, p := a.Validate(t.Context(), challenge(HTTP01, IP, ip))
		wants(t, p, unauthorized, fmt.Sprintf(`"%s %s"`, keyAuthorization, host))
		if len(rec.Lookups) != 0 || len(rec.Connections) != 1 {
			t.Errorf("%+v", rec)
		}
	}
	_, p := a.Validate(t.Context(), challenge(HTTP01, IP, forbidden))
	wants(t, p, connection, "denies")
}
