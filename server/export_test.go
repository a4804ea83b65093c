package server

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestExport fetches every list as the demo's token, as nobody, as another partition's and with a cookie but no sign of
// our own page.
func TestExport(t *testing.T) {
	a, m := inProcess(t)
	handlers, err := a.handlers()
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, change func(*http.Request)) *http.Response {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+m.GraphQL.Token)
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		handlers["tls"].ServeHTTP(w, r)
		return w.Result()
	}
	body := func(r *http.Response) string {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	base := "/export/" + m.Partition.ID + "/"
	for list, column := range map[string]string{
		"certificates": "serialNumber", "cas": "identifier", "events": "sequence", "end-entities": "identifier",
	} {
		r := get(base+list, nil)
		rows, err := csv.NewReader(r.Body).ReadAll()
		if r.StatusCode != http.StatusOK || err != nil || len(rows) < 2 || rows[0][0] != column {
			t.Errorf("%s: %s %v, %d rows", list, r.Status, err, len(rows))
		}
		lines := strings.Split(strings.TrimSpace(body(get(base+list+"?format=jsonl", nil))), "\n")
		var object map[string]any
		if err := json.Unmarshal([]byte(lines[0]), &object); err != nil || object[column] == nil || len(lines) < len(rows)-1 {
			t.Errorf("%s: %v %v, %d lines for %d rows", list, err, object, len(lines), len(rows))
		}
	}
	if rows, err := csv.NewReader(
		strings.NewReader(body(get(base+"certificates?status=revoked&pem=true", nil))),
	).ReadAll(); err != nil || len(rows) < 2 || rows[1][3] != "REVOKED" || !strings.Contains(rows[1][17], "BEGIN CERTIFICATE") {
		t.Errorf("the revoked ones: %v %v", rows, err)
	}
	for what, r := range map[string]*http.Response{
		"401 nobody":              get(base+"certificates", func(r *http.Request) { r.Header.Del("Authorization") }),
		"404 another's partition": get("/export/sub0000000000/certificates", nil),
		"404 no such list":        get(base+"secrets", nil),
		"400 no such format":      get(base+"cas?format=xls", nil),
		"403 a page that is not us": get(base+"cas", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.AddCookie(&http.Cookie{Name: sessionCookie, Value: "x"})
		}),
		"404 no such operation": get(base+"bulk/none", nil),
	} {
		if want, _, _ := strings.Cut(what, " "); !strings.HasPrefix(r.Status, want) || strings.Contains(body(r), "BEGIN") {
			t.Errorf("%s: %s", what, r.Status)
		}
	}
}
