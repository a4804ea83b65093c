package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/cloudflare/circl/sign/slhdsa"
	"github.com/cloudflare/circl/xof"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/algorithm/pqclean"
	"github.com/pkiaas/pkiaas/pki/keystore"
)

const issuanceAim = 0.70 // of the raw signing rate, for post-quantum algorithms

// warm is for what is made at the first call of each goroutine; each has at least one.
const warm = 20 * time.Millisecond

// message is as long as a certificate's bytes to be signed.
var message = make([]byte, 600)

// algorithms prints what every signing algorithm does: bare, in the software key store, in the service without a network
// (BenchmarkIssuance of the server, post-quantum algorithms only) and through the whole product.
func algorithms(cell time.Duration, only *regexp.Regexp) error {
	cores := runtime.NumCPU()
	fmt.Printf(
		"\n%d cores, load average before %s. Bare loop: the library in one goroutine; raw, key store and verify in %d. Issuance on "+
			"SQLite: in process by processor time, beside raw signing of the same bytes with the same key by turns; "+
			"over GraphQL by the clock, clients and server on the same cores, and by the processor time of the server\n\n"+
			"| algorithm | bare loop sign/s | raw sign/s | key store sign/s | verify/s | issuance/s | raw sign/s beside it | issuance "+
			"of raw | over GraphQL/s | of the bare loop | by server time/s | of raw | issuance of raw, aim %.2f |\n| --- | ---: | ---: "+
			"| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n", cores, load(), cores, issuanceAim)
	data, err := os.MkdirTemp("", "pkiaas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	kek, err := keystore.OpenKEK("file:"+filepath.Join(data, "bench-kek"), keystore.KEKHelp{})
	if err != nil {
		return err
	}
	keys, err := keystore.OpenStore("file:"+filepath.Join(data, "bench-keys"), keystore.Options{KEK: kek})
	if err != nil {
		return err
	}
	i, err := startIssuer(data)
	if err != nil {
		return err
	}
	defer func() { _ = i.server.Stop() }() // measured already
	serverTests := filepath.Join(data, "server.test")
	if out, err := exec.Command("go", "test", "-c", "-o", serverTests, "./server").CombinedOutput(); err != nil {
		return fmt.Errorf("building the server's benchmark: %w: %s", err, out)
	}
	for _, a := range algorithm.All() {
		if !only.MatchString(a.Label) {
			continue
		}
		inside, err := inProcess(serverTests, a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.Label, err)
		}
		sign, err := rawSigner(a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.Label, err)
		}
		key, err := keys.Generate(context.Background(), a, keystore.Signing)
		if err != nil {
			return err
		}
		signature, err := key.Sign(context.Background(), message)
		if err != nil {
			return err
		}
		ca, err := i.authority(a.Label, "")
		if err != nil {
			return err
		}
		var rates, byCPU [3]float64
		for n, fn := range []func(int) error{
			func(int) error { return sign() },
			func(int) error { _, err := key.Sign(context.Background(), message); return err },
			func(int) error { return a.Verify(key.PublicKey(), message, signature) },
		} {
			if _, _, err := parallel(cores, warm, fn); err != nil {
				return err
			}
			if rates[n], byCPU[n], err = withCPU(cores, cell, i.benchCPU(), fn); err != nil {
				return err
			}
		}
		loop, _, err := parallel(1, cell, func(int) error { return sign() })
		if err != nil {
			return err
		}
		issued, issuedByCPU, err := i.issuance(ca, cell)
		if err != nil {
			return err
		}
		aim := ""
		if a.PostQuantum {
			aim = verdict(issued/rates[0], max(inside.ofRaw, issuedByCPU/byCPU[0]), issuanceAim)
		}
		service := "| | |"
		if inside.ofRaw > 0 {
			service = fmt.Sprintf("| %s | %s | %.2f |", digits(inside.issued), digits(inside.raw), inside.ofRaw)
		}
		fmt.Printf(
			"| %s | %s | %s | %s | %s %s %s | %.2f | %s | %.2f | %s |\n", a.Label, digits(loop), digits(rates[0]), digits(rates[1]),
			digits(rates[2]), service,
			digits(issued), issued/loop, digits(issuedByCPU), issuedByCPU/byCPU[0], aim)
	}
	return nil
}

