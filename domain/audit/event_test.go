package audit

import (
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"
)

// Hashes are over what json.Marshal writes: an event that is written differently is one that nobody can verify.
func TestWhatIsHashed(t *testing.T) {
	odd := []string{"", "plain text, 7 ~ of {it}", `quote " and \ backslash`, "<a href='x'>&</a>", "tab\tline\nnull\x00del\x7f", "Zürich 東京 \u2028\u2029 \U0001f511", "broken \xff utf-8 \xc3"}
	for _, d := range []Details{
		nil, {}, {"z": "1", "a": []string{"x", "ü", "<"}, "ü<": map[string]any{"n": nil, "m": Details{"y": 2, "x": "1"}}, `"`: nil},
		{"none": []string(nil), "empty": []string{}, "true": true, "number": int64(-7), "float": 7.5, "list": []any{"x", 1, nil}, "at": time.Unix(1, 5)},
		{"0": odd[0], "1": odd[1], "2": odd[2], "3": odd[3], "4": odd[4], "5": odd[5], "6": odd[6]},
	} {
		for _, text := range odd {
			want, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			column, err := d.Value()
			if err != nil || column != string(want) {
				t.Errorf("%v is written as %s, not %s (%v)", d, column, want, err)
			}
			var back Details
			if err := back.Scan(column); err != nil {
				t.Error(err)
			}
			if again, err := back.Value(); err != nil || again != column {
				t.Errorf("%s comes back as %s (%v)", column, again, err)
			}
			e := Event{PartitionID: text, Sequence: 1 << 60, Time: time.Unix(1, 5000), Action: text, Result: Refused, ActorKind: text, ActorID: text, ActorName: text, IPAddress: text, RequestID: text,
				ObjectKind: text, ObjectID: text, ObjectName: text, Summary: text, Details: d}
			whole, err := json.Marshal([]any{text, e.Sequence, "1970-01-01T00:00:01.000005Z", text, "REFUSED", text, text, text, text, text, text, text, text, text, string(want)})
			if err != nil {
				t.Fatal(err)
			}
			hash, err := e.link([]byte("before"))
			if should := sha256.Sum256(append([]byte("before"), whole...)); err != nil || string(hash) != string(should[:]) {
				t.Errorf("%s: the hash is over something else (%v)", whole, err)
			}
		}
	}
	if _, err := (Details{"f": func() {}}).Value(); err == nil {
		t.Error("what is no JSON is written")
	}
}

func BenchmarkLink(b *testing.B) {
	e := Event{PartitionID: "0198c5b2-1111-7aaa-8bbb-0123456789ab", Sequence: 123456, Time: time.Now(), Action: "certificate.issue", Result: Success, ActorKind: "system", ActorName: "system", ObjectKind: "certificate",
		ObjectID: "0198c5b2-1111-7aaa-8bbb-0123456789ab", ObjectName: "419a0123456789abcdef0123456789ab", Summary: "issued certificate 419a0123456789abcdef0123456789ab to CN=bench.example.com",
		Details: Details{"ca": "bench-1", "profile": "privatessl-tls-server", "notAfter": "2027-01-01T00:00:00Z", "subjectAlternativeNames": []string{"bench.example.com"}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.link(make([]byte, 32)); err != nil {
			b.Fatal(err)
		}
	}
}
