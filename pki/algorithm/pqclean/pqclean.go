// Package pqclean runs the PQClean project's C code for Falcon and SPHINCS+ (round 3), compiled to WebAssembly by the
// npm package of the same name, in wazero. It needs no cgo, and memory errors stay in the sandbox.
package pqclean

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// The build copies the file from node_modules (scripts/env.sh). It is not in the repository.
//
//go:embed all:wasm
var files embed.FS

const (
	moduleFile = "wasm/pqclean.wasm"
	moduleHash = "f3963751e47850955073eca745d73d57f2b33c9dcfa0e6289aaab725ca087c3d" // SHA-256; package pqclean 0.8.1
)

// Scheme is one signature scheme of the module. Sizes in bytes.
type Scheme struct {
	name                          string // as in the names of the exported functions
	PublicKeySize, PrivateKeySize int
	MaxSignatureSize              int
	slow                          bool // runs in a child process, see worker.go
}

// These are the schemes in use.
var (
	Falcon512     = &Scheme{"FALCON512", 897, 1281, 752, false}
	Falcon1024    = &Scheme{"FALCON1024", 1793, 2305, 1462, false}
	SPHINCS128f   = &Scheme{"SPHINCSSHA2128FSIMPLE", 32, 64, 17088, true}
	SPHINCS128s   = &Scheme{"SPHINCSSHA2128SSIMPLE", 32, 64, 7856, true}
	SPHINCS192f   = &Scheme{"SPHINCSSHA2192FSIMPLE", 48, 96, 35664, true}
	SPHINCS192s   = &Scheme{"SPHINCSSHA2192SSIMPLE", 48, 96, 16224, true}
	SPHINCS256f   = &Scheme{"SPHINCSSHA2256FSIMPLE", 64, 128, 49856, true}
	SPHINCS256s   = &Scheme{"SPHINCSSHA2256SSIMPLE", 64, 128, 29792, true}
	errSignature  = errors.New("the signature does not verify")
	schemes       = []*Scheme{Falcon512, Falcon1024, SPHINCS128f, SPHINCS128s, SPHINCS192f, SPHINCS192s, SPHINCS256f, SPHINCS256s}
	background    = context.Background() // the module never blocks
	errSandboxRAM = errors.New("the message is too large for the WebAssembly sandbox")
)

// GenerateKey generates a key pair.
func (s *Scheme) GenerateKey() (public, private []byte, err error) {
	if s.slow && !isWorker {
		pair, err := inWorker(opGenerate, s, nil, nil)
		if err != nil || len(pair) != s.PublicKeySize+s.PrivateKeySize {
			return nil, nil, errors.Join(err, errWorker)
		}
		return pair[:s.PublicKeySize], pair[s.PublicKeySize:], nil
	}
	err = use(func(i *instance) error {
		pk, sk := i.allocate(s.PublicKeySize), i.allocate(s.PrivateKeySize)
		if err := i.call(s, "keypair", uint64(pk), uint64(sk)); err != nil {
			return err
		}
		public, private = i.read(pk, s.PublicKeySize), i.read(sk, s.PrivateKeySize)
		return nil
	})
	return public, private, err
}

// Sign signs a message. The sandbox has 16 MiB of memory, so it refuses messages above about 15 MiB.
func (s *Scheme) Sign(private, message []byte) (signature []byte, err error) {
	if s.slow && !isWorker {
		return inWorker(opSign, s, private, message)
	}
	err = use(func(i *instance) error {
		out, length := i.allocate(s.MaxSignatureSize), i.allocate(4)
		m, sk := i.write(message), i.write(private)
		if err := i.call(s, "signature", uint64(out), uint64(length), uint64(m), uint64(len(message)), uint64(sk)); err != nil {
			return err
		}
		n, ok := i.memory.ReadUint32Le(length)
		if !ok || int(n) > s.MaxSignatureSize {
			return errors.New("the signature has an invalid length")
		}
		signature = i.read(out, int(n))
		return nil
	})
	return signature, err
}

// Verify checks a signature.
func (s *Scheme) Verify(public, message, signature []byte) error {
	if len(public) != s.PublicKeySize || len(signature) > s.MaxSignatureSize || len(signature) == 0 {
		return errSignature
	}
	return use(func(i *instance) error {
		sig, m, pk := i.write(signature), i.write(message), i.write(public)
		if i.call(s, "verify", uint64(sig), uint64(len(signature)), uint64(m), uint64(len(message)), uint64(pk)) != nil {
			return errSignature
		}
		return nil
	})
}

// instance is a sandbox with its own memory, used by one caller at a time.
type instance struct {
	module  api.Module
	memory  api.Memory
	initial []byte // shared and read-only
	used    uint32 // end of the highest allocation; stack and data are below the heap
	err     error
}

