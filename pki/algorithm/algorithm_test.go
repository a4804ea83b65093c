package algorithm

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

func TestTable(t *testing.T) {
	want := []struct{ label, identifier string }{
		{"RSA-2048+PKCS15-SHA256", "300d06092a864886f70d01010b0500"},
		{
			"RSA-2048+PSS-SHA256",
			"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120",
		},
		{"RSA-3072+PKCS15-SHA256", "300d06092a864886f70d01010b0500"},
		{
			"RSA-3072+PSS-SHA256",
			"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120",
		},
		{"RSA-4096+PKCS15-SHA512", "300d06092a864886f70d01010d0500"},
		{
			"RSA-4096+PSS-SHA512",
			"304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a06092a864886f70d010108300d06096086480165030402030500a203020140",
		},
		{"ECDSAP256+SHA256", "300a06082a8648ce3d040302"},
		{"ECDSAP384+SHA384", "300a06082a8648ce3d040303"},
		{"ECDSAP521+SHA512", "300a06082a8648ce3d040304"},
		{"ML-DSA-44", "300b0609608648016503040311"},
		{"ML-DSA-65", "300b0609608648016503040312"},
		{"ML-DSA-87", "300b0609608648016503040313"},
		{"Hash-SLH-DSA-SHA2-128s-With-SHA256", "300b0609608648016503040323"},
		{"Hash-SLH-DSA-SHA2-128f-With-SHA256", "300b0609608648016503040324"},
		{"Hash-SLH-DSA-SHA2-192s-With-SHA512", "300b0609608648016503040325"},
		{"Hash-SLH-DSA-SHA2-192f-With-SHA512", "300b0609608648016503040326"},
		{"Hash-SLH-DSA-SHA2-256s-With-SHA512", "300b0609608648016503040327"},
		{"Hash-SLH-DSA-SHA2-256f-With-SHA512", "300b0609608648016503040328"},
		{"Hash-SLH-DSA-SHAKE-128s-With-SHAKE128", "300b0609608648016503040329"},
		{"Hash-SLH-DSA-SHAKE-128f-With-SHAKE128", "300b060960864801650304032a"},
		{"Hash-SLH-DSA-SHAKE-192s-With-SHAKE256", "300b060960864801650304032b"},
		{"Hash-SLH-DSA-SHAKE-192f-With-SHAKE256", "300b060960864801650304032c"},
		{"Hash-SLH-DSA-SHAKE-256s-With-SHAKE256", "300b060960864801650304032d"},
		{"Hash-SLH-DSA-SHAKE-256f-With-SHAKE256", "300b060960864801650304032e"},
		{"SPHINCS+-SHA2-128f-simple", "300806062bce0f06040d"},
		{"SPHINCS+-SHA2-128s-simple", "300806062bce0f060410"},
		{"SPHINCS+-SHA2-192f-simple", "300806062bce0f06050a"},
		{"SPHINCS+-SHA2-192s-simple", "300806062bce0f06050c"},
		{"SPHINCS+-SHA2-256f-simple", "300806062bce0f06060a"},
		{"SPHINCS+-SHA2-256s-simple", "300806062bce0f06060c"},
		{"Falcon-512", "300706052bce0f030b"},
		{"Falcon-1024", "300706052bce0f030e"},
		{"MLDSA44-RSA2048-PKCS15", "300a06082b06010505070626"},
		{"MLDSA44-RSA2048-PSS", "300a06082b06010505070625"},
		{"MLDSA44-ECDSA-P256", "300a06082b06010505070628"},
		{"MLDSA65-RSA3072-PKCS15", "300a06082b0601050507062a"},
		{"MLDSA65-RSA3072-PSS", "300a06082b06010505070629"},
		{"MLDSA65-RSA4096-PKCS15", "300a06082b0601050507062c"},
		{"MLDSA65-RSA4096-PSS", "300a06082b0601050507062b"},
		{"MLDSA65-ECDSA-P384", "300a06082b0601050507062e"},
		{"MLDSA87-ECDSA-P384", "300a06082b06010505070631"},
		{"Ed25519", "300506032b6570"}, // after the 41 algorithms of Entrust's PKIaaS guide
	}
	if len(All()) != len(want) {
		t.Fatalf("%d algorithms", len(All()))
	}
	for i, a := range All() {
		if a.Label != want[i].label || hex.EncodeToString(a.SignatureAlgorithm()) != want[i].identifier {
			t.Errorf("%s %x", a.Label, a.SignatureAlgorithm())
		}
		if found, err := ForLabel(a.Label); err != nil || found != a {
			t.Errorf("%s is not found: %v", a.Label, err)
		}
		signer := a.OCSPSignerAlgorithm()
		if slow := strings.Contains(a.Label, "8s-") || strings.Contains(a.Label, "2s-") ||
			strings.Contains(a.Label, "6s-"); slow == (signer == a) ||
			signer.Family != a.Family || signer.SecurityBits != a.SecurityBits {
			t.Errorf("%s: the OCSP signer is %s", a.Label, signer.Label)
		}
		if c := a.CompatibleOCSPSignerAlgorithm().Label; c != map[bool]string{
			false: "RSA-2048+PKCS15-SHA256", true: "RSA-2048+PSS-SHA256",
		}[strings.Contains(a.Label, "PSS")] {
			t.Errorf("%s: the compatible OCSP signer is %s", a.Label, c)
		}
	}
	var refused *invalid.Error
	if _, err := ForLabel("DSA-1024"); !errors.As(err, &refused) || refused.Field != "signingAlgorithm" {
		t.Errorf("an unknown label: %v", err)
	}
}

