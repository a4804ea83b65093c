package algorithm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

// PublicKeyInfo describes a subscriber's or CA's key for people and for profiles.
type PublicKeyInfo struct {
	Type   string // "RSA 2048", "ECDSA P-256", "Ed25519", "ML-DSA-44"; of other algorithms their label
	Family string // as in Algorithm
	Bits   int    // of the modulus or the field; 0 where it says nothing
}

// Limits of RSA keys: below, they are weak; above, they serve nobody and cost the verifier.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// InspectPublicKey reads a SubjectPublicKeyInfo and refuses weak, malformed and unknown keys with an *invalid.Error for
// the field publicKey.
func InspectPublicKey(spki []byte) (PublicKeyInfo, error) {
	if f, ok := keyFormOf(spki); ok {
		bits, err := rawPublicKey(spki, f.identifier)
		if err == nil {
			err = f.check(bits)
		}
		if err != nil {
			return PublicKeyInfo{}, invalid.New("publicKey", "the %s key is malformed: %v", f.info.Type, err)
		}
		return f.info, nil
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return PublicKeyInfo{}, refuseKey(spki)
	}
	// The bytes go into certificates as they are, and crypto/x509 overlooks members that do not belong there.
	if canonical, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(canonical, spki) {
		return PublicKeyInfo{}, invalid.New("publicKey", "the public key has parts that do not belong into a SubjectPublicKeyInfo in DER; write it again with good software")
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		if err := checkRSA(key); err != nil {
			return PublicKeyInfo{}, err
		}
		return PublicKeyInfo{fmt.Sprintf("RSA %d", key.N.BitLen()), "RSA", key.N.BitLen()}, nil
	case *ecdsa.PublicKey:
		bits := key.Curve.Params().BitSize
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() && key.Curve != elliptic.P521() {
			return PublicKeyInfo{}, invalid.New("publicKey", "the curve %s is not supported; use P-256, P-384 or P-521", key.Curve.Params().Name)
		}
		return PublicKeyInfo{fmt.Sprintf("ECDSA P-%d", bits), "ECDSA", bits}, nil
	case ed25519.PublicKey:
		return PublicKeyInfo{"Ed25519", "Ed25519", 256}, nil
	case *mldsa.PublicKey:
		return PublicKeyInfo{key.Parameters().String(), "ML-DSA", 0}, nil
	}
	return PublicKeyInfo{}, refuseKey(spki)
}

func refuseKey(spki []byte) error {
	oid, _, _, ok := readSPKI(spki)
	switch {
	case !ok:
		return invalid.New("publicKey", "the public key is damaged: it is not a SubjectPublicKeyInfo")
	case oid.Equal(oidEC):
		return invalid.New("publicKey", "the elliptic curve is not supported or the point does not lie on it; use P-256, P-384 or P-521")
	case oid.Equal(oidRSA):
		return invalid.New("publicKey", "the RSA key is malformed: make a new one with good software")
	}
	return invalid.New("publicKey", "keys of type %s are not supported; use RSA, ECDSA, Ed25519, ML-DSA or another algorithm of the table", oid)
}

func checkRSA(key *rsa.PublicKey) error {
	bits := key.N.BitLen()
	switch {
	case bits < minRSABits:
		return invalid.New("publicKey", "the RSA key has %d bits; at least %d are needed", bits, minRSABits)
	case bits > maxRSABits:
		return invalid.New("publicKey", "the RSA key has %d bits; at most %d are supported", bits, maxRSABits)
	// NIST SP 800-89 5.3.3, CA/Browser Forum BR 6.1.6: smaller exponents invite attacks on careless software.
	case key.E < 65537 || key.E%2 == 0:
		return invalid.New("publicKey", "the RSA exponent is %d; use 65537", key.E)
	}
	rest := newResidues(key.N)
	switch {
	case rest.smallFactor(key.N):
		return invalid.New("publicKey", "the RSA modulus has a small prime factor: the key is broken; make a new one with good software")
	case rest.roca():
		return invalid.New("publicKey", "the RSA key was made by a chip with the ROCA flaw (CVE-2017-15361) and can be broken; make a new one elsewhere")
	case closePrimes(key.N):
		return invalid.New("publicKey", "the primes of the RSA key lie too close together: it can be factored; make a new one with good software")
	}
	return nil
}

