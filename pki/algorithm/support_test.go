package algorithm

import (
	"slices"
	"strings"
	"testing"
)

func TestSupport(t *testing.T) {
	want := []string{"Browsers", "Windows", "Apple", "Android", "Java", "OpenSSL", "Go", "Bouncy Castle"}
	for _, a := range All() {
		var names, lacking []string
		for _, v := range a.Verifiers() {
			names = append(names, v.Client)
			if v.Since == nil {
				lacking = append(lacking, v.Client)
			} else if *v.Since == "" {
				t.Errorf("%s: %s since nothing", a.Label, v.Client)
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %q", a.Label, names)
		}
		if a.Standard() == "" || a.Advice() == "" {
			t.Errorf("%s: standard %q, advice %q", a.Label, a.Standard(), a.Advice())
		}
		warning := a.Warning()
		if (warning == nil) != (lacking == nil) {
			t.Errorf("%s: warning %v, though %q lack it", a.Label, warning, lacking)
		}
		if warning != nil {
			who, _, _ := strings.Cut(*warning, " cannot ")
			if named := strings.Split(strings.ReplaceAll(who, " and ", ", "), ", "); !slices.Equal(named, lacking) {
				t.Errorf("%s: the warning names %q, not %q", a.Label, named, lacking)
			}
		}
		if a.PostQuantum && !slices.Contains(lacking, "Browsers") {
			t.Errorf("%s: no warning of browsers", a.Label)
		}
	}
}

func TestSupportOfCompatibleAlgorithms(t *testing.T) {
	for _, label := range []string{
		"RSA-2048+PKCS15-SHA256", "RSA-3072+PKCS15-SHA256", "RSA-4096+PKCS15-SHA512", "ECDSAP256+SHA256", "ECDSAP384+SHA384", instead,
	} {
		a, err := ForLabel(label)
		if err != nil {
			t.Fatal(err)
		}
		if w := a.Warning(); w != nil {
			t.Errorf("%s: %s", label, *w)
		}
	}
}

func TestSupportAdviceWithinFamilies(t *testing.T) {
	for label, says := range map[string]string{
		"Hash-SLH-DSA-SHA2-128s-With-SHA256": "signs slowly", "Hash-SLH-DSA-SHAKE-256f-With-SHAKE256": "signs fast",
		"SPHINCS+-SHA2-192s-simple": "signs slowly", "SPHINCS+-SHA2-192f-simple": "superseded",
		"RSA-2048+PKCS15-SHA256": "only for compatibility", "RSA-3072+PSS-SHA256": "PSS", "Falcon-512": "provisional",
		"MLDSA44-ECDSA-P256": "either half",
	} {
		a, err := ForLabel(label)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(a.Advice(), says) {
			t.Errorf("%s: %q does not say %q", label, a.Advice(), says)
		}
	}
}
