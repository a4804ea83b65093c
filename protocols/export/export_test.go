package export

import (
	"encoding/csv"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestCellsAreHarmlessAndWhole(t *testing.T) {
	values := []string{
		`=HYPERLINK("http://evil/","x")`, "+1", "-1", "@SUM(A1)", "\tx", "\r=1", "plain", `quote " and, comma`, "Zoë\nsecond line", "",
	}
	for _, format := range []string{"csv", "jsonl"} {
		w := httptest.NewRecorder()
		o := &writer{w: w, r: httptest.NewRequest("GET", "/", nil), format: format, name: `x"` + "\r\n", columns: []string{"value", "at"}}
		for _, v := range values {
			if err := o.row(v, (*time.Time)(nil)); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.finish(); err != nil {
			t.Fatal(err)
		}
		if d := w.Header().Get("Content-Disposition"); strings.ContainsAny(d, "\r\n") || !strings.Contains(d, `filename="x-`) {
			t.Errorf("%q", d)
		}
		if format == "jsonl" {
			lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
			if len(lines) != len(values) || !strings.Contains(lines[8], `"Zoë\nsecond line"`) ||
				!strings.HasSuffix(lines[0], `"at":null}`) {
				t.Errorf("%q", lines)
			}
			continue
		}
		rows, err := csv.NewReader(w.Body).ReadAll()
		if err != nil || len(rows) != len(values)+1 {
			t.Fatal(rows, err)
		}
		for n, v := range values {
			got := rows[n+1][0]
			if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
				if !strings.HasPrefix(got, "'") {
					t.Errorf("%q stays a formula: %q", v, got)
				}
			} else if got != v {
				t.Errorf("%q became %q", v, got)
			}
		}
	}
}
