package algorithm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
)

func TestWeakKeysAreRefused(t *testing.T) {
	spki := func(key any) []byte {
		t.Helper()
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	good, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// Two adjacent primes: Fermat's method finds them at once.
	p, err := rand.Prime(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	q := new(big.Int).Add(p, big.NewInt(2))
	for !q.ProbablyPrime(10) {
		q.Add(q, big.NewInt(2))
	}
	small, err := rand.Prime(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		spki []byte
		says string
	}{
		"exponent 3":    {spki(&rsa.PublicKey{N: good.N, E: 3}), "exponent"},
		"1024 bits":     {spki(&rsa.PublicKey{N: small, E: 65537}), "1024 bits"},
		"close primes":  {spki(&rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}), "close together"},
		"small factor":  {spki(&rsa.PublicKey{N: new(big.Int).Mul(good.N, big.NewInt(751)), E: 65537}), "small prime"},
		"P-224":         {spki(&p224.PublicKey), "P-224"},
		"junk":          {[]byte("junk"), "damaged"},
		"trailing data": {append(spki(&good.PublicKey), 0), ""},
	} {
		if _, err := InspectPublicKey(c.spki); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if info, err := InspectPublicKey(spki(&good.PublicKey)); err != nil || info.Type != "RSA 2048" {
		t.Errorf("%+v %v", info, err)
	}
}

// A square must never be missed: it would be an undetected pair of close primes.
func TestSquaresAreSeen(t *testing.T) {
	for range 2000 {
		x, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 1024))
		if err != nil {
			t.Fatal(err)
		}
		square := new(big.Int).Mul(x, x)
		if !maySquare(square.Mod(square, new(big.Int).SetUint64(squareModulus)).Uint64()) {
			t.Fatalf("%v² is taken for no square", x)
		}
	}
	// Primes so far apart that only a later round finds them.
	found := map[bool]int{}
	for _, apart := range []uint{0, 20, 256, 508, 511, 514, 520} {
		p, err := rand.Prime(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		q := new(big.Int).Add(p, new(big.Int).Lsh(big.NewInt(2), apart))
		n := new(big.Int).Mul(p, q)
		if got, want := closePrimes(n), fermat(n); got != want {
			t.Errorf("2^%d apart: %v, want %v", apart+1, got, want)
		} else {
			found[want]++
		}
	}
	if found[true] == 0 || found[false] == 0 {
		t.Error("one side was not tried")
	}
}

// A modulus of any length with a small factor, or of a flawed chip, must be detected by its residues.
func TestResidues(t *testing.T) {
	odd := func(bits int) *big.Int {
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-1)))
		if err != nil {
			t.Fatal(err)
		}
		return n.SetBit(n.SetBit(n, bits-1, 1), 0, 1)
	}
	flawed := new(big.Int).SetInt64(1) // the product of the primes that identify a flawed chip
	for p := range rocaPowers {
		flawed.Mul(flawed, new(big.Int).SetUint64(p))
	}
	for _, bits := range []int{2048, 2049, 2100, 3072, 4096, 8192} {
		n := odd(bits)
		for i, r := range newResidues(n) {
			if want := new(big.Int).Mod(n, new(big.Int).SetUint64(smallPrimes[i].product)).Uint64(); r != want {
				t.Fatalf("%d bits: residue by %d is %d, want %d", bits, smallPrimes[i].product, r, want)
			}
		}
		for p := int64(2); p < 752; p++ {
			if !big.NewInt(p).ProbablyPrime(0) {
				continue
			}
			multiple := new(big.Int).Mul(odd(bits-10), big.NewInt(p))
			if !newResidues(multiple).smallFactor(multiple) {
				t.Errorf("%d bits: the factor %d is not found", bits, p)
			}
		}
		if newResidues(n).roca() {
			t.Errorf("%d bits: a random number is taken for that of a flawed chip", bits) // true for one in 2^30
		}
		n.Sub(n, new(big.Int).Mod(n, new(big.Int).Lsh(flawed, 1)))
		n.Add(n, new(big.Int).Exp(big.NewInt(65537), odd(100), flawed))
		if !newResidues(n).roca() {
			t.Errorf("%d bits: a modulus of a flawed chip is not known", bits)
		}
	}
}

func BenchmarkCheckRSA(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := checkRSA(&key.PublicKey); err != nil {
			b.Fatal(err)
		}
	}
}

// fermat is the textbook method.
func fermat(n *big.Int) bool {
	a := new(big.Int).Sqrt(n)
	if new(big.Int).Mul(a, a).Cmp(n) < 0 {
		a.Add(a, big.NewInt(1))
	}
	for range 100 {
		rest := new(big.Int).Mul(a, a)
		rest.Sub(rest, n)
		b := new(big.Int).Sqrt(rest)
		if b.Mul(b, b).Cmp(rest) == 0 {
			return true
		}
		a.Add(a, big.NewInt(1))
	}
	return false
}