func TestKeysAreReadBackOnlyByTheirOwnAlgorithm(t *testing.T) {
	for _, a := range All() {
		label := a.Label
		key, err := a.Generate()
		if err != nil {
			t.Fatal(err)
		}
		pkcs8, err := key.MarshalPKCS8()
		if err != nil {
			t.Fatal(err)
		}
		if a.Family == "ML-DSA" && (len(pkcs8) != 54 || pkcs8[20] != 0x80 || pkcs8[21] != 32) { // RFC 9881 section 6: seed [0]
			t.Errorf("not the seed form: %x", pkcs8)
		}
		for _, other := range All() {
			// RSA keys are the same for both of its schemes.
			if same := other == a || a.Family == "RSA" && other.Family == "RSA" && other.SecurityBits == a.SecurityBits; same {
				continue
			}
			if _, err := other.ParsePrivateKey(pkcs8); err == nil {
				t.Errorf("%s read a key of %s", other.Label, label)
			}
		}
		again, err := a.ParsePrivateKey(pkcs8)
		if err != nil || !bytes.Equal(again.PublicKey(), key.PublicKey()) {
			t.Fatalf("%s: the key is not read back: %v", label, err)
		}
		if len(key.PublicKey()) != a.PublicKeySize {
			t.Errorf("%s: the public key has %d octets, not %d", label, len(key.PublicKey()), a.PublicKeySize)
		}
		clear(pkcs8) // the parser keeps no reference to its input
		signature, err := again.Sign([]byte("message"))
		if err != nil {
			t.Fatal(err)
		}
		if exact := a.Family != "ECDSA" && a.Family != "Falcon" && !strings.Contains(a.Label, "ECDSA"); len(signature) > a.SignatureSize ||
			exact && len(signature) != a.SignatureSize {
			t.Errorf("%s: the signature has %d octets, not %d", label, len(signature), a.SignatureSize)
		}
		if SignatureName(a.SignatureAlgorithm()) == "" || a.Verify(key.PublicKey(), []byte("another"), signature) == nil {
			t.Errorf("%s: another message verifies", label)
		}
		if err := VerifySignature(a.SignatureAlgorithm(), key.PublicKey(), []byte("message"), signature); err != nil {
			t.Errorf("%s: %v", label, err)
		}
		signature[len(signature)/2] ^= 1
		if VerifySignature(a.SignatureAlgorithm(), key.PublicKey(), []byte("message"), signature) == nil {
			t.Errorf("%s: a changed signature verifies", label)
		}
		signature[len(signature)/2] ^= 1
		if VerifySignature(a.SignatureAlgorithm(), key.PublicKey(), []byte("message"), signature[:len(signature)-1]) == nil {
			t.Errorf("%s: a shortened signature verifies", label)
		}
		if a.Family == "Composite" { // either half alone is not enough
			for _, at := range []int{10, len(signature) - 10} {
				signature[at] ^= 1
				if a.Verify(key.PublicKey(), []byte("message"), signature) == nil {
					t.Errorf("%s: half a signature verifies", label)
				}
				signature[at] ^= 1
			}
		}
	}
}

