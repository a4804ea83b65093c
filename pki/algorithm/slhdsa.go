package algorithm

import (
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"strings"

	"github.com/cloudflare/circl/sign/slhdsa"
	"github.com/cloudflare/circl/xof"
)

// slhdsaFamily: HashSLH-DSA of FIPS 205, identifiers of RFC 9909; the context is empty and the OID fixes the hash.
func slhdsaFamily() (f family) {
	for n, r := range []struct {
		id        slhdsa.ID
		hash      string
		strength  int
		signature int
	}{
		{slhdsa.SHA2_128s, "SHA256", 128, 7856}, {slhdsa.SHA2_128f, "SHA256", 128, 17088}, {slhdsa.SHA2_192s, "SHA512", 192, 16224},
		{slhdsa.SHA2_192f, "SHA512", 192, 35664}, {slhdsa.SHA2_256s, "SHA512", 256, 29792}, {slhdsa.SHA2_256f, "SHA512", 256, 49856},
		{
			slhdsa.SHAKE_128s, "SHAKE128", 128, 7856,
		}, {slhdsa.SHAKE_128f, "SHAKE128", 128, 17088}, {slhdsa.SHAKE_192s, "SHAKE256", 192, 16224},
		{
			slhdsa.SHAKE_192f, "SHAKE256", 192, 35664,
		}, {slhdsa.SHAKE_256s, "SHAKE256", 256, 29792}, {slhdsa.SHAKE_256f, "SHAKE256", 256, 49856},
	} {
		label := "Hash-" + r.id.String() + "-With-" + r.hash
		f.add(scheme{
			oid: asn1.ObjectIdentifier{
				2, 16, 840, 1, 101, 3, 4, 3, 35 + n,
			}, label: label, family: "Hash-SLH-DSA", ocspSigner: strings.Replace(label, "s-With", "f-With", 1),
			strength: r.strength, publicSize: r.strength / 4, signatureSize: r.signature,
			generate: func() ([]byte, error) {
				_, key, err := slhdsa.GenerateKey(rand.Reader, r.id)
				if err != nil {
					return nil, err
				}
				return key.MarshalBinary()
			},
			load: func(private []byte) ([]byte, func([]byte) ([]byte, error), error) {
				if len(private) != r.strength/2 { // two seeds and the public key's two parts
					return nil, nil, errWrongKey
				}
				key := slhdsa.PrivateKey{ID: r.id}
				if err := key.UnmarshalBinary(private); err != nil {
					return nil, nil, err
				}
				return private[r.strength/4:], func(message []byte) ([]byte, error) {
					digest, err := prehash(r.hash, message)
					if err != nil {
						return nil, err
					}
					return slhdsa.SignRandomized(&key, rand.Reader, digest, nil)
				}, nil
			},
			verify: func(public, message, signature []byte) error {
				key := slhdsa.PublicKey{ID: r.id}
				if err := key.UnmarshalBinary(public); err != nil {
					return err
				}
				digest, err := prehash(r.hash, message)
				if err != nil {
					return err
				}
				if !slhdsa.Verify(&key, digest, signature, nil) {
					return errSignature
				}
				return nil
			},
		})
	}
	return f
}

func prehash(hash string, message []byte) (*slhdsa.Message, error) {
	var h *slhdsa.PreHash
	var err error
	switch hash {
	case "SHA256":
		h, err = slhdsa.NewPreHashWithHash(crypto.SHA256)
	case "SHA512":
		h, err = slhdsa.NewPreHashWithHash(crypto.SHA512)
	case "SHAKE128":
		h, err = slhdsa.NewPreHashWithXof(xof.SHAKE128)
	case "SHAKE256":
		h, err = slhdsa.NewPreHashWithXof(xof.SHAKE256)
	default:
		err = errors.New("unknown hash " + hash)
	}
	if err != nil {
		return nil, err
	}
	if _, err := h.Write(message); err != nil {
		return nil, err
	}
	return h.BuildMessage()
}
