package conformance

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/keystore/token/tokentest"
)

// kept are algorithms of which each keeps private keys in its own way.
var kept = []string{"RSA-2048+PSS-SHA256", "ECDSAP256+SHA256", "ML-DSA-65", "Hash-SLH-DSA-SHA2-128f-With-SHA256", "Falcon-512"}

// TestNoPrivateKeyAtRest looks for private keys, as only their owner can, in every file of the data directory and in the
// memory of a server that has not signed with them since it started.
func TestNoPrivateKeyAtRest(t *testing.T) {
	need(t, "gdb", "gcore")
	data := t.TempDir()
	store := []string{"--keystore", "file:" + filepath.Join(data, "keys")}
	s := start(t, "demo", data, "", store...)
	cas := createKept(t, s, kept)
	kek, err := keystore.OpenKEK("file:"+filepath.Join(data, "kek"), keystore.KEKHelp{})
	if err != nil {
		t.Fatal(err)
	}
	traces := tracesOf(
		t, s, cas, filepath.Join(data, "keys"),
		func(sealed, additional []byte) ([]byte, error) { return kek.Unseal("key store", sealed, additional) },
	)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, "demo", data, "", store...)
	browse(t, s)
	err = filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, name := range traces.in(content) {
			t.Errorf("%s is in %s", name, entry.Name())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, name := range traces.inMemory(t, s) {
		t.Errorf("%s is in the memory of a server that has not used the key", name)
	}
	// What is looked for can be found: the software key store keeps keys that were used.
	signWith(t, s, cas)
	found := strings.Join(traces.inMemory(t, s), "\n")
	for label := range cas {
		if !strings.Contains(found, label) {
			t.Errorf("nothing of the %s key is in the memory of a server that has just used it: this test looks for the wrong thing", label)
		}
	}
}

// createKept makes a CA of each algorithm and returns their ids by algorithm.
func createKept(t *testing.T, s *testbed.Server, labels []string) map[string]string {
	t.Helper()
	token := s.Manifest.GraphQL.Token
	root, err := s.CA(token, s.Manifest.Partition.ID, "root-1")
	if err != nil {
		t.Fatal(err)
	}
	cas := map[string]string{}
	for n, label := range labels {
		var out struct {
			CreateCertificationAuthority struct{ CertificationAuthority struct{ ID string } }
		}
		input := map[string]any{
			"partitionId": s.Manifest.Partition.ID, "type": "ISSUING", "identifier": fmt.Sprintf("kept-%d", n), "friendlyName": label,
			"parentId": root, "signingAlgorithm": label,
			"subject": fmt.Sprintf("CN=Kept %d", n), "crlEnabled": true, "ocspEnabled": true,
			"profileIds": []string{"privatessl-tls-server"}}
		if err := s.GraphQL(
			token,
			`mutation($i: CreateCertificationAuthorityInput!) { createCertificationAuthority(input: $i) { ... on
				CertificationAuthorityPayload { certificationAuthority { id } } } }`,
			map[string]any{"i": input}, &out,
		); err != nil {
			t.Fatal(err)
		}
		cas[label] = out.CreateCertificationAuthority.CertificationAuthority.ID
	}
	for _, id := range cas {
		waitForCA(t, s, id)
	}
	return cas
}

// signWith issues from each CA.
func signWith(t *testing.T, s *testbed.Server, cas map[string]string) {
	t.Helper()
	for label, id := range cas {
		if err := s.GraphQL(
			s.Manifest.GraphQL.Token, testbed.Issue,
			map[string]any{"i": map[string]any{"caId": id, "profileId": "privatessl-tls-server", "csr": testbed.CSR("kept.example.com")}},
			nil,
		); err != nil {
			t.Fatalf("%s: %v", label, err)
		}
	}
}

