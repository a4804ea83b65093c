//go:build cgo

package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/miekg/pkcs11"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Key is a private key in the token. It is a crypto.Signer of RSA (PKCS #1, PSS) or ECDSA signatures over digests, and of
// ML-DSA signatures.
type Key struct {
	token  *Token
	id     string
	public crypto.PublicKey
	Label  string // as given to Generate
	// Imported: the key was made elsewhere, and whoever had it there may have kept a copy.
	Imported bool
	// Decrypts: the key was made to decrypt too.
	Decrypts bool
}

func (k *Key) Public() crypto.PublicKey { return k.public }

type handleKey struct {
	class uint
	id    string
}

// object finds the handle of an object by its CKA_ID.
func object(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle, class uint, id string) (pkcs11.ObjectHandle, error) {
	key := handleKey{class, id}
	if kept, ok := c.handles.Load(key); ok {
		return kept.(pkcs11.ObjectHandle), nil
	}
	found, err := find(ctx, session, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(id)),
	}, 2)
	switch {
	case err != nil:
		return 0, err
	case len(found) == 0:
		return 0, ErrNotFound
	case len(found) > 1:
		return 0, fmt.Errorf("the token has more than one object with the id %s", id)
	}
	c.handles.Store(key, found[0])
	return found[0], nil
}

func find(ctx *pkcs11.Ctx, session pkcs11.SessionHandle, template []*pkcs11.Attribute, most int) ([]pkcs11.ObjectHandle, error) {
	if err := ctx.FindObjectsInit(session, template); err != nil {
		return nil, err
	}
	found, _, err := ctx.FindObjects(session, most)
	return found, errors.Join(err, ctx.FindObjectsFinal(session))
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

var curveOIDs = map[string]asn1.ObjectIdentifier{
	"P-256": {1, 2, 840, 10045, 3, 1, 7}, "P-384": {1, 3, 132, 0, 34}, "P-521": {1, 3, 132, 0, 35},
}

// templates say what a key pair may be used for: signatures, decryption only where it is asked for, and never outside the token.
func templates(id, label string, decrypts bool) (public, private []*pkcs11.Attribute) {
	public = []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, false), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(id)),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
	}
	private = []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, decrypts),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(id)), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
	}
	return public, private
}

// Import brings an RSA or ECDSA key into the token, which from then on keeps it as one of its own.
func (t *Token) Import(ctx context.Context, id, label string, key crypto.PrivateKey, decrypts bool) (*Key, error) {
	public, private := templates(id, label, decrypts)
	attribute := pkcs11.NewAttribute
	switch key := key.(type) {
	case *rsa.PrivateKey:
		e := big.NewInt(int64(key.E)).Bytes()
		kind := []*pkcs11.Attribute{
			attribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA), attribute(pkcs11.CKA_MODULUS, key.N.Bytes()),
			attribute(pkcs11.CKA_PUBLIC_EXPONENT, e),
		}
		public = append(public, kind...)
		private = append(
			append(private, kind...), attribute(pkcs11.CKA_PRIVATE_EXPONENT, key.D.Bytes()),
			attribute(pkcs11.CKA_PRIME_1, key.Primes[0].Bytes()), attribute(pkcs11.CKA_PRIME_2, key.Primes[1].Bytes()),
			attribute(
				pkcs11.CKA_EXPONENT_1, key.Precomputed.Dp.Bytes(),
			), attribute(
				pkcs11.CKA_EXPONENT_2, key.Precomputed.Dq.Bytes(),
			), attribute(pkcs11.CKA_COEFFICIENT, key.Precomputed.Qinv.Bytes()))
	case *ecdsa.PrivateKey:
		parameters, err := asn1.Marshal(curveOIDs[key.Curve.Params().Name])
		if err != nil {
			return nil, err
		}
		point, err := key.PublicKey.Bytes()
		if err != nil {
			return nil, err
		}
		wrapped, err := asn1.Marshal(point)
		if err != nil {
			return nil, err
		}
		secret, err := key.Bytes()
		if err != nil {
			return nil, err
		}
		kind := []*pkcs11.Attribute{attribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC), attribute(pkcs11.CKA_EC_PARAMS, parameters)}
		public = append(append(public, kind...), attribute(pkcs11.CKA_EC_POINT, wrapped))
		private = append(append(private, kind...), attribute(pkcs11.CKA_VALUE, secret))
	default:
		return nil, fmt.Errorf("a key of type %T cannot be imported into a token", key)
	}
	return t.make(ctx, id, func(ctx *pkcs11.Ctx, session pkcs11.SessionHandle) error {
		if _, err := ctx.CreateObject(session, append(public, attribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY))); err != nil {
			return err
		}
		_, err := ctx.CreateObject(session, append(private, attribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)))
		return err
	})
}

