package intake

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/san"
)

func csrOf(t *testing.T, template x509.CertificateRequest) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// oddSubject has a character of JSON's own, one outside ASCII, and an attribute by its number.
const oddSubject = `CN=a\,b \"\<&\> ü,1.2.3.4=#0c0178,O=x+OU=y`

// TestWhatIsKeptAreExactFacts: what is read again is what was kept, to the octet, and asks for the same.
func TestWhatIsKeptAreExactFacts(t *testing.T) {
	at := time.Date(2027, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))
	csr := csrOf(t, x509.CertificateRequest{Subject: pkix.Name{CommonName: "a.example"}, DNSNames: []string{"a.example", "b.example"},
		ExtraExtensions: []pkix.Extension{{Id: []int{1, 2, 3}, Value: []byte{5, 0}}}})
	given := Text{CAID: "ca", ProfileID: "p", CSR: csr, EndEntity: "e", NotAfter: &at, Subject: new(oddSubject), SANsGiven: true,
		SANs: []AlternativeName{
			{san.DNSName, "c.example"},
			{san.DirectoryName, "CN=x"},
			{san.UPN, "a@b"},
		}, Extensions: []GivenExtension{{"1.2.4", true, []byte{5, 0}}}}
	for what, text := range map[string]Text{"as in the CSR": {CAID: "ca", ProfileID: "p", CSR: csr}, "given": given,
		"explicit": {CAID: "ca", CSR: csr, Explicit: true, SANsFromCSR: true, NotBefore: &at,
			SANs: []AlternativeName{{san.DNSName, "b.example"}}}} {
		r := text.Request()
		var err error
		if r.Facts, err = r.Read(); err != nil {
			t.Fatal(what, err)
		}
		kept, err := json.Marshal(Kept{Request: r})
		if err != nil {
			t.Fatal(err)
		}
		var read Kept
		if err := json.Unmarshal(kept, &read); err != nil {
			t.Fatal(what, err)
		}
		again, err := json.Marshal(read.Of(read.Request))
		if err != nil || !bytes.Equal(again, kept) {
			t.Errorf("%s: kept as\n%s, read and kept again as\n%s %v", what, kept, again, err)
		}
		if read.Request.Read != nil || read.Request.Proof != enrollment.PKCS10 {
			t.Errorf("%s: %+v", what, read.Request)
		}
		r.Read, r.KeyInfo = nil, read.Request.KeyInfo // which is asked of the key
		if !reflect.DeepEqual(r, read.Request) {
			t.Errorf("%s:\n%+v\n%+v", what, r, read.Request)
		}
		if strings.Contains(string(kept), csr[:40]) {
			t.Errorf("%s: the CSR is kept too", what)
		}
	}
}