// smallPrimes are the odd primes below 752, in products that fit a word: a long number is divided once by each product,
// and the rest is done in words.
var smallPrimes = func() (products []primeProduct) {
	for p := uint64(3); p < 752; p += 2 {
		if !big.NewInt(int64(p)).ProbablyPrime(0) {
			continue
		}
		if n := len(products); n > 0 && products[n-1].product < 1<<63/p {
			products[n-1].product *= p
			products[n-1].primes = append(products[n-1].primes, p)
		} else {
			products = append(products, primeProduct{p, []uint64{p}})
		}
	}
	return products
}()

type primeProduct struct {
	product uint64
	primes  []uint64
}

// residues are those of a modulus by the products of smallPrimes, in their order.
type residues []uint64

func newResidues(n *big.Int) residues {
	var digits [maxRSABits / 8]byte
	number := n.FillBytes(digits[:])[maxRSABits/8-(n.BitLen()+63)/64*8:]
	all := make(residues, len(smallPrimes))
	for ; len(number) > 0; number = number[8:] {
		digit := binary.BigEndian.Uint64(number)
		for i, s := range smallPrimes {
			_, all[i] = bits.Div64(all[i], digit, s.product)
		}
	}
	return all
}

// smallFactor: CA/Browser Forum BR 6.1.6, no factor below 752.
func (r residues) smallFactor(n *big.Int) bool {
	for i, s := range smallPrimes {
		for _, p := range s.primes {
			if r[i]%p == 0 {
				return true
			}
		}
	}
	return n.Bit(0) == 0
}

// rocaPowers: in a key of the flawed chips the modulus is a power of 65537 modulo each of these primes (Nemec et al., 2017).
var rocaPowers = func() map[uint64][]bool {
	all := map[uint64][]bool{}
	for _, p := range []uint64{3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} {
		powers := make([]bool, p)
		for x := uint64(1); !powers[x]; x = x * 65537 % p {
			powers[x] = true
		}
		all[p] = powers
	}
	return all
}()

func (r residues) roca() bool {
	for i, s := range smallPrimes {
		for _, p := range s.primes {
			if powers, ok := rocaPowers[p]; ok && !powers[r[i]%p] {
				return false
			}
		}
	}
	return true
}

// closePrimes tries Fermat's factorization for 100 rounds (CVE-2022-26320, BR 6.1.1.3): is a² - n a square for a little
// above the root of n? Most are seen not to be from their residues alone, which go from one round to the next in words.
func closePrimes(n *big.Int) bool {
	a, rest, b := new(big.Int).Sqrt(n), new(big.Int), new(big.Int)
	if rest.Mul(a, a).Cmp(n) < 0 {
		a.Add(a, big.NewInt(1))
	}
	modulus := new(big.Int).SetUint64(squareModulus)
	r := b.Mod(b.Sub(rest.Mul(a, a), n), modulus).Uint64()
	step := b.Mod(a, modulus).Uint64()
	for round := range int64(100) {
		if maySquare(r) {
			b.Add(a, big.NewInt(round))
			rest.Sub(rest.Mul(b, b), n)
			if b.Sqrt(rest); b.Mul(b, b).Cmp(rest) == 0 {
				return true
			}
		}
		r = (r + 2*step + 1) % squareModulus // (a+1)² = a² + 2a + 1
		step++
	}
	return false
}

// squareModuli have few residues that are those of squares.
var squareModuli = [...]uint64{64 * 63, 65 * 11 * 17, 19 * 23 * 31}

const squareModulus = 64 * 63 * 65 * 11 * 17 * 19 * 23 * 31

var squareResidues = func() (residues [len(squareModuli)][]bool) {
	for i, m := range squareModuli {
		residues[i] = make([]bool, m)
		for n := range m {
			residues[i][n*n%m] = true
		}
	}
	return residues
}()

// maySquare tells from its residue modulo squareModulus whether a number may be a square: one of 1600 others may too.
func maySquare(r uint64) bool {
	for i, m := range squareModuli {
		if !squareResidues[i][r%m] {
			return false
		}
	}
	return true
}