// PKCS #11 3.2, not yet in miekg/pkcs11.
const (
	ckkMLDSA           = 0x4a
	ckmMLDSAKeyPairGen = 0x1c
	ckmMLDSA           = 0x1d
	ckaParameterSet    = 0x61d
)

var mldsaSets = map[string]struct {
	value      uint
	parameters mldsa.Parameters
}{"ML-DSA-44": {1, mldsa.MLDSA44()}, "ML-DSA-65": {2, mldsa.MLDSA65()}, "ML-DSA-87": {3, mldsa.MLDSA87()}}

func offers(ctx *pkcs11.Ctx, slot uint, mechanism uint) bool {
	_, err := ctx.GetMechanismInfo(slot, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)})
	return err == nil
}

// Generate makes a key pair that stays in the token: not extractable, sensitive, for signatures only unless kind says otherwise.
func (t *Token) Generate(ctx context.Context, id, label string, kind Kind) (*Key, error) {
	public, private := templates(id, label, kind.Decrypts)
	mechanism := pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)
	if kind.MLDSA != "" {
		public = append(public, pkcs11.NewAttribute(ckaParameterSet, mldsaSets[kind.MLDSA].value))
		mechanism = pkcs11.NewMechanism(ckmMLDSAKeyPairGen, nil)
	} else if kind.RSABits > 0 {
		public = append(
			public, pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, kind.RSABits),
			pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		)
	} else {
		parameters, err := asn1.Marshal(curveOIDs[kind.Curve])
		if err != nil {
			return nil, err
		}
		public = append(public, pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, parameters))
		mechanism = pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)
	}
	return t.make(ctx, id, func(ctx *pkcs11.Ctx, session pkcs11.SessionHandle) error {
		_, _, err := ctx.GenerateKeyPair(session, []*pkcs11.Mechanism{mechanism}, public, private)
		return err
	})
}

// makeTimeout is for key generation: RSA takes its time in small devices.
const makeTimeout = 2 * time.Minute

// make makes a key pair under an id that was never used. What an attempt that was cut off left behind goes first.
func (t *Token) make(ctx context.Context, id string, fn func(*pkcs11.Ctx, pkcs11.SessionHandle) error) (*Key, error) {
	_, err := runFor(ctx, t, max(makeTimeout, t.cfg.Timeout), func(
		c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle,
	) (int, error) {
		if _, err := destroy(c, ctx, session, id); err != nil {
			return 0, err
		}
		err := fn(ctx, session)
		if err != nil {
			_, _ = destroy(c, ctx, session, id) // half a pair is of no use; the other error says more
		}
		return 0, err
	})
	if err != nil {
		return nil, err
	}
	return t.Open(ctx, id)
}