// inside is what BenchmarkIssuance says of an algorithm, a second of processor time on every core; zero for those that it
// does not measure.
type inside struct{ issued, raw, ofRaw float64 }

func inProcess(serverTests string, a *algorithm.Algorithm) (i inside, err error) {
	cmd := exec.Command(serverTests, "-test.run", "NONE", "-test.bench", "Issuance", "-test.benchtime", "1x")
	cmd.Dir, cmd.Env = "server", append(os.Environ(), "PKIAAS_BENCH_ALGORITHM=^"+regexp.QuoteMeta(a.Label)+"$")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return i, fmt.Errorf("%w: %s", err, out)
	}
	for unit, figure := range map[string]*float64{"issued/s": &i.issued, "raw/s": &i.raw, "of-raw": &i.ofRaw} {
		if m := regexp.MustCompile(`([0-9.]+) ` + unit).FindSubmatch(out); m != nil {
			if *figure, err = strconv.ParseFloat(string(m[1]), 64); err != nil {
				return i, err
			}
		}
	}
	return i, nil
}

// withCPU is parallel, with the calls that a second of CPU time on every core would do beside those that a second did:
// what else the machine is busy with, such as the load generator, does not count.
func withCPU(n int, length time.Duration, cpu func() (float64, error), fn func(int) error) (rate, byCPU float64, err error) {
	before, err := cpu()
	if err != nil {
		return 0, 0, err
	}
	rate, times, err := parallel(n, length, fn)
	if err != nil {
		return 0, 0, err
	}
	after, err := cpu()
	return rate, float64(len(times)*runtime.NumCPU()) / (after - before), err
}

// cpuOf returns what tells the CPU time of a process and its children, but one, in seconds.
func cpuOf(pid, but int) func() (float64, error) {
	return func() (seconds float64, err error) {
		files, err := filepath.Glob("/proc/[0-9]*/stat")
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				continue // ended meanwhile
			}
			var id, parent int
			var utime, stime, skip float64
			var state string
			_, rest, _ := strings.Cut(string(text), ") ")
			if _, err := fmt.Sscan(string(text), &id); err != nil {
				return 0, err
			}
			if _, err := fmt.Sscan(
				rest, &state, &parent, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &utime, &stime,
			); err != nil {
				return 0, err
			}
			if id == pid || parent == pid && id != but {
				seconds += (utime + stime) / 100 // USER_HZ
			}
		}
		return seconds, err
	}
}

// load is what else the machine does: the average of the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// verdict on two fractions: by the clock, in which the load generator and others have their share, and by CPU time.
func verdict(byClock, byCPU, aim float64) string {
	switch {
	case byCPU < aim:
		return "missed"
	case byClock < aim:
		return "by CPU time"
	}
	return "reached"
}

// digits prints slow rates with two decimals.
func digits(rate float64) string {
	if rate < 100 {
		return fmt.Sprintf("%.2f", rate)
	}
	return fmt.Sprintf("%.0f", rate)
}

var pqcleanSchemes = map[string]*pqclean.Scheme{
	"Falcon-512": pqclean.Falcon512, "Falcon-1024": pqclean.Falcon1024,
	"SPHINCS+-SHA2-128f-simple": pqclean.SPHINCS128f, "SPHINCS+-SHA2-128s-simple": pqclean.SPHINCS128s,
	"SPHINCS+-SHA2-192f-simple": pqclean.SPHINCS192f,
	"SPHINCS+-SHA2-192s-simple": pqclean.SPHINCS192s, "SPHINCS+-SHA2-256f-simple": pqclean.SPHINCS256f,
	"SPHINCS+-SHA2-256s-simple": pqclean.SPHINCS256s,
}