// TestWhatTheReleaseBeforeKept is read as it was meant then, and written as it was.
func TestWhatTheReleaseBeforeKept(t *testing.T) {
	csr := csrOf(t, x509.CertificateRequest{Subject: pkix.Name{CommonName: "a.example"}, DNSNames: []string{"a.example"}})
	const begin = `{"CAID":"ca","ProfileID":"p","CSR":"%s",`
	for kept, check := range map[string]func(f enrollment.Facts) bool{
		begin + `"Subject":null,"SANs":null,"SANsGiven":false,"NotAfter":null,"Extensions":null,"EndEntity":"e"}`: func(
			f enrollment.Facts,
		) bool {
			return f.Subject.String() == "CN=a.example" && len(f.SANs) == 1 && len(f.OwnNames) == 1 && !f.LeaveNothingOut &&
				f.NotAfter == nil
		},
		begin + `"Subject":"CN=\\\u003c\u0026","SANs":[{"Type":"DNS_NAME","Value":"b.example"}],"SANsGiven":true,` +
			`"NotAfter":"2027-01-02T03:04:05.1+01:00","Extensions":[{"OID":"1.2.3","Critical":true,"Value":"BQA="}],"EndEntity":""}`: func(
			f enrollment.Facts,
		) bool {
			return f.Subject.String() == `CN=\<&` && f.SANs[0].Value == "b.example" && len(f.OwnNames) == 1 && f.OwnExtensions == 0 &&
				len(f.Extensions) == 1 && f.NotAfter.Equal(time.Date(2027, 1, 2, 2, 4, 5, 1e8, time.UTC))
		},
		begin + `"Subject":null,"SANs":null,"SANsGiven":false,"NotBefore":"2027-01-02T03:04:05Z",` +
			`"NotAfter":null,"Extensions":null,"EndEntity":"","Explicit":true,"SANsFromCSR":true}`: func(f enrollment.Facts) bool {
			return f.Subject.String() == "CN=a.example" && len(f.SANs) == 1 && len(f.OwnNames) == 1 && f.LeaveNothingOut &&
				f.WithinCA && f.NotBefore != nil
		},
	} {
		kept = fmt.Sprintf(kept, csr)
		var read Kept
		if err := json.Unmarshal([]byte(kept), &read); err != nil {
			t.Fatal(err)
		}
		r := read.Request
		facts, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		if r.CAID != "ca" || r.ProfileID != "p" || !check(facts) || facts.Proof != enrollment.PKCS10 {
			t.Errorf("%s:\n%+v", kept, facts)
		}
		r.Facts = facts
		if again, err := json.Marshal(read.Of(r)); err != nil || string(again) != kept {
			t.Errorf("kept as\n%s, now\n%s %v", kept, again, err)
		}
	}
}

// TestErrorsNameTheFieldsOfWhoAsks, and what is replaced is not judged.
func TestErrorsNameTheFieldsOfWhoAsks(t *testing.T) {
	csr := csrOf(t, x509.CertificateRequest{Subject: pkix.Name{CommonName: "a.example"}, DNSNames: []string{"not a name"}})
	for field, text := range map[string]Text{
		"csr":                        {CSR: "MIIB"},
		"subject":                    {CSR: csr, Subject: new("CN"), SANsGiven: true},
		"subjectAlternativeNames[1]": {CSR: csr, SANsGiven: true, SANs: []AlternativeName{{san.DNSName, "a"}, {san.IPAddress, "x"}}},
		"subjectAlternativeNames":    {CSR: csr, SANsGiven: true, SANs: make([]AlternativeName, 101)},
		"extensions[0].oid":          {CSR: csr, SANsGiven: true, Extensions: []GivenExtension{{OID: "x", Value: []byte{5, 0}}}},
		"extensions[0].value":        {CSR: csr, SANsGiven: true, Extensions: []GivenExtension{{OID: "1.2.3", Value: []byte{5}}}},
	} {
		if _, err := text.Request().Read(); err == nil || fault.Of(err).Field != field {
			t.Errorf("%s: %v at %q", field, err, fault.Of(err).Field)
		}
	}
	if _, err := (Text{CSR: csr}).Request().Read(); err == nil {
		t.Error("a name that is none was read")
	}
	if f, err := (Text{CSR: csr, Subject: new("CN=x")}).WithoutKey().Read(); err != nil || f.Proof != "" || f.PublicKey != nil {
		t.Errorf("what is not used was judged: %+v %v", f, err)
	}
}

// TestTheDoorReadsNoText: package enrollment takes facts.
func TestTheDoorReadsNoText(t *testing.T) {
	parsed, err := parser.ParseDir(
		token.NewFileSet(),
		"../enrollment",
		func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") },
		parser.ImportsOnly,
	)
	if err != nil || len(parsed) != 1 {
		t.Fatal(err, len(parsed))
	}
	for file, f := range parsed["enrollment"].Files {
		for _, i := range f.Imports {
			for _, reader := range []string{"pki/csr", "pki/armor", "encoding/base64", "encoding/pem"} {
				if strings.HasSuffix(strings.Trim(i.Path.Value, `"`), reader) {
					t.Errorf("%s imports %s: reading is the business of the ways in", file, reader)
				}
			}
		}
	}
}