// destroy removes every object of a key pair's id and tells how many there were.
func destroy(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle, id string) (int, error) {
	destroyed := 0
	for _, class := range []uint{pkcs11.CKO_PUBLIC_KEY, pkcs11.CKO_PRIVATE_KEY} {
		c.handles.Delete(handleKey{class, id})
		found, err := find(ctx, session, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(id)),
		}, 16)
		if err != nil {
			return destroyed, err
		}
		for _, handle := range found {
			if err := ctx.DestroyObject(session, handle); err != nil {
				return destroyed, err
			}
			destroyed++
		}
	}
	return destroyed, nil
}

// Open returns a key by its id, or ErrNotFound. A private key that could leave the token is refused.
func (t *Token) Open(ctx context.Context, id string) (*Key, error) {
	return run(ctx, t, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) (*Key, error) {
		private, err := object(c, ctx, session, pkcs11.CKO_PRIVATE_KEY, id)
		if err != nil {
			return nil, err
		}
		k := &Key{token: t, id: id}
		guards, err := ctx.GetAttributeValue(session, private, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, nil), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, nil),
			pkcs11.NewAttribute(pkcs11.CKA_LOCAL, nil), pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil),
			pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, nil),
		})
		if err != nil {
			return nil, err
		}
		if !is(guards[0], 1) || !is(guards[1], 0) {
			return nil, fmt.Errorf("key %s in the token could be read out of it and is not used", id)
		}
		k.Imported = !is(guards[2], 1)
		k.Label = string(guards[3].Value)
		k.Decrypts = is(guards[4], 1)
		public, err := object(c, ctx, session, pkcs11.CKO_PUBLIC_KEY, id)
		if err != nil {
			return nil, err
		}
		k.public, err = readPublic(ctx, session, public)
		return k, err
	})
}

// is tells whether an attribute is there and exactly true (1) or false (0).
func is(a *pkcs11.Attribute, value byte) bool { return len(a.Value) == 1 && a.Value[0] == value }

func readPublic(ctx *pkcs11.Ctx, session pkcs11.SessionHandle, handle pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	kind, err := ctx.GetAttributeValue(session, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, nil)})
	if err != nil {
		return nil, err
	}
	if len(kind[0].Value) > 0 && kind[0].Value[0] == ckkMLDSA {
		value, err := ctx.GetAttributeValue(session, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
		if err != nil {
			return nil, err
		}
		for _, set := range mldsaSets {
			if len(value[0].Value) == set.parameters.PublicKeySize() {
				return mldsa.NewPublicKey(set.parameters, value[0].Value)
			}
		}
		return nil, errors.New("the token gave an ML-DSA key of an impossible length")
	}
	if len(kind[0].Value) > 0 && kind[0].Value[0] == pkcs11.CKK_RSA {
		parts, err := ctx.GetAttributeValue(
			session, handle,
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_MODULUS, nil), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, nil)},
		)
		if err != nil {
			return nil, err
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(parts[0].Value), E: int(new(big.Int).SetBytes(parts[1].Value).Int64())}, nil
	}
	parts, err := ctx.GetAttributeValue(
		session, handle,
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, nil), pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)},
	)
	if err != nil {
		return nil, err
	}
	for name, oid := range curveOIDs {
		parameters, err := asn1.Marshal(oid)
		if err != nil || string(parameters) != string(parts[0].Value) {
			continue
		}
		input := cryptobyte.String(parts[1].Value)
		var point cryptobyte.String
		if size := (curves[name].Params().BitSize + 7) / 8; len(input) == 1+2*size {
			point = input // some tokens leave the OCTET STRING out
		} else if !input.ReadASN1(&point, cbasn1.OCTET_STRING) || !input.Empty() {
			return nil, errors.New("the token gave a malformed EC_POINT")
		}
		return ecdsa.ParseUncompressedPublicKey(curves[name], point)
	}
	return nil, errors.New("the key in the token is on a curve that is not supported")
}

// Delete removes a key pair for good, or returns ErrNotFound.
func (t *Token) Delete(ctx context.Context, id string) error {
	destroyed, err := run(ctx, t, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) (int, error) {
		return destroy(c, ctx, session, id)
	})
	if err == nil && destroyed == 0 {
		return ErrNotFound
	}
	return err
}