// browse signs in and looks at what there is to see.
func browse(t *testing.T, s *testbed.Server) {
	t.Helper()
	owner, err := s.SignIn(s.Manifest.Users[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		`certificationAuthorities { nodes { id status certificatePem crl { number } } }`,
		`certificates(first: 50) { nodes { serialNumber pem } }`,
	} {
		if err := owner.GraphQL(
			`query($p: ID!) { partition(id: $p) { `+query+` } }`, map[string]any{"p": s.Manifest.Partition.ID}, nil,
		); err != nil {
			t.Fatal(err)
		}
	}
	if err := owner.GraphQL(
		`mutation($p: ID!) { verifyAuditLog(input: {partitionId: $p}) { verification { intact } } }`,
		map[string]any{"p": s.Manifest.Partition.ID}, nil,
	); err != nil {
		t.Fatal(err)
	}
}

// traces are octets by which a private key is recognised → which they are.
type traces map[string]string

const traceSize = 16

// add takes two pieces of a secret, in the forms that it may have in memory and files; of a number also least
// significant octet first, as the words of math/big and of crypto/internal/fips140/bigmod lie in memory.
func (f traces) add(name string, secret []byte, number bool) {
	for _, at := range []int{0, max(0, len(secret)/2-traceSize)} {
		piece := secret[at : at+traceSize]
		f[string(piece)] = name
		f[hex.EncodeToString(piece)] = name + " in hexadecimal"
		for shift := range 3 {
			whole := piece[shift : shift+(traceSize-shift)/3*3]
			f[base64.StdEncoding.EncodeToString(whole)] = name + " in base64"
		}
		if number {
			reversed := slices.Clone(piece)
			slices.Reverse(reversed)
			f[string(reversed)] = name + " as words"
		}
	}
}

// in returns the names of what is found.
func (f traces) in(content []byte) []string {
	var found []string
	for octets, name := range f {
		if bytes.Contains(content, []byte(octets)) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// tracesOf opens the key files of CAs.
func tracesOf(
	t *testing.T, s *testbed.Server, cas map[string]string, dir string, unseal func(sealed, additional []byte) ([]byte, error),
) traces {
	t.Helper()
	all := traces{}
	for label, id := range cas {
		certificate, err := x509.ParseCertificate(der(t, caOf(t, s, id).CertificatePem))
		if err != nil {
			t.Fatal(err)
		}
		all.addPKCS8(t, label, openRecord(t, dir, certificate.RawSubjectPublicKeyInfo, unseal))
	}
	return all
}

// openRecord opens the private key that belongs to a public key, from the files of a key store.
func openRecord(t *testing.T, dir string, public []byte, unseal func(sealed, additional []byte) ([]byte, error)) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var record struct {
			ID, Algorithm     string
			PublicKey, Sealed []byte
		}
		if err := json.Unmarshal(text, &record); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(record.PublicKey, public) {
			continue
		}
		pkcs8, err := unseal(record.Sealed, slices.Concat([]byte(record.ID+"\x00"+record.Algorithm+"\x00"), record.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		return pkcs8
	}
	t.Fatalf("no key of %d in %s", len(files), dir)
	return nil
}

func (f traces) addPKCS8(t *testing.T, label string, pkcs8 []byte) {
	t.Helper()
	if key, err := x509.ParsePKCS8PrivateKey(pkcs8); err == nil {
		switch key := key.(type) {
		case *rsa.PrivateKey:
			f.add(label+": prime p", key.Primes[0].Bytes(), true)
			f.add(label+": prime q", key.Primes[1].Bytes(), true)
			f.add(label+": private exponent", key.D.Bytes(), true)
			return
		case *ecdsa.PrivateKey:
			secret, err := key.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			f.add(label+": scalar", secret, true)
			return
		}
	}
	var raw struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		PrivateKey []byte
	}
	if _, err := asn1.Unmarshal(pkcs8, &raw); err != nil {
		t.Fatal(err)
	}
	switch {
	case strings.HasPrefix(label, "ML-DSA"):
		f.add(label+": seed", raw.PrivateKey[2:], false) // [0] of RFC 9881
	case strings.Contains(label, "SLH-DSA"):
		f.add(label+": SK.seed and SK.prf", raw.PrivateKey[:len(raw.PrivateKey)/2], false)
	case strings.HasPrefix(label, "Falcon"):
		f.add(label+": f and g", raw.PrivateKey[1:], false) // after the header octet
	default:
		t.Fatalf("what is secret of %s?", label)
	}
}

// inMemory looks into a core dump of the server, which goes on.
func (f traces) inMemory(t *testing.T, s *testbed.Server) []string {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "core")
	if out, err := exec.CommandContext(t.Context(), "gcore", "-o", prefix, fmt.Sprint(s.PID())).CombinedOutput(); err != nil {
		t.Fatalf("gcore: %v\n%s", err, out)
	}
	name := fmt.Sprintf("%s.%d", prefix, s.PID())
	core, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(name) // it is large
	defer core.Close()
	const shown = "what the server shows"
	all := maps.Clone(f)
	all[s.Manifest.Partition.ID] = shown
	// Most of the core is address space that was never used.
	const overlap = 64
	block, unused := make([]byte, 1<<20), make([]byte, 1<<20)
	var found []string
	for offset := int64(0); ; offset += int64(len(block)) - overlap {
		n, err := core.ReadAt(block, offset)
		if !bytes.Equal(block[:n], unused[:n]) {
			found = append(found, all.in(block[:n])...)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if !slices.Contains(found, shown) {
		t.Fatal("the core is not the server's memory")
	}
	return slices.DeleteFunc(found, func(name string) bool { return name == shown })
}

// TestWrappedKeysInMemory looks for keys that an HSM wraps, for algorithms that it does not know, in the memory of a
// server that keeps them there for the moment of a signature only.
func TestWrappedKeysInMemory(t *testing.T) {
	need(t, "softhsm2 gdb", "softhsm2-util", tokentest.SoftHSM, "gcore")
	data := t.TempDir()
	hsm, err := testbed.SoftHSM(data)
	if err != nil {
		t.Fatal(err)
	}
	variable, value, _ := strings.Cut(hsm.Env, "=")
	t.Setenv(variable, value)
	store := []string{"--keystore", hsm.URI}
	s := start(t, "demo", data, "", store...)
	cas := createKept(t, s, []string{"ML-DSA-65", "Falcon-512"})
	wrapped := filepath.Join(data, "wrapped-hsm")
	token, err := keystore.OpenStore(hsm.URI, keystore.Options{Dir: wrapped})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(token.Close)
	eventually(t, "the token can be used", func() bool { return token.Check(t.Context()) == nil })
	traces := tracesOf(t, s, cas, wrapped, func(sealed, additional []byte) ([]byte, error) {
		return keystore.Sealer(token).Decrypt(t.Context(), sealed, additional)
	})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, "demo", data, "", store...)
	browse(t, s)
	for _, name := range traces.inMemory(t, s) {
		t.Errorf("%s is in the memory of a server that has not used the key", name)
	}
	for range 5 {
		signWith(t, s, cas)
	}
	time.Sleep(3 * time.Second) // nobody signs
	for _, name := range traces.inMemory(t, s) {
		t.Logf("%s is still in memory after signatures", name)
	}
}