// pool holds idle sandboxes. slots limits how many run at once, because each has 16 MiB of memory.
var (
	pool  = make(chan *instance, runtime.GOMAXPROCS(0))
	slots = make(chan struct{}, runtime.GOMAXPROCS(0))
)

// use runs fn in a sandbox and then restores its initial memory, so that nothing of a private key is left behind.
func use(fn func(*instance) error) error {
	slots <- struct{}{}
	defer func() { <-slots }()
	var i *instance
	select {
	case i = <-pool:
	default:
		var err error
		if i, err = newInstance(); err != nil {
			return err
		}
	}
	err := fn(i)
	if i.err != nil {
		err = i.err
	}
	if i.reset() {
		select {
		case pool <- i:
			return err
		default:
		}
	}
	return errors.Join(err, i.module.Close(background))
}

// reset wipes the sandbox, and tells whether it can be reused.
func (i *instance) reset() bool {
	// The C code itself allocates some hash states after ours, hence the margin.
	used := min(i.used+margin, i.memory.Size())
	memory, ok := i.memory.Read(0, used)
	if !ok || int(used) > len(i.initial) {
		return false
	}
	copy(memory, i.initial)
	i.used = 0
	return i.err == nil
}

const margin = 1 << 20

func newInstance() (*instance, error) {
	r, err := compiled()
	if err != nil {
		return nil, err
	}
	module, err := r.runtime.InstantiateModule(
		background, r.module, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"),
	)
	if err != nil {
		return nil, fmt.Errorf("cannot start the post-quantum sandbox: %w", err)
	}
	i := &instance{module: module, memory: module.Memory()}
	memory, ok := i.memory.Read(0, i.memory.Size())
	if !ok {
		return nil, errors.New("the post-quantum sandbox has no memory")
	}
	// Every new sandbox has the same content.
	fresh.Do(func() { initial = append([]byte(nil), memory...) })
	i.initial = initial
	return i, nil
}

var (
	fresh   sync.Once
	initial []byte
)

type sandbox struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
}

// compiled loads the module once.
var compiled = sync.OnceValues(func() (*sandbox, error) {
	code, err := files.ReadFile(moduleFile)
	if err != nil {
		return nil, errors.New("this program was built without PQClean's code for Falcon and SPHINCS+: build it with `npm run build`")
	}
	if hash := sha256.Sum256(code); hex.EncodeToString(hash[:]) != moduleHash {
		return nil, errors.New("PQClean's code does not match this program: reinstall the npm packages and build again")
	}
	r := &sandbox{runtime: wazero.NewRuntime(background)}
	_, err = r.runtime.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(func(
		_ context.Context, m api.Module, pointer, length uint32,
	) uint32 {
		buffer, ok := m.Memory().Read(pointer, length)
		if !ok {
			return 1
		}
		_, _ = rand.Read(buffer) // never fails (crypto/rand)
		return 0
	}).Export("PQCLEAN_randombytes").Instantiate(background)
	if err != nil {
		return nil, err
	}
	_, err = r.runtime.NewHostModuleBuilder("wasi_snapshot_preview1").NewFunctionBuilder().WithFunc(func(uint32) {
		panic("the post-quantum sandbox failed")
	}).Export("proc_exit").Instantiate(background)
	if err != nil {
		return nil, err
	}
	r.module, err = r.runtime.CompileModule(background, code)
	return r, err
})

// allocate returns the address of n new bytes, or 0 after a failure, which use reports.
func (i *instance) allocate(n int) uint32 {
	if i.err != nil {
		return 0
	}
	result, err := i.module.ExportedFunction("malloc").Call(background, uint64(max(n, 1)))
	if err == nil && result[0] == 0 {
		err = errSandboxRAM
	}
	if err != nil {
		i.err = err
		return 0
	}
	i.used = max(i.used, uint32(result[0])+uint32(n))
	return uint32(result[0])
}

func (i *instance) write(data []byte) uint32 {
	pointer := i.allocate(len(data))
	if i.err == nil && !i.memory.Write(pointer, data) {
		i.err = errSandboxRAM
	}
	return pointer
}

func (i *instance) read(pointer uint32, n int) []byte {
	view, ok := i.memory.Read(pointer, uint32(n))
	if !ok {
		i.err = errSandboxRAM
		return nil
	}
	return append([]byte(nil), view...)
}

func (i *instance) call(s *Scheme, operation string, arguments ...uint64) error {
	if i.err != nil {
		return i.err
	}
	function := i.module.ExportedFunction("PQCLEAN_" + s.name + "_CLEAN_crypto_sign_" + operation)
	if function == nil {
		i.err = fmt.Errorf("the post-quantum sandbox cannot %s with %s", operation, s.name)
		return i.err
	}
	result, err := function.Call(background, arguments...)
	if err != nil {
		i.err = err
		return err
	}
	if int32(result[0]) != 0 {
		return fmt.Errorf("%s: %s failed", s.name, operation)
	}
	return nil
}