// rawSigner makes a key and returns what the signing library does with it, nothing of ours around it.
func rawSigner(a *algorithm.Algorithm) (func() error, error) {
	switch a.Family {
	case "SPHINCS+", "Falcon":
		scheme := pqcleanSchemes[a.Label]
		_, private, err := scheme.GenerateKey()
		return func() error { _, err := scheme.Sign(private, message); return err }, err
	case "Hash-SLH-DSA":
		name, hash, _ := strings.Cut(strings.TrimPrefix(a.Label, "Hash-"), "-With-")
		id, err := slhdsa.IDByName(name)
		if err != nil {
			return nil, err
		}
		_, key, err := slhdsa.GenerateKey(rand.Reader, id)
		return func() error {
			m, err := slhPrehash(hash)
			if err == nil {
				_, err = slhdsa.SignRandomized(&key, rand.Reader, m, nil)
			}
			return err
		}, err
	case "Composite":
		first, second, _ := strings.Cut(a.Label, "-")
		key, err := mldsa.GenerateKey(
			map[string]mldsa.Parameters{"MLDSA44": mldsa.MLDSA44(), "MLDSA65": mldsa.MLDSA65(), "MLDSA87": mldsa.MLDSA87()}[first],
		)
		if err != nil {
			return nil, err
		}
		classical, err := classicalHalf(second)
		return func() error {
			if _, err := key.Sign(rand.Reader, message[:128], &mldsa.Options{Context: "COMPSIG"}); err != nil {
				return err
			}
			return classical()
		}, err
	}
	key, err := a.Generate()
	if err != nil {
		return nil, err
	}
	pkcs8, err := key.MarshalPKCS8()
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, err
	}
	var options crypto.SignerOpts = map[string]crypto.Hash{
		"SHA256": crypto.SHA256, "SHA384": crypto.SHA384, "SHA512": crypto.SHA512,
	}[a.Label[max(0, len(a.Label)-6):]]
	if a.Family == "ML-DSA" {
		options = &mldsa.Options{}
	}
	return standardSigner(parsed.(crypto.Signer), options, strings.Contains(a.Label, "PSS")), nil
}

