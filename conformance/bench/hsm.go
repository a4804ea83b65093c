//go:build cgo

package main

import (
	"context"
	"crypto"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/keystore/token/tokentest"
)

const tokenAim = 0.80 // of the bare loop on the token

func init() { hsm = tokens }

// setup is how many sessions a key store has, and how many callers share them. The bare loop has a goroutine a session.
type setup struct{ sessions, callers int }

var setups = []setup{{1, 1}, {1, 8}, {8, 8}}

// attribute makes templates readable.
var attribute = pkcs11.NewAttribute

// tokens compares keys in a SoftHSM token, used by the key store and by the product, with a bare loop on the token.
func tokens(cell time.Duration, only *regexp.Regexp) error {
	fmt.Printf(
		"\n%d cores, load average before %s; SoftHSM. The bare loop has one goroutine a session; issuance over GraphQL on SQLite, %d "+
			"clients and server on the same cores\n\n"+
			"| key | sessions | callers | bare loop sign/s | key store sign/s | of bare | of bare by CPU time | aim %.2f | issuance/s | "+
			"of bare | issuance by CPU time |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: "+
			"|\n", runtime.NumCPU(), load(), clients, tokenAim)
	if _, err := os.Stat(tokentest.SoftHSM); err != nil {
		fmt.Println("| not measured: SoftHSM is not installed | | | | | | | | | | |")
		return nil
	}
	data, err := os.MkdirTemp("", "pkiaas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	if err := os.Setenv("SOFTHSM2_CONF", filepath.Join(data, "softhsm2.conf")); err != nil {
		return err
	}
	pin := filepath.Join(data, "pin")
	if err := os.WriteFile(pin, []byte(tokentest.PIN), 0o600); err != nil {
		return err
	}
	uri := func(use string, sessions int) string {
		return fmt.Sprintf(
			"pkcs11:token=%s-%d?module-path=%s&pin-source=file:%s&x-sessions=%d", use, sessions, tokentest.SoftHSM, pin, sessions,
		)
	}
	for _, label := range []string{"bare", "store-1", "store-8", "server-1", "server-8"} {
		if err := tokentest.Init(data, label); err != nil {
			return err
		}
	}
	bare, err := openBare("bare")
	if err != nil {
		return err
	}
	stores := map[int]keystore.Store{}
	args := []string{"--keystore", "file:" + filepath.Join(data, "keys")}
	for _, n := range []int{1, 8} {
		if stores[n], err = keystore.OpenStore(
			uri("store", n), keystore.Options{Dir: filepath.Join(data, fmt.Sprintf("wrapped-%d", n))},
		); err != nil {
			return err
		}
		args = append(args, "--keystore", fmt.Sprintf("hsm-%d=%s", n, uri("server", n)))
	}
	i, err := startIssuer(data, args...)
	if err != nil {
		return err
	}
	defer func() { _ = i.server.Stop() }() // measured already
	for _, key := range bareKeys {
		if !only.MatchString(key.label) {
			continue
		}
		a, err := algorithm.ForLabel(key.label)
		if err != nil {
			return err
		}
		loop, err := key.make(bare)
		if err != nil {
			return fmt.Errorf("%s: %w", key.label, err)
		}
		kept, authorities := map[int]keystore.Key{}, map[int]string{}
		for n, s := range stores {
			if kept[n], err = s.Generate(context.Background(), a, keystore.Signing); err != nil {
				return err
			}
			if authorities[n], err = i.authority(key.label, fmt.Sprintf("hsm-%d", n)); err != nil {
				return err
			}
		}
		for _, s := range setups {
			rates, byCPU, err := inTurn(cell/2, s, i.benchCPU(), func(worker int) error {
				return loop(bare.sessions[worker])
			}, func(int) error {
				_, err := kept[s.sessions].Sign(context.Background(), message)
				return err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", key.label, err)
			}
			issued := "| | | |"
			if s.callers > 1 {
				rate, byCPU, err := i.issuance(authorities[s.sessions], cell)
				if err != nil {
					return err
				}
				issued = fmt.Sprintf("| %s | %.2f | %s |", digits(rate), rate/rates[0], digits(byCPU))
			}
			fmt.Printf(
				"| %s | %d | %d | %s | %s | %.2f | %.2f | %s %s\n", key.label, s.sessions, s.callers, digits(rates[0]), digits(rates[1]),
				rates[1]/rates[0], byCPU[1]/byCPU[0], verdict(rates[1]/rates[0], byCPU[1]/byCPU[0], tokenAim), issued,
			)
		}
	}
	return nil
}

// inTurn measures the bare loop and the key store several times by turns, so that what else the machine does hits both,
// and returns the median of each.
func inTurn(length time.Duration, s setup, cpu func() (float64, error), bare, store func(int) error) (rates, byCPU [2]float64, err error) {
	var all, allByCPU [2][]float64
	for range 5 {
		for n, fn := range []func(int) error{bare, store} {
			rate, perCPU, err := withCPU([]int{s.sessions, s.callers}[n], length, cpu, fn)
			if err != nil {
				return rates, byCPU, err
			}
			all[n], allByCPU[n] = append(all[n], rate), append(allByCPU[n], perCPU)
		}
	}
	for n := range all {
		rates[n], byCPU[n] = median(all[n]), median(allByCPU[n])
	}
	return rates, byCPU, nil
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// bareToken is a token without anything of ours.
type bareToken struct {
	*pkcs11.Ctx
	sessions []pkcs11.SessionHandle
}

func openBare(label string) (*bareToken, error) {
	t := &bareToken{Ctx: pkcs11.New(tokentest.SoftHSM)}
	if err := t.Initialize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return nil, err
	}
	slots, err := t.GetSlotList(true)
	if err != nil {
		return nil, err
	}
	for _, slot := range slots {
		info, err := t.GetTokenInfo(slot)
		if err != nil {
			return nil, err
		}
		if info.Label != label {
			continue
		}
		for range 8 {
			session, err := t.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
			if err != nil {
				return nil, err
			}
			t.sessions = append(t.sessions, session)
		}
		return t, t.Login(t.sessions[0], pkcs11.CKU_USER, tokentest.PIN)
	}
	return nil, fmt.Errorf("there is no token %s", label)
}

// bareKeys are those of the table, each with what makes it and returns one turn of the loop.
var bareKeys = []struct {
	label string
	make  func(*bareToken) (func(pkcs11.SessionHandle) error, error)
}{
	{"RSA-2048+PKCS15-SHA256", func(t *bareToken) (func(pkcs11.SessionHandle) error, error) {
		return t.pair(
			pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil), 51, attribute(pkcs11.CKA_MODULUS_BITS, 2048),
			attribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		)
	}},
	{"RSA-4096+PSS-SHA512", func(t *bareToken) (func(pkcs11.SessionHandle) error, error) {
		pss := pkcs11.NewPSSParams(pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512, 64)
		return t.pair(
			pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, pss), 64,
			attribute(pkcs11.CKA_MODULUS_BITS, 4096), attribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		)
	}},
	{"ECDSAP256+SHA256", func(t *bareToken) (func(pkcs11.SessionHandle) error, error) {
		return t.pair(
			pkcs11.CKM_EC_KEY_PAIR_GEN, pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil), 32,
			attribute(pkcs11.CKA_EC_PARAMS, []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}),
		)
	}},
	{"ECDSAP384+SHA384", func(t *bareToken) (func(pkcs11.SessionHandle) error, error) {
		return t.pair(
			pkcs11.CKM_EC_KEY_PAIR_GEN, pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil), 48,
			attribute(pkcs11.CKA_EC_PARAMS, []byte{6, 5, 0x2b, 0x81, 4, 0, 0x22}),
		)
	}},
	{"ML-DSA-65", (*bareToken).wrapped},
}