// DigestInfo of RFC 8017 9.2 without the digest.
var digestInfo = map[crypto.Hash]asn1.ObjectIdentifier{
	crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
	crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
}

var pssMechanisms = map[crypto.Hash][2]uint{
	crypto.SHA256: {
		pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256,
	}, crypto.SHA384: {pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384}, crypto.SHA512: {pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512},
}

// Sign implements crypto.Signer without a context; see SignContext.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext signs a digest, or with ML-DSA a message, in the token.
func (k *Key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	var mechanism *pkcs11.Mechanism
	input := digest
	switch public := k.public.(type) {
	case *mldsa.PublicKey:
		mechanism = pkcs11.NewMechanism(ckmMLDSA, nil) // the message itself, with an empty context
	case *ecdsa.PublicKey:
		mechanism = pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)
	case *rsa.PublicKey:
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			m, ok := pssMechanisms[pss.Hash]
			if !ok || pss.SaltLength != rsa.PSSSaltLengthEqualsHash {
				return nil, errors.New("the token signs PSS with SHA-2 and a salt as long as the hash only")
			}
			mechanism = pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, pkcs11.NewPSSParams(m[0], m[1], uint(pss.Hash.Size())))
			break
		}
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(digestInfo[opts.HashFunc()])
				b.AddASN1NULL()
			})
			b.AddASN1OctetString(digest)
		})
		var err error
		if input, err = b.Bytes(); err != nil {
			return nil, err
		}
		mechanism = pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil)
	default:
		return nil, fmt.Errorf("a token key of type %T cannot sign", public)
	}
	return run(ctx, k.token, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) ([]byte, error) {
		handle, err := object(c, ctx, session, pkcs11.CKO_PRIVATE_KEY, k.id)
		if err != nil {
			return nil, err
		}
		if err := ctx.SignInit(session, []*pkcs11.Mechanism{mechanism}, handle); err != nil {
			return nil, err
		}
		signature, err := ctx.Sign(session, input)
		if err != nil {
			return nil, err
		}
		if _, ok := k.public.(*ecdsa.PublicKey); ok {
			if signature, err = ecdsaSignature(signature); err != nil {
				return nil, err
			}
		}
		// A public key that somebody put in the place of ours would make certificates that nobody can verify. Once a
		// login is enough: it costs more than the signature.
		if _, tried := c.tried.Load(k); !tried {
			if err := k.verify(digest, signature, opts); err != nil {
				return nil, err
			}
			c.tried.Store(k, true)
		}
		return signature, nil
	})
}

func (k *Key) verify(digest, signature []byte, opts crypto.SignerOpts) error {
	good := false
	switch public := k.public.(type) {
	case *ecdsa.PublicKey:
		good = ecdsa.VerifyASN1(public, digest, signature)
	case *rsa.PublicKey:
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			good = rsa.VerifyPSS(public, pss.Hash, digest, signature, pss) == nil
		} else {
			good = rsa.VerifyPKCS1v15(public, opts.HashFunc(), digest, signature) == nil
		}
	case *mldsa.PublicKey:
		good = mldsa.Verify(public, digest, signature, nil) == nil
	}
	if !good {
		return fmt.Errorf("what the token signed with key %s does not verify with its public key", k.id)
	}
	return nil
}

var oaepMechanisms = map[crypto.Hash][2]uint{
	crypto.SHA1: {pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1}, crypto.SHA256: {pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256},
	crypto.SHA384: {pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384}, crypto.SHA512: {pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512},
}

