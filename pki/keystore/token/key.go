//go:build cgo

package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/miekg/pkcs11"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Key is a private key in the token. It is a crypto.Signer of RSA (PKCS #1, PSS) or ECDSA signatures over digests.
type Key struct {
	token  *Token
	id     string
	public crypto.PublicKey
	Label  string // as given to Generate
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
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(id)),
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

var curveOIDs = map[string]asn1.ObjectIdentifier{"P-256": {1, 2, 840, 10045, 3, 1, 7}, "P-384": {1, 3, 132, 0, 34}, "P-521": {1, 3, 132, 0, 35}}

// templates say what a key pair may be used for: signatures only, and never outside the token.
func templates(id, label string) (public, private []*pkcs11.Attribute) {
	public = []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true), pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, false), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(id)), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
	}
	private = []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(id)), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
	}
	return public, private
}

// Import brings an RSA or ECDSA key into the token, which from then on keeps it as one of its own.
func (t *Token) Import(ctx context.Context, id, label string, key crypto.PrivateKey) (*Key, error) {
	public, private := templates(id, label)
	attribute := pkcs11.NewAttribute
	switch key := key.(type) {
	case *rsa.PrivateKey:
		e := big.NewInt(int64(key.E)).Bytes()
		kind := []*pkcs11.Attribute{attribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA), attribute(pkcs11.CKA_MODULUS, key.N.Bytes()), attribute(pkcs11.CKA_PUBLIC_EXPONENT, e)}
		public = append(public, kind...)
		private = append(append(private, kind...), attribute(pkcs11.CKA_PRIVATE_EXPONENT, key.D.Bytes()), attribute(pkcs11.CKA_PRIME_1, key.Primes[0].Bytes()), attribute(pkcs11.CKA_PRIME_2, key.Primes[1].Bytes()),
			attribute(pkcs11.CKA_EXPONENT_1, key.Precomputed.Dp.Bytes()), attribute(pkcs11.CKA_EXPONENT_2, key.Precomputed.Dq.Bytes()), attribute(pkcs11.CKA_COEFFICIENT, key.Precomputed.Qinv.Bytes()))
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
	err := t.do(ctx, func(_ *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) error {
		if _, err := ctx.CreateObject(session, append(public, attribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY))); err != nil {
			return err
		}
		_, err := ctx.CreateObject(session, append(private, attribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)))
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.Open(ctx, id)
}

// Generate makes a key pair that stays in the token: not extractable, sensitive, for signatures only.
func (t *Token) Generate(ctx context.Context, id, label string, kind Kind) (*Key, error) {
	public, private := templates(id, label)
	mechanism := pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)
	if kind.RSABits > 0 {
		public = append(public, pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, kind.RSABits), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}))
	} else {
		parameters, err := asn1.Marshal(curveOIDs[kind.Curve])
		if err != nil {
			return nil, err
		}
		public = append(public, pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, parameters))
		mechanism = pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)
	}
	err := t.do(ctx, func(_ *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) error {
		_, _, err := ctx.GenerateKeyPair(session, []*pkcs11.Mechanism{mechanism}, public, private)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.Open(ctx, id)
}

// Open returns a key by its id, or ErrNotFound. A private key that could leave the token is refused.
func (t *Token) Open(ctx context.Context, id string) (*Key, error) {
	k := &Key{token: t, id: id}
	err := t.do(ctx, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) error {
		private, err := object(c, ctx, session, pkcs11.CKO_PRIVATE_KEY, id)
		if err != nil {
			return err
		}
		guards, err := ctx.GetAttributeValue(session, private, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, nil), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, nil), pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil),
		})
		if err != nil {
			return err
		}
		if !isTrue(guards[0]) || isTrue(guards[1]) {
			return fmt.Errorf("key %s in the token could be read out of it and is not used", id)
		}
		k.Label = string(guards[2].Value)
		public, err := object(c, ctx, session, pkcs11.CKO_PUBLIC_KEY, id)
		if err != nil {
			return err
		}
		k.public, err = readPublic(ctx, session, public)
		return err
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

func isTrue(a *pkcs11.Attribute) bool { return len(a.Value) == 1 && a.Value[0] != 0 }