// pair makes a key pair; a turn signs size octets, as long as a digest or a DigestInfo.
func (t *bareToken) pair(
	generate uint, sign *pkcs11.Mechanism, size int, kind ...*pkcs11.Attribute,
) (func(pkcs11.SessionHandle) error, error) {
	public := append(kind, attribute(pkcs11.CKA_TOKEN, true), attribute(pkcs11.CKA_VERIFY, true))
	private := []*pkcs11.Attribute{
		attribute(pkcs11.CKA_TOKEN, true), attribute(pkcs11.CKA_PRIVATE, true), attribute(pkcs11.CKA_SENSITIVE, true),
		attribute(pkcs11.CKA_EXTRACTABLE, false), attribute(pkcs11.CKA_SIGN, true),
	}
	_, handle, err := t.GenerateKeyPair(t.sessions[0], []*pkcs11.Mechanism{pkcs11.NewMechanism(generate, nil)}, public, private)
	mechanism, digest := []*pkcs11.Mechanism{sign}, make([]byte, size)
	return func(session pkcs11.SessionHandle) error {
		if err := t.SignInit(session, mechanism, handle); err != nil {
			return err
		}
		_, err := t.Sign(session, digest)
		return err
	}, err
}

// wrapped is an ML-DSA-65 key under an AES key of the token; a turn decrypts, parses and signs.
func (t *bareToken) wrapped() (func(pkcs11.SessionHandle) error, error) {
	wrapping, err := t.GenerateKey(
		t.sessions[0], []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
			attribute(pkcs11.CKA_TOKEN, true), attribute(pkcs11.CKA_PRIVATE, true), attribute(pkcs11.CKA_SENSITIVE, true),
			attribute(pkcs11.CKA_EXTRACTABLE, false),
			attribute(pkcs11.CKA_ENCRYPT, true), attribute(pkcs11.CKA_DECRYPT, true), attribute(pkcs11.CKA_VALUE_LEN, 32)})
	if err != nil {
		return nil, err
	}
	key, err := mldsa.GenerateKey(mldsa.MLDSA65())
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	nonce, additional := make([]byte, 12), make([]byte, 2000) // the public key is bound to it
	gcm := func(begin func(
		pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle,
	) error, run func(pkcs11.SessionHandle, []byte) ([]byte, error), session pkcs11.SessionHandle, input []byte) ([]byte, error) {
		parameters := pkcs11.NewGCMParams(nonce, additional, 128)
		defer parameters.Free()
		if err := begin(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, parameters)}, wrapping); err != nil {
			return nil, err
		}
		return run(session, input)
	}
	sealed, err := gcm(t.EncryptInit, t.Encrypt, t.sessions[0], pkcs8)
	return func(session pkcs11.SessionHandle) error {
		clear, err := gcm(t.DecryptInit, t.Decrypt, session, sealed)
		if err != nil {
			return err
		}
		parsed, err := x509.ParsePKCS8PrivateKey(clear)
		if err != nil {
			return err
		}
		_, err = parsed.(crypto.Signer).Sign(rand.Reader, message, &mldsa.Options{})
		return err
	}, err
}