// Decrypt decrypts in the token; see keystore.Decrypter. How long the token itself takes over wrong padding is its maker's
// business; here the same steps follow whether it found the padding right or wrong.
func (k *Key) Decrypt(ctx context.Context, ciphertext []byte, o crypto.DecrypterOpts) ([]byte, error) {
	if err := CheckDecryption(o); err != nil {
		return nil, err
	}
	public, ok := k.public.(*rsa.PublicKey)
	if !ok {
		return nil, ErrUnsupported
	}
	if len(ciphertext) != public.Size() {
		return nil, ErrDecryption
	}
	mechanism, sessionKey := pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil), 0
	switch o := o.(type) {
	case *rsa.PKCS1v15DecryptOptions:
		sessionKey = o.SessionKeyLen
	case *rsa.OAEPOptions:
		mgf := o.MGFHash
		if mgf == 0 {
			mgf = o.Hash
		}
		mechanism = pkcs11.NewMechanism(
			pkcs11.CKM_RSA_PKCS_OAEP,
			pkcs11.NewOAEPParams(oaepMechanisms[o.Hash][0], oaepMechanisms[mgf][1], pkcs11.CKZ_DATA_SPECIFIED, o.Label),
		)
	}
	return run(ctx, k.token, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) ([]byte, error) {
		handle, err := object(c, ctx, session, pkcs11.CKO_PRIVATE_KEY, k.id)
		if err != nil {
			return nil, err
		}
		err = ctx.DecryptInit(session, []*pkcs11.Mechanism{mechanism}, handle)
		for _, refusal := range []uint{pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID, pkcs11.CKR_ARGUMENTS_BAD} {
			if errors.Is(err, pkcs11.Error(refusal)) {
				return nil, ErrUnsupported
			}
		}
		if err != nil {
			return nil, err
		}
		random := make([]byte, sessionKey)
		_, _ = rand.Read(random) // never fails (crypto/rand)
		plaintext, wrong := ctx.Decrypt(session, ciphertext)
		// Tokens say "general error" of wrong padding, and of their end. Whether it is the end is asked each time, so that the
		// answer to wrong padding takes no other way.
		if _, err := ctx.GetSessionInfo(session); err != nil {
			return nil, err
		}
		if sessionKey == 0 {
			if wrong != nil {
				return nil, ErrDecryption
			}
			return plaintext, nil
		}
		padded := make([]byte, sessionKey)
		copy(padded, plaintext) // nothing when the padding was wrong
		good := subtle.ConstantTimeEq(int32(len(plaintext)), int32(sessionKey))
		subtle.ConstantTimeCopy(good, random, padded)
		return random, nil
	})
}

// ecdsaSignature turns r ‖ s into DER (RFC 3279 2.2.3).
func ecdsaSignature(raw []byte) ([]byte, error) {
	if len(raw) == 0 || len(raw)%2 != 0 {
		return nil, errors.New("the token gave an ECDSA signature of an impossible length")
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(raw[:len(raw)/2]))
		b.AddASN1BigInt(new(big.Int).SetBytes(raw[len(raw)/2:]))
	})
	return b.Bytes()
}

const (
	wrappingLabel = "pkiaas wrapping key"
	nonceSize     = 12
	tagBits       = 128
)

// wrappingKey finds the AES key under which the token encrypts, and makes it when there is none. When servers make one
// each at the same moment, every one is kept and known by its id. One that could be read out of the token, or was brought
// into it, is not ours.
func (t *Token) wrappingKey(ctx *pkcs11.Ctx, session pkcs11.SessionHandle) (string, error) {
	t.wrapping.Lock()
	defer t.wrapping.Unlock()
	attribute := pkcs11.NewAttribute
	template := []*pkcs11.Attribute{
		attribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attribute(pkcs11.CKA_TOKEN, true), attribute(pkcs11.CKA_LABEL, wrappingLabel),
	}
	found, err := find(ctx, session, template, 64)
	if err != nil {
		return "", err
	}
	for _, handle := range found {
		is, id, err := goodWrappingKey(ctx, session, handle)
		if err != nil {
			return "", err
		}
		if is {
			return id, nil
		}
	}
	id := rand.Text()
	_, err = ctx.GenerateKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, append(template,
		attribute(pkcs11.CKA_PRIVATE, true), attribute(pkcs11.CKA_SENSITIVE, true), attribute(pkcs11.CKA_EXTRACTABLE, false),
		attribute(pkcs11.CKA_DERIVE, false),
		attribute(pkcs11.CKA_ENCRYPT, true), attribute(pkcs11.CKA_DECRYPT, true), attribute(pkcs11.CKA_WRAP, false),
		attribute(pkcs11.CKA_UNWRAP, false),
		attribute(pkcs11.CKA_VALUE_LEN, 32), attribute(pkcs11.CKA_ID, []byte(id))))
	return id, err
}