// standardSigner signs with the standard library, hashing first where there is a hash.
func standardSigner(key crypto.Signer, options crypto.SignerOpts, pss bool) func() error {
	hash := options.HashFunc()
	if pss {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	return func() error {
		m := message
		if hash != 0 {
			h := hash.New()
			h.Write(message)
			m = h.Sum(nil)
		}
		_, err := key.Sign(rand.Reader, m, options)
		return err
	}
}

// classicalHalf is that of a composite: RSA3072-PSS, ECDSA-P384.
func classicalHalf(name string) (func() error, error) {
	switch kind, variant, _ := strings.Cut(name, "-"); kind {
	case "ECDSA":
		hash, curve := crypto.SHA256, elliptic.P256()
		if variant == "P384" {
			hash, curve = crypto.SHA384, elliptic.P384()
		}
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		return standardSigner(key, hash, false), err
	default:
		hash, bits := crypto.SHA256, map[string]int{"RSA2048": 2048, "RSA3072": 3072, "RSA4096": 4096}[kind]
		if bits == 4096 {
			hash = crypto.SHA384
		}
		key, err := rsa.GenerateKey(rand.Reader, bits)
		return standardSigner(key, hash, variant == "PSS"), err
	}
}

func slhPrehash(hash string) (*slhdsa.Message, error) {
	var h *slhdsa.PreHash
	var err error
	switch hash {
	case "SHA256":
		h, err = slhdsa.NewPreHashWithHash(crypto.SHA256)
	case "SHA512":
		h, err = slhdsa.NewPreHashWithHash(crypto.SHA512)
	case "SHAKE128":
		h, err = slhdsa.NewPreHashWithXof(xof.SHAKE128)
	default:
		h, err = slhdsa.NewPreHashWithXof(xof.SHAKE256)
	}
	if err != nil {
		return nil, err
	}
	if _, err := h.Write(message); err != nil {
		return nil, err
	}
	return h.BuildMessage()
}

// issuer is a running server, and a request that it issues from again and again.
type issuer struct {
	server  *testbed.Server
	root    string
	request string
	made    int
}

func startIssuer(data string, args ...string) (*issuer, error) {
	s, err := testbed.Start("demo", data, args...)
	if err != nil {
		return nil, err
	}
	if err := s.Operate(
		fmt.Sprintf(
			`mutation { updateSubscription(input: {subscriptionId: %q, tier: UNLIMITED, purchasedCertificates: 10000000, purchasedCas:
				1000}) { subscription { id } } }`,
			s.Manifest.Subscription.ID,
		),
	); err != nil {
		return nil, err
	}
	time.Sleep(2100 * time.Millisecond) // the server may know the old tier for two seconds
	root, err := s.CA(s.Manifest.GraphQL.Token, s.Manifest.Partition.ID, "root-1")
	return &issuer{server: s, root: root, request: testbed.CSR("bench.example.com")}, err
}

// benchCPU tells the CPU time of this process, whose child the server is.
func (i *issuer) benchCPU() func() (float64, error) { return cpuOf(os.Getpid(), i.server.PID()) }

// authority makes an issuing CA without CRL and OCSP, which would be busy beside what is measured.
func (i *issuer) authority(label, keyStore string) (string, error) {
	i.made++
	m := i.server.Manifest
	input := map[string]any{
		"partitionId": m.Partition.ID, "type": "ISSUING", "identifier": fmt.Sprintf("bench-%d", i.made), "friendlyName": label,
		"signingAlgorithm": label, "parentId": i.root,
		"subject": fmt.Sprintf("CN=Bench %d", i.made), "crlEnabled": false, "profileIds": []string{"privatessl-tls-server"}}
	if keyStore != "" {
		input["keyStore"] = keyStore
	}
	var made struct {
		CreateCertificationAuthority struct{ CertificationAuthority struct{ ID string } }
	}
	if err := i.server.GraphQL(
		m.GraphQL.Token,
		`mutation($i: CreateCertificationAuthorityInput!) { createCertificationAuthority(input: $i) { ... on CertificationAuthorityPayload {
			certificationAuthority { id } } } }`,
		map[string]any{"i": input}, &made,
	); err != nil {
		return "", err
	}
	id := made.CreateCertificationAuthority.CertificationAuthority.ID
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var out struct {
			CertificationAuthority struct {
				Status   string
				Creation struct{ Failure string }
			}
		}
		if err := i.server.GraphQL(
			m.GraphQL.Token, `query($id: ID!) { certificationAuthority(id: $id) { status creation { failure } } }`,
			map[string]any{"id": id}, &out,
		); err != nil {
			return "", err
		}
		switch found := out.CertificationAuthority; found.Status {
		case "ACTIVE":
			return id, nil
		case "FAILED":
			return "", fmt.Errorf("%s: %s", label, found.Creation.Failure)
		}
	}
	return "", fmt.Errorf("%s: the certification authority is not active after two minutes", label)
}

// issuance returns the certificates a second that the clients get, and those of a second of the server's CPU time.
func (i *issuer) issuance(ca string, length time.Duration) (rate, byCPU float64, err error) {
	issue := func(int) error {
		return i.server.GraphQL(
			i.server.Manifest.GraphQL.Token, testbed.Issue,
			map[string]any{"i": map[string]any{"caId": ca, "profileId": "privatessl-tls-server", "csr": i.request}}, nil,
		)
	}
	if err := issue(0); err != nil {
		return 0, 0, err
	}
	n, begin := clients, time.Now()
	if err := issue(0); err != nil {
		return 0, 0, err
	}
	if time.Since(begin) > 25*time.Millisecond {
		n = 2 * runtime.NumCPU() // 32 at once would not finish in time
	}
	if _, _, err := parallel(n, warm, issue); err != nil {
		return 0, 0, err
	}
	return withCPU(n, length, cpuOf(i.server.PID(), 0), issue)
}
