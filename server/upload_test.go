package server

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// TestUploads: a file is named by its id in a mutation, by who sent it and for what it was sent, and not for long.
func TestUploads(t *testing.T) {
	s := newApprovals(t)
	p := s.m.Partition.ID
	leaf := certificateOf(t, s)
	receive := func(by *rbac.Actor, kind bulk.Kind, content string) string {
		t.Helper()
		u, err := s.bulk.Receive(rbac.WithActor(t.Context(), by), p, kind, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		return u.ID
	}
	carol, dave := rbac.ActorFrom(s.carol), rbac.ActorFrom(s.dave)
	prepare := func(by *rbac.Actor, id string) answer {
		t.Helper()
		return s.ask(
			t,
			by,
			`mutation($p: ID!, $u: ID!) { prepareBulkRevocation(input: {partitionId: $p, selection: {uploadId: $u}}) { operation { id total
				pending input } } }`,
			map[string]any{"p": p, "u": id},
		)
	}
	id := receive(carol, bulk.Revoke, leaf+"\n00ff\n")
	if got := prepare(dave, id); got.code() != "INVALID" {
		t.Errorf("the file of somebody else: %v", got)
	}
	if got := prepare(carol, receive(carol, bulk.Issue, leaf)); got.code() != "INVALID" {
		t.Errorf("a file for something else: %v", got)
	}
	got := prepare(carol, id)
	if got.code() != "" {
		t.Fatal(got.Errors)
	}
	if o := got.Data["prepareBulkRevocation"].(map[string]any)["operation"].(map[string]any); o["total"] != 2.0 || o["pending"] != 1.0 ||
		o["input"] != "SERIALS" {
		t.Errorf("%v", o)
	}
	if got := prepare(carol, id); got.code() != "INVALID" {
		t.Errorf("a file that was used: %v", got)
	}
	first := receive(carol, bulk.Revoke, leaf)
	for range 5 {
		id = receive(carol, bulk.Revoke, leaf)
	}
	if got := prepare(carol, first); got.code() != "INVALID" {
		t.Errorf("the sixth file is kept: %v", got)
	}
	ahead.Store(int64(16 * time.Minute))
	if got := prepare(carol, id); got.code() != "INVALID" {
		t.Errorf("after 16 minutes: %v", got)
	}
	ahead.Store(0)
	// Nothing is read of what may not be sent.
	if _, err := s.bulk.Receive(s.carol, "sub0000000000", bulk.Revoke, unreadable{t}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a foreign partition: %v", err)
	}
	auditor := colleague(t, s.App, s.m, "reader", rbac.CAAuditors)
	if _, err := s.bulk.Receive(auditor, p, bulk.Revoke, unreadable{t}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("without the permission: %v", err)
	}
	if _, err := s.bulk.Receive(s.carol, p, bulk.Revoke, strings.NewReader(strings.Repeat("0", bulk.MaxText+1))); !fault.Is(
		err,
		fault.Invalid,
	) {
		t.Errorf("a file that is too large: %v", err)
	}
}

// unreadable fails a test that reads it.
type unreadable struct{ *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.Error("the body is read")
	return 0, io.EOF
}

// TestUploadEndpoint: authenticated as /graphql is, and bounded.
func TestUploadEndpoint(t *testing.T) {
	a, m := inProcess(t)
	upload := func(method, query, token, kind string, body io.Reader) (int, string) {
		t.Helper()
		header := []string{"Content-Type", kind}
		if token != "" {
			header = append(header, "Authorization", "Bearer "+token)
		}
		response, text := send(t, clientAt("127.0.0.1"), method, a.cfg.BaseURL+"/upload?"+query, body, header...)
		return response.StatusCode, string(text)
	}
	token := m.GraphQL.Token
	good := "kind=REVOKE&partition=" + m.Partition.ID
	const bytes = "application/octet-stream"
	status, text := upload("POST", good, token, bytes, strings.NewReader("00ff"))
	var kept struct {
		ID        string
		Bytes     int
		ExpiresAt time.Time
	}
	if err := json.Unmarshal([]byte(text), &kept); err != nil || status != 201 || kept.ID == "" || kept.Bytes != 4 ||
		kept.ExpiresAt.IsZero() {
		t.Errorf("%d %s", status, text)
	}
	for what, c := range map[string]struct {
		method, query, token, kind string
		body                       io.Reader
		status                     int
	}{
		"nobody":             {"POST", good, "", bytes, strings.NewReader("x"), 401},
		"a made-up token":    {"POST", good, "pka_nonsense", bytes, strings.NewReader("x"), 401},
		"GET":                {"GET", good, token, bytes, nil, 400},
		"a form":             {"POST", good, token, "multipart/form-data; boundary=x", strings.NewReader("x"), 400},
		"for nothing":        {"POST", "kind=NONE&partition=" + m.Partition.ID, token, bytes, strings.NewReader("x"), 400},
		"a foreign place":    {"POST", "kind=ISSUE&partition=sub0000000000", token, bytes, strings.NewReader("x"), 404},
		"nothing":            {"POST", good, token, bytes, strings.NewReader(""), 400},
		"too large, said":    {"POST", good, token, bytes, strings.NewReader(strings.Repeat("0", bulk.MaxText+1)), 400},
		"too large, chunked": {"POST", good, token, bytes, io.MultiReader(strings.NewReader(strings.Repeat("0", bulk.MaxText+1))), 400},
	} {
		if status, text := upload(c.method, c.query, c.token, c.kind, c.body); status != c.status || !strings.Contains(text, `"errors"`) {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
}