func readPublic(ctx *pkcs11.Ctx, session pkcs11.SessionHandle, handle pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	kind, err := ctx.GetAttributeValue(session, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, nil)})
	if err != nil {
		return nil, err
	}
	if len(kind[0].Value) > 0 && kind[0].Value[0] == pkcs11.CKK_RSA {
		parts, err := ctx.GetAttributeValue(session, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_MODULUS, nil), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, nil)})
		if err != nil {
			return nil, err
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(parts[0].Value), E: int(new(big.Int).SetBytes(parts[1].Value).Int64())}, nil
	}
	parts, err := ctx.GetAttributeValue(session, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, nil), pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)})
	if err != nil {
		return nil, err
	}
	input := cryptobyte.String(parts[1].Value)
	var point cryptobyte.String
	if !input.ReadASN1(&point, cbasn1.OCTET_STRING) {
		point = parts[1].Value // some tokens leave the OCTET STRING out
	}
	for name, oid := range curveOIDs {
		if parameters, err := asn1.Marshal(oid); err == nil && string(parameters) == string(parts[0].Value) {
			return ecdsa.ParseUncompressedPublicKey(curves[name], point)
		}
	}
	return nil, errors.New("the key in the token is on a curve that is not supported")
}

// Delete removes a key pair for good, or returns ErrNotFound.
func (t *Token) Delete(ctx context.Context, id string) error {
	return t.do(ctx, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) error {
		private, err := object(c, ctx, session, pkcs11.CKO_PRIVATE_KEY, id)
		if err != nil {
			return err
		}
		if public, err := object(c, ctx, session, pkcs11.CKO_PUBLIC_KEY, id); err == nil {
			if err := ctx.DestroyObject(session, public); err != nil {
				return err
			}
		}
		c.handles.Delete(handleKey{pkcs11.CKO_PUBLIC_KEY, id})
		c.handles.Delete(handleKey{pkcs11.CKO_PRIVATE_KEY, id})
		return ctx.DestroyObject(session, private)
	})
}

// DigestInfo of RFC 8017 9.2 without the digest.
var digestInfo = map[crypto.Hash]asn1.ObjectIdentifier{crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3}}

var pssMechanisms = map[crypto.Hash][2]uint{
	crypto.SHA256: {pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256}, crypto.SHA384: {pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384}, crypto.SHA512: {pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512},
}

// Sign implements crypto.Signer without a context; see SignContext.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext signs a digest in the token.
func (k *Key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	var mechanism *pkcs11.Mechanism
	input := digest
	switch public := k.public.(type) {
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
	var signature []byte
	err := k.token.do(ctx, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) error {
		handle, err := object(c, ctx, session, pkcs11.CKO_PRIVATE_KEY, k.id)
		if err != nil {
			return err
		}
		if err := ctx.SignInit(session, []*pkcs11.Mechanism{mechanism}, handle); err != nil {
			return err
		}
		signature, err = ctx.Sign(session, input)
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, ok := k.public.(*ecdsa.PublicKey); ok {
		return ecdsaSignature(signature)
	}
	return signature, nil
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
// each at the same moment, every one is kept and known by its id.
func (t *Token) wrappingKey(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) (string, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, wrappingLabel)}
	found, err := find(ctx, session, template, 1)
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		id, err := ctx.GetAttributeValue(session, found[0], []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, nil)})
		if err != nil {
			return "", err
		}
		return string(id[0].Value), nil
	}
	id := rand.Text()
	_, err = ctx.GenerateKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, append(template,
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true), pkcs11.NewAttribute(pkcs11.CKA_WRAP, false), pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(id))))
	return id, err
}

// Encrypt seals a secret with AES-256-GCM under a key that never leaves the token.
func (t *Token) Encrypt(ctx context.Context, plaintext, additional []byte) (sealed []byte, err error) {
	err = t.do(ctx, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) error {
		id, err := t.wrappingKey(c, ctx, session)
		if err != nil {
			return err
		}
		nonce := make([]byte, nonceSize)
		_, _ = rand.Read(nonce) // never fails (crypto/rand)
		result, used, err := gcm(c, ctx, session, id, nonce, additional, func() ([]byte, error) { return ctx.Encrypt(session, plaintext) }, ctx.EncryptInit)
		if err != nil {
			return err
		}
		var b cryptobyte.Builder
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(id)) })
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(used) })
		b.AddBytes(result)
		sealed, err = b.Bytes()
		return err
	})
	return sealed, err
}

// Decrypt opens what Encrypt sealed with the same additional data.
func (t *Token) Decrypt(ctx context.Context, sealed, additional []byte) (plaintext []byte, err error) {
	input := cryptobyte.String(sealed)
	var id, nonce cryptobyte.String
	if !input.ReadUint8LengthPrefixed(&id) || !input.ReadUint8LengthPrefixed(&nonce) {
		return nil, errors.New("this was not sealed by a token")
	}
	err = t.do(ctx, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) error {
		plaintext, _, err = gcm(c, ctx, session, string(id), nonce, additional, func() ([]byte, error) { return ctx.Decrypt(session, input) }, ctx.DecryptInit)
		if errors.Is(err, ErrNotFound) {
			return fmt.Errorf("the token has not the key %s that this was sealed with", id)
		}
		return err
	})
	return plaintext, err
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
