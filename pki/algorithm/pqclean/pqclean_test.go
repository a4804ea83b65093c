package pqclean

import (
	"bytes"
	"sync"
	"testing"
)

func TestSchemes(t *testing.T) {
	for _, s := range []*Scheme{Falcon512, Falcon1024, SPHINCS128f} {
		public, private, err := s.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for n := range 4 {
			wg.Go(func() {
				message := []byte{byte(n)}
				signature, err := s.Sign(private, message)
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Verify(public, message, signature); err != nil {
					t.Error(err)
				}
				if s.Verify(public, []byte("another"), signature) == nil {
					t.Error("another message verifies")
				}
				signature[len(signature)/2] ^= 1
				if s.Verify(public, message, signature) == nil {
					t.Error("an altered signature verifies")
				}
			})
		}
		wg.Wait()
		if s.Verify(public, nil, nil) == nil || s.Verify(public[1:], nil, []byte{1}) == nil {
			t.Error("nothing verifies")
		}
	}
}

func TestNothingOfAKeyStaysInTheSandbox(t *testing.T) {
	public, private, err := Falcon512.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Falcon512.Sign(private, []byte("message")); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for len(pool) > 0 {
		i := <-pool
		seen++
		memory, _ := i.memory.Read(0, i.memory.Size())
		if bytes.Contains(memory, private[100:132]) || bytes.Contains(memory, public[100:132]) {
			t.Error("the key is still in the memory of the sandbox")
		}
	}
	if seen == 0 {
		t.Error("no sandbox was kept for the next signature")
	}
}

func TestALargeMessage(t *testing.T) {
	public, private, err := Falcon512.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 14<<20)
	signature, err := Falcon512.Sign(private, message)
	if err != nil {
		t.Fatal(err)
	}
	if err := Falcon512.Verify(public, message, signature); err != nil {
		t.Error(err)
	}
}

func TestAMessageThatDoesNotFitIsRefusedAndTheNextOneIsSigned(t *testing.T) {
	_, private, err := Falcon512.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Falcon512.Sign(private, make([]byte, 24<<20)); err == nil {
		t.Error("signed what does not fit")
	}
	if _, err := Falcon512.Sign(private, []byte("message")); err != nil {
		t.Error(err)
	}
}

func BenchmarkSignFalcon512(b *testing.B) {
	_, private, err := Falcon512.GenerateKey()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Falcon512.Sign(private, []byte("message")); err != nil {
			b.Fatal(err)
		}
	}
}
