package pqclean

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
)

// WebAssembly cannot be pre-empted: while SPHINCS+ computes for up to seconds, a garbage collection would have to wait
// for it, and everything else for the collection. So the slow schemes run in child processes: this program itself,
// started with this variable set. A worker exits when its standard input ends, which also happens when its parent
// exits.
const workerVariable = "PKIAAS_PQCLEAN_WORKER"

var isWorker = os.Getenv(workerVariable) == "1"

func init() {
	if isWorker {
		_ = work(os.Stdin, os.Stdout) // the parent sees the end of the pipe
		os.Exit(0)
	}
}

const (
	opGenerate = "g"
	opSign     = "s"
)

var errWorker = errors.New("the post-quantum worker process did not answer")

// inWorker runs an operation in a child process. The result of opGenerate is the public key and the private key.
func inWorker(op string, s *Scheme, private, message []byte) ([]byte, error) {
	workerSlots <- struct{}{}
	defer func() { <-workerSlots }()
	var w *worker
	select {
	case w = <-workers:
	default:
		var err error
		if w, err = startWorker(); err != nil {
			return nil, err
		}
	}
	answer, err := w.ask(op, s, private, message)
	if err != nil {
		w.end()
		return nil, errors.Join(errWorker, err)
	}
	workers <- w
	if len(answer) == 0 {
		return nil, errors.New(s.name + " failed")
	}
	return answer, nil
}

var (
	workers     = make(chan *worker, runtime.GOMAXPROCS(0))
	workerSlots = make(chan struct{}, runtime.GOMAXPROCS(0))
)

type worker struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func startWorker() (*worker, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &worker{command: exec.Command(program)}
	w.command.Env = []string{workerVariable + "=1"} // none of the parent's secrets
	if w.in, err = w.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReader(out)
	return w, w.command.Start()
}

func (w *worker) end() {
	_ = w.in.Close()
	_ = w.command.Process.Kill() // the process cannot be trusted any more
	_ = w.command.Wait()
}

func (w *worker) ask(op string, s *Scheme, private, message []byte) ([]byte, error) {
	for _, part := range [][]byte{[]byte(op), []byte(s.name), private, message} {
		if err := writePart(w.in, part); err != nil {
			return nil, err
		}
	}
	return readPart(w.out)
}

// work answers requests until the input ends. An empty answer reports a failure.
func work(in io.Reader, out io.Writer) error {
	for {
		var parts [4][]byte
		for n := range parts {
			var err error
			if parts[n], err = readPart(in); err != nil {
				return err
			}
		}
		var answer []byte
		if n := slices.IndexFunc(schemes, func(s *Scheme) bool { return s.name == string(parts[1]) }); n >= 0 {
			switch string(parts[0]) {
			case opGenerate:
				if public, private, err := schemes[n].GenerateKey(); err == nil {
					answer = append(public, private...)
					clear(private)
				}
			case opSign:
				if len(parts[2]) == schemes[n].PrivateKeySize {
					answer, _ = schemes[n].Sign(parts[2], parts[3]) // nil after an error
				}
			}
		}
		clear(parts[2])
		err := writePart(out, answer)
		clear(answer)
		if err != nil {
			return err
		}
	}
}

const largestPart = 64 << 20

func writePart(w io.Writer, part []byte) error {
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))); err != nil {
		return err
	}
	_, err := w.Write(part)
	return err
}

func readPart(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > largestPart {
		return nil, errWorker
	}
	part := make([]byte, n)
	_, err := io.ReadFull(r, part)
	return part, err
}
