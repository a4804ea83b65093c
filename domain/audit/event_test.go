package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
)

var oddTexts = []string{
	"", "plain text, 7 ~ of {it}", `quote " and \ backslash`, "<a href='x'>&</a>", "tab\tline\nnull\x00del\x7f",
	"Zürich 東京 \u2028\u2029 \U0001f511", "broken \xff utf-8 \xc3",
	"=formula", "'quoted'", "\b\f\x1f"}

type nested struct {
	Z, A any
	T    time.Time `json:"t"`
}

// Stored details are in the form of RFC 8785 whatever their Go type, and the hash covers the stored text.
func TestWhatIsHashed(t *testing.T) {
	all := Details{}
	for n, text := range oddTexts {
		all[string(rune('0'+n))], all[text] = text, n
	}
	for _, d := range []Details{
		nil, {}, all, {"z": "1", "a": []string{"x", "ü", "<"}, "ü<": map[string]any{"n": nil, "m": Details{"y": 2, "x": "1"}}, `"`: nil},
		{
			"none": []string(nil), "empty": []string{}, "true": true, "number": int64(-7), "float": 7.5, "list": []any{"x", 1, nil},
			"at": time.Unix(1, 5),
		},
		{
			"before": nested{Z: "<", A: nested{A: []any{1e21, 1e-7, 0.1}}}, "after": &nested{},
		}, {"plain": "x", "texts": []string{"a", `"`, `\`}, "n": int64(1<<53 - 1)},
		{"\U0001f511": 1, "\uFB33": 2, "long": []any{int64(math.MaxInt64), uint64(math.MaxUint64), -1 << 60, "99999999999999999999"}},
	} {
		for _, text := range oddTexts {
			e := Event{
				PartitionID: text, Sequence: 1 << 50, Time: time.Unix(1, 5999), Action: text, Result: Refused, ActorKind: text,
				ActorID: text, ActorName: text, IPAddress: text, RequestID: text,
				ObjectKind: text, ObjectID: text, ObjectName: text, Summary: text, CAID: text, Details: d}
			if err := e.prepare(); err != nil {
				t.Fatal(err)
			}
			canonical, err := jcs.Transform([]byte(e.DetailsText))
			if err != nil || string(canonical) != e.DetailsText {
				t.Errorf("%s is not the form of RFC 8785, %s (%v)", e.DetailsText, canonical, err)
			}
			// As a reader would write it who knows only the documentation.
			clean := strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
			members := map[string]any{
				"partitionId": clean, "sequence": 1 << 50, "time": "1970-01-01T00:00:01.000005Z", "action": clean, "result": "REFUSED",
				"actorKind": clean, "actorId": clean,
				"actorName": clean, "ipAddress": clean, "requestId": clean, "objectKind": clean, "objectId": clean, "objectName": clean,
				"summary": clean, "caId": clean,
				"details": json.RawMessage(e.DetailsText), "format": 2, "previousHash": "6265666f7265"}
			written, err := json.Marshal(members)
			if err != nil {
				t.Fatal(err)
			}
			if written, err = jcs.Transform(written); err != nil {
				t.Fatal(err)
			}
			if got := e.canonical([]byte("before")); string(got) != string(written) {
				t.Errorf("hashed is\n%s\nand not\n%s", got, written)
			}
			if should := sha256.Sum256(written); string(e.link([]byte("before"))) != string(should[:]) {
				t.Error("the hash is over something else")
			}
			// Read and hashed again.
			back := e
			back.Details = nil
			if err := back.AfterFind(nil); err != nil || hex.EncodeToString(back.link(nil)) != hex.EncodeToString(e.link(nil)) {
				t.Errorf("%s: another hash once it was read (%v)", e.DetailsText, err)
			}
		}
	}
	e := Event{Details: Details{"f": func() {}}}
	if e.prepare() == nil {
		t.Error("what is no JSON is written")
	}
	spoilt := Event{DetailsText: `{"a":`}
	if err := spoilt.AfterFind(nil); err != nil || !reflect.DeepEqual(spoilt.Details, Details{}) {
		t.Errorf("%v, %v", spoilt.Details, err)
	}
}

func TestLongNumbersAreTexts(t *testing.T) {
	text, err := Details{
		"n": int64(9007199254740993), "m": []any{map[string]any{"o": uint64(math.MaxUint64)}}, "fits": int64(9007199254740991),
	}.text()
	if want := `{"fits":9007199254740991,"m":[{"o":"18446744073709551615"}],"n":"9007199254740993"}`; err != nil || text != want {
		t.Errorf("%s, %v", text, err)
	}
}

func BenchmarkLink(b *testing.B) {
	e := Event{
		PartitionID: "0198c5b2-1111-7aaa-8bbb-0123456789ab", Sequence: 123456, Time: time.Now(), Action: "certificate.issue",
		Result: Success, ActorKind: "system", ActorName: "system", ObjectKind: "certificate",
		ObjectID: "0198c5b2-1111-7aaa-8bbb-0123456789ab", ObjectName: "419a0123456789abcdef0123456789ab",
		Summary: "issued certificate 419a0123456789abcdef0123456789ab to CN=bench.example.com",
		Details: Details{
			"ca": "bench-1", "profile": "privatessl-tls-server", "notAfter": "2027-01-01T00:00:00Z",
			"subjectAlternativeNames": []string{"bench.example.com"},
		}}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.prepare(); err != nil {
			b.Fatal(err)
		}
		e.link(make([]byte, 32))
	}
}
