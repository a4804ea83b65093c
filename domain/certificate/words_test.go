package certificate

import (
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{
			"cn=gate-17.quux.example,ou=r&d,o=quux-werke gmbh 5eed gate-17.quux.example www.quux.example",
			"example gate gmbh quux werke www .gate-17.quux.example .quux-werke .quux.example .r&d .www.quux.example",
		},
		{"cn=zoe quill zoe.quill@quux.example", "example quill quux zoe .quill@quux.example .quux.example .zoe.quill@quux.example"},
		{"cn=söhne 10.0.17.1 :// -", "söhne .0.17.1 .10.0.17.1 .17.1"},
		{"cn=" + strings.Repeat("ü", 100), strings.Repeat("ü", 32)},
		{"", ""},
	} {
		if got := Words(c.text, "5eed"); !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s: %q", c.text, got)
		}
	}
	if n := len(Words(strings.Repeat("a1.b2.c3.", 10_000), "")); n > mostWords {
		t.Errorf("%d words", n)
	}
}