// Signatures by OpenSSL verify. Absent RSA parameters are treated like NULL (RFC 4055 section 5); weak hashes are
// refused.
func TestForeignSignatures(t *testing.T) {
	dir := t.TempDir()
	openssl := func(args ...string) []byte {
		t.Helper()
		command := exec.CommandContext(t.Context(), "openssl", args...)
		command.Dir = dir
		out, err := command.Output()
		if err != nil {
			t.Fatalf("openssl %v: %v", args, err)
		}
		return out
	}
	if err := os.WriteFile(filepath.Join(dir, "message"), []byte("message"), 0o600); err != nil {
		t.Fatal(err)
	}
	openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa")
	openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec")
	openssl("genpkey", "-algorithm", "ED25519", "-out", "ed")
	pss := []string{"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"}
	for _, c := range []struct {
		key, identifier string
		sign            []string
		good            bool
	}{
		{"rsa", "300d06092a864886f70d01010b0500", []string{"dgst", "-sha256"}, true},
		{"rsa", "300b06092a864886f70d01010b", []string{"dgst", "-sha256"}, true},
		{"rsa", "300d06092a864886f70d01010c0500", []string{"dgst", "-sha384"}, true},
		{
			"rsa",
			"303d06092a864886f70d01010a3030a00d300b0609608648016503040201a11a301806092a864886f70d010108300b0609608648016503040201a203020120",
			append([]string{"dgst", "-sha256"}, pss...), true,
		},
		{"rsa", "300d06092a864886f70d0101050500", []string{"dgst", "-sha1"}, false},
		{"rsa", "300d06092a864886f70d0101040500", []string{"dgst", "-md5"}, false},
		{"ec", "300a06082a8648ce3d040303", []string{"dgst", "-sha384"}, true},
		{"ec", "300906072a8648ce3d0401", []string{"dgst", "-sha1"}, false},
		{"ec", "300d06092a864886f70d01010b0500", []string{"dgst", "-sha256"}, false},
		{"ed", "300506032b6570", nil, true},
	} {
		algorithmIdentifier, err := hex.DecodeString(c.identifier)
		if err != nil {
			t.Fatal(err)
		}
		args := append(c.sign, "-sign", c.key, "message")
		if c.sign == nil {
			args = []string{"pkeyutl", "-sign", "-rawin", "-inkey", c.key, "-in", "message"}
		}
		signature, spki := openssl(args...), openssl("pkey", "-in", c.key, "-pubout", "-outform", "DER")
		if err := VerifySignature(algorithmIdentifier, spki, []byte("message"), signature); (err == nil) != c.good {
			t.Errorf("%s %v: %v", c.key, c.sign, err)
		}
	}
}

// crypto/x509 ignores data after the members of a SubjectPublicKeyInfo, which would be copied into certificates.
func TestOnlyCanonicalPublicKeysAreTaken(t *testing.T) {
	for _, label := range []string{
		"RSA-2048+PSS-SHA256", "ECDSAP256+SHA256", "ML-DSA-44", "Hash-SLH-DSA-SHA2-128f-With-SHA256", "Falcon-512", "MLDSA44-ECDSA-P256",
	} {
		a, err := ForLabel(label)
		if err != nil {
			t.Fatal(err)
		}
		key, err := a.Generate()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := InspectPublicKey(key.PublicKey()); err != nil {
			t.Errorf("%s: %v", label, err)
		}
		input := cryptobyte.String(key.PublicKey())
		var members cryptobyte.String
		if !input.ReadASN1(&members, cbasn1.SEQUENCE) {
			t.Fatal("not a SEQUENCE")
		}
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(members); b.AddASN1NULL() })
		var refused *invalid.Error
		if _, err := InspectPublicKey(b.BytesOrPanic()); !errors.As(err, &refused) || refused.Field != "publicKey" {
			t.Errorf("%s with one member more: %v", label, err)
		}
	}
}