func goodWrappingKey(ctx *pkcs11.Ctx, session pkcs11.SessionHandle, handle pkcs11.ObjectHandle) (bool, string, error) {
	attribute := pkcs11.NewAttribute
	a, err := ctx.GetAttributeValue(
		session, handle,
		[]*pkcs11.Attribute{
			attribute(pkcs11.CKA_ID, nil), attribute(pkcs11.CKA_SENSITIVE, nil), attribute(pkcs11.CKA_ALWAYS_SENSITIVE, nil),
			attribute(pkcs11.CKA_NEVER_EXTRACTABLE, nil), attribute(pkcs11.CKA_LOCAL, nil), attribute(pkcs11.CKA_EXTRACTABLE, nil)})
	if err != nil {
		return false, "", err
	}
	return is(a[1], 1) && is(a[2], 1) && is(a[3], 1) && is(a[4], 1) && is(a[5], 0), string(a[0].Value), nil
}

// Encrypt seals a secret with AES-256-GCM under a key that never leaves the token.
func (t *Token) Encrypt(ctx context.Context, plaintext, additional []byte) ([]byte, error) {
	return run(ctx, t, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) ([]byte, error) {
		id, err := t.wrappingKey(ctx, session)
		if err != nil {
			return nil, err
		}
		nonce := make([]byte, nonceSize)
		_, _ = rand.Read(nonce) // never fails (crypto/rand)
		result, used, err := gcm(
			c, ctx, session, id, nonce, additional, func() ([]byte, error) { return ctx.Encrypt(session, plaintext) }, ctx.EncryptInit,
		)
		if err != nil {
			return nil, err
		}
		var b cryptobyte.Builder
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(id)) })
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(used) })
		b.AddBytes(result)
		return b.Bytes()
	})
}

// Decrypt opens what Encrypt sealed with the same additional data.
func (t *Token) Decrypt(ctx context.Context, sealed, additional []byte) ([]byte, error) {
	input := cryptobyte.String(sealed)
	var id, nonce cryptobyte.String
	if !input.ReadUint8LengthPrefixed(&id) || !input.ReadUint8LengthPrefixed(&nonce) {
		return nil, errors.New("this was not sealed by a token")
	}
	return run(ctx, t, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) ([]byte, error) {
		plaintext, _, err := gcm(
			c, ctx, session, string(id), nonce, additional, func() ([]byte, error) { return ctx.Decrypt(session, input) }, ctx.DecryptInit,
		)
		if errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("the token has not the key %s that this was sealed with", id)
		}
		return plaintext, err
	})
}

func gcm(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle, id string, nonce, additional []byte, run func() ([]byte, error),
	begin func(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error) (result, used []byte, err error) {
	handle, err := object(c, ctx, session, pkcs11.CKO_SECRET_KEY, id)
	if err != nil {
		return nil, nil, err
	}
	parameters := pkcs11.NewGCMParams(nonce, additional, tagBits)
	defer parameters.Free()
	if err := begin(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, parameters)}, handle); err != nil {
		return nil, nil, err
	}
	if result, err = run(); err != nil {
		return nil, nil, err
	}
	if used = parameters.IV(); len(used) == 0 { // some tokens draw their own
		used = nonce
	}
	return result, used, nil
}
