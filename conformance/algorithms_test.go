package conformance

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

// mixed are hierarchies whose root and issuing CA are of different families.
var mixed = [][2]string{
	{"ML-DSA-65", "ECDSAP256+SHA256"}, {"MLDSA65-ECDSA-P384", "ML-DSA-44"}, {"RSA-3072+PSS-SHA256", "ECDSAP521+SHA512"},
	{
		"Falcon-1024", "MLDSA44-RSA2048-PSS",
	}, {"Hash-SLH-DSA-SHAKE-128f-With-SHAKE128", "RSA-2048+PKCS15-SHA256"}, {"SPHINCS+-SHA2-128f-simple", "Ed25519"},
}

// tableEnv names the file that gets the table of docs/algorithms.md; see scripts/algorithms.sh.
const tableEnv = "PKIAAS_ALGORITHM_TABLE"

// TestEveryAlgorithm makes a hierarchy of every signing algorithm through the running server and has all that it signs
// verified by implementations that are not ours.
func TestEveryAlgorithm(t *testing.T) {
	if _, err := os.Stat("/usr/share/java/bcprov.jar"); err != nil {
		t.Skip("Bouncy Castle, which verifies SPHINCS+, is not installed (Debian: apt-get install libbcprov-java); npm test installs it")
	}
	s := start(t, "demo", t.TempDir(), "")
	everyAlgorithm(t, s, "", os.Getenv(tableEnv))
}

func everyAlgorithm(t *testing.T, s *testbed.Server, keyStore, table string) {
	if err := s.Operate(
		fmt.Sprintf(
			`mutation { updateSubscription(input: {subscriptionId: %q, purchasedCas: 200}) { subscription { id } } }`,
			s.Manifest.Subscription.ID,
		),
	); err != nil {
		t.Fatal(err)
	}
	var deployment struct {
		Deployment struct{ SigningAlgorithms []struct{ Label string } }
	}
	token := s.Manifest.GraphQL.Token
	if err := s.GraphQL(token, `{ deployment { signingAlgorithms { label } } }`, nil, &deployment); err != nil {
		t.Fatal(err)
	}
	pairs := slices.Clone(mixed)
	for n, a := range deployment.Deployment.SigningAlgorithms {
		pairs = slices.Insert(pairs, n, [2]string{a.Label, a.Label})
	}
	if len(pairs) < 41+len(mixed) {
		t.Fatalf("only %d algorithms", len(pairs)-len(mixed))
	}
	dir := t.TempDir()
	var labels []string
	// All are asked for first: the server makes two at once.
	create := func(n int, kind, algorithm, parent string) string {
		input := map[string]any{
			"partitionId": s.Manifest.Partition.ID, "type": kind, "identifier": fmt.Sprintf("alg-%s-%d", strings.ToLower(kind), n),
			"friendlyName":     kind + " " + algorithm,
			"signingAlgorithm": algorithm, "subject": fmt.Sprintf(
				"CN=%s %d %s,O=Conformance", kind, n, strings.ReplaceAll(algorithm, "+", `\+`),
			), "crlEnabled": true}
		if keyStore != "" {
			input["keyStore"] = keyStore
		}
		if parent != "" {
			input["parentId"], input["ocspEnabled"], input["profileIds"] = parent, true, []string{"privatessl-tls-server"}
		}
		var out struct {
			CreateCertificationAuthority struct{ CertificationAuthority struct{ ID string } }
		}
		if err := s.GraphQL(
			token,
			`mutation($i: CreateCertificationAuthorityInput!) { createCertificationAuthority(input: $i) { ... on
				CertificationAuthorityPayload { certificationAuthority { id } } } }`,
			map[string]any{"i": input}, &out,
		); err != nil {
			t.Fatalf("%s %s: %v", kind, algorithm, err)
		}
		return out.CreateCertificationAuthority.CertificationAuthority.ID
	}
	roots, issuing := make([]string, len(pairs)), make([]string, len(pairs))
	for n, p := range pairs {
		roots[n] = create(n, "ROOT", p[0], "")
	}
	for n, p := range pairs {
		waitForCA(t, s, roots[n])
		issuing[n] = create(n, "ISSUING", p[1], roots[n])
	}
	for n, p := range pairs {
		label := p[0]
		if p[1] != p[0] {
			label += " over " + p[1]
		}
		labels = append(labels, label)
		folder := filepath.Join(dir, regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(label, "_"))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		root, ca := caOf(t, s, roots[n]), waitForCA(t, s, issuing[n])
		var issued testbed.Issued
		if err := s.GraphQL(
			token, testbed.Issue,
			map[string]any{
				"i": map[string]any{"caId": issuing[n], "profileId": "privatessl-tls-server", "csr": testbed.CSR("pq.example.com")},
			},
			&issued,
		); err != nil {
			t.Fatalf("%s: %v", label, err)
		}
		files := map[string][]byte{
			"label.txt": []byte(label), "root.der": der(t, root.CertificatePem), "issuing.der": der(t, ca.CertificatePem),
			"certificate.der": der(t, issued.IssueCertificate.Certificate.PEM),
			"root.crl":        get(t, root.CrlURL), "issuing.crl": get(t, ca.CrlURL)}
		files["ocsp.der"] = askOCSP(t, ca.OcspURL, files["certificate.der"], files["issuing.der"])
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	list, err := json.Marshal(labels)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "labels.json"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "node", "conformance/algorithms/verify.mjs", dir)
	command.Dir = testbed.Root()
	var notes bytes.Buffer
	command.Stderr = &notes
	out, err := command.Output()
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, notes.String(), out)
	}
	t.Logf("%s", out)
	if table != "" {
		if err := os.WriteFile(table, out, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

type madeCA struct {
	Status, CertificatePem, CrlURL, OcspURL string
	Creation                                struct{ Failure string }
}

func caOf(t *testing.T, s *testbed.Server, id string) madeCA {
	t.Helper()
	var out struct{ CertificationAuthority madeCA }
	if err := s.GraphQL(
		s.Manifest.GraphQL.Token,
		`query($id: ID!) { certificationAuthority(id: $id) { status certificatePem crlUrl ocspUrl creation { failure } } }`,
		map[string]any{"id": id}, &out,
	); err != nil {
		t.Fatal(err)
	}
	return out.CertificationAuthority
}

// waitForCA waits until a CA is made.
func waitForCA(t *testing.T, s *testbed.Server, id string) madeCA {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		c := caOf(t, s, id)
		if c.Status == "ACTIVE" {
			return c
		}
		if c.Status == "FAILED" || time.Now().After(deadline) {
			t.Fatalf("the CA is %s: %s", c.Status, c.Creation.Failure)
		}
	}
}

func der(t *testing.T, text string) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("not PEM: %q", text)
	}
	return block.Bytes
}

func get(t *testing.T, u string) []byte {
	t.Helper()
	body, err := testbed.Get(u)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func askOCSP(t *testing.T, u string, certificate, issuer []byte) []byte {
	t.Helper()
	c, err := x509.ParseCertificate(certificate)
	if err != nil {
		t.Fatal(err)
	}
	i, err := x509.ParseCertificate(issuer)
	if err != nil {
		t.Fatal(err)
	}
	request, err := ocsp.CreateRequest(c, i, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(u, "application/ocsp-request", bytes.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("OCSP: %s %v", response.Status, err)
	}
	return body
}
