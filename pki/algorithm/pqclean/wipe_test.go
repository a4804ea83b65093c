package pqclean

import (
	"bytes"
	"testing"
)

// Keys pass through stack and heap of the C code. Afterwards every byte of the sandbox, also above the margin, has its
// initial value.
func TestASandboxIsAfterwardsAsItWasWhenNew(t *testing.T) {
	for _, s := range []*Scheme{Falcon512, Falcon1024, SPHINCS128f, SPHINCS192f, SPHINCS256f} {
		for _, size := range []int{0, 100_000, 5 << 20} {
			i, err := newInstance()
			if err != nil {
				t.Fatal(err)
			}
			pk, sk, out, length, m := i.allocate(s.PublicKeySize), i.allocate(s.PrivateKeySize), i.allocate(s.MaxSignatureSize),
				i.allocate(4), i.allocate(size)
			if err := i.call(s, "keypair", uint64(pk), uint64(sk)); err != nil {
				t.Fatal(err)
			}
			if err := i.call(s, "signature", uint64(out), uint64(length), uint64(m), uint64(size), uint64(sk)); err != nil {
				t.Fatal(err)
			}
			if !i.reset() {
				t.Fatal("it cannot be used again")
			}
			if memory, ok := i.memory.Read(0, i.memory.Size()); !ok || !bytes.Equal(memory, i.initial) {
				t.Errorf("%s with %d octets leaves something behind", s.name, size)
			}
			if err := i.module.Close(background); err != nil {
				t.Error(err)
			}
		}
	}
}
