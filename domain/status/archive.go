package status

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/ocsp"
)

// Archive is a directory with what was published last: lists, certificates of CAs, signed OCSP answers. From it they are
// served while the database is away, after a restart too, until they end. Everything in it can be made anew, so it may
// be deleted at any time; what cannot be written is left out. A nil Archive keeps nothing.
type Archive struct {
	dir  string
	most int64 // bytes

	writing  sync.Mutex
	verified sync.Map // path → SHA256 of the content that was looked at; of files that exist
	answers  *otter.Cache[string, *archivedAnswers]
}

const (
	// archiveBytes bounds the directory, answerFile the answers of one CA in it.
	archiveBytes, answerFile = 2 << 30, 4 << 20
	// maxHeader bounds the first line of a file.
	maxHeader = 4096
)

// NewArchive uses a directory, which need not exist yet.
func NewArchive(dir string) *Archive {
	return &Archive{
		dir: dir, most: archiveBytes, answers: otter.Must(&otter.Options[string, *archivedAnswers]{MaximumWeight: 8 * answerFile,
			Weigher: func(_ string, a *archivedAnswers) uint32 {
				return uint32(a.size)
			}, ExpiryCalculator: otter.ExpiryWriting[string, *archivedAnswers](10 * time.Second)})}
}

// header is the first line of a file.
type header struct {
	Name    string // of what is in it: PARTITION/CA/FILE
	SHA256  []byte // of what follows
	Version int64  `json:",omitempty"` // of answers: the CA's status version
	List    *CRL   `json:",omitempty"`
	Begin   time.Time
	End     time.Time // it is not served any more
}

const answersName = "/ocsp"

// path of a name, which may come from a stranger.
func (a *Archive) path(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(a.dir, hex.EncodeToString(sum[:16]))
}

// put writes a file in place of the one before.
func (a *Archive) put(h header, content io.Reader) (err error) {
	if a == nil {
		return errors.New("there is no archive")
	}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(a.dir, "new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // it is not complete
		}
	}()
	line, err := json.Marshal(h)
	if err == nil && len(line) >= maxHeader {
		err = errors.New("the header is too long")
	}
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	if err == nil {
		_, err = io.Copy(f, content)
	}
	// Not forced to the disk: what a loss of power leaves unfinished is found by its hash.
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	// Another request may have found the list before this one, and be slower.
	if there, err := a.get(h.Name); err == nil && there != nil {
		newer := h.List != nil && there.List != nil && there.List.CAID == h.List.CAID && there.List.Number > h.List.Number
		if err = there.Close(); err == nil && newer {
			err = errors.New("a newer list is kept")
		}
		if err != nil {
			return err
		}
	}
	return os.Rename(f.Name(), a.path(h.Name))
}

// file is an archived file that is open.
type file struct {
	header
	*io.SectionReader
	f *os.File
}

func (f *file) Close() error { return f.f.Close() }

// get opens what is kept under a name; nil when there is nothing.
func (a *Archive) get(name string) (*file, error) {
	if a == nil {
		return nil, nil
	}
	f, err := os.Open(a.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h, size, err := readHeader(f)
	if err == nil && h.Name != name {
		err = errors.New("the file is of something else")
	}
	var info os.FileInfo
	if err == nil {
		info, err = f.Stat()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &file{*h, io.NewSectionReader(f, size, info.Size()-size), f}, nil
}

func readHeader(f *os.File) (*header, int64, error) {
	line, err := bufio.NewReaderSize(io.NewSectionReader(f, 0, maxHeader), maxHeader).ReadSlice('\n')
	if err != nil {
		return nil, 0, err
	}
	h := &header{}
	return h, int64(len(line)), json.Unmarshal(line, h)
}

// whole tells whether the content is as it was written.
func (a *Archive) whole(f *file) bool {
	if known, ok := a.verified.Load(f.f.Name()); ok && known == string(f.SHA256) {
		return true
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f.SectionReader, 0, f.Size())); err != nil || !bytes.Equal(sum.Sum(nil), f.SHA256) {
		return false
	}
	a.verified.Store(f.f.Name(), string(f.SHA256))
	return true
}

// clean removes what has ended, and the oldest while there is too much.
func (a *Archive) clean(now time.Time) {
	if a == nil {
		return
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return // nothing is kept
	}
	type kept struct {
		path    string
		size    int64
		written time.Time
	}
	var all []kept
	var size int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue
		}
		path := filepath.Join(a.dir, e.Name())
		if f, err := os.Open(path); err == nil {
			h, _, err := readHeader(f)
			_ = f.Close() // it was only read
			if strings.HasPrefix(e.Name(), "new-") && time.Since(info.ModTime()) < time.Hour {
				continue // it is being written
			}
			if err == nil && now.Before(h.End) && !strings.HasPrefix(e.Name(), "new-") {
				all, size = append(all, kept{path, info.Size(), info.ModTime()}), size+info.Size()
				continue
			}
		}
		_ = os.Remove(path) // tried again the next time
		a.verified.Delete(path)
	}
	slices.SortFunc(all, func(x, y kept) int { return x.written.Compare(y.written) })
	for _, k := range all {
		if size <= a.most {
			break
		}
		if os.Remove(k.path) == nil {
			a.verified.Delete(k.path)
			size -= k.size
		}
	}
}

// archivePublished keeps the newest lists of a CA, and its certificates. What cannot be written is in the database.
func (s *Service) archivePublished(ctx context.Context, caID string, lists []*CRL) {
	if s.Archive == nil {
		return
	}
	newest := map[slot]*CRL{}
	for _, l := range lists {
		newest[l.slot()] = l
	}
	views := map[int64]*ca.CertificationAuthority{}
	for at, l := range newest {
		c := views[at.generation]
		if c == nil {
			var err error
			if c, err = s.CAs.Generation(ctx, caID, at.generation); err != nil {
				continue
			}
			views[at.generation] = c
			s.archiveCertificate(c)
		}
		name := c.PartitionID + "/" + c.PublicName() + "/" + ca.CRLFile(l.Shard, l.Delta())
		if !s.Archive.has(name, l.SHA256) {
			// asked for later, it is tried again
			_ = s.Archive.put(header{Name: name, SHA256: l.SHA256, List: l, Begin: l.ThisUpdate, End: l.NextUpdate}, s.open(ctx, l))
		}
	}
}

func (s *Service) archiveCertificate(c *ca.CertificationAuthority) {
	if s.Archive == nil || c.Certificate == nil {
		return
	}
	name, sum := c.PartitionID+"/"+c.PublicName()+certificateName, sha256.Sum256(c.Certificate)
	if !s.Archive.has(name, sum[:]) {
		// the database has it
		_ = s.Archive.put(header{Name: name, SHA256: sum[:], Begin: *c.NotBefore, End: c.NotAfter}, bytes.NewReader(c.Certificate))
	}
}

// has tells whether the content with this hash is kept under a name.
func (a *Archive) has(name string, sum []byte) bool {
	f, err := a.get(name)
	if err != nil || f == nil {
		return false
	}
	same := bytes.Equal(f.SHA256, sum) && a.whole(f)
	return f.Close() == nil && same
}

// archivedAnswer is an OCSP answer by what is asked.
type archivedAnswer struct {
	Key    [sha256.Size]byte
	Answer Answer
}

type archivedAnswers struct {
	byKey map[[sha256.Size]byte]*Answer
	size  int64
}

// archiveKey is what is asked, independent of caches: the octets of a CertID have one form for each question.
func archiveKey(ids []ocsp.CertID) (key [sha256.Size]byte) {
	h := sha256.New()
	for _, id := range ids {
		h.Write(id.Raw)
	}
	h.Sum(key[:0])
	return key
}

// forget removes the answers of a CA that are of another status version.
func (a *Archive) forget(name string, version int64) {
	if a == nil {
		return
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	f, err := a.get(name + answersName)
	if f == nil && err == nil {
		return
	}
	if f != nil {
		defer f.Close()
	}
	if err != nil || f.Version != version {
		_ = os.Remove(a.path(name + answersName)) // what stays ends within the hour
		a.answers.Invalidate(name)
	}
}

func (a *Archive) answer(name string, request *ocsp.Request, now time.Time) *Answer {
	if a == nil || request.Nonce != nil || request.Signed {
		return nil
	}
	kept, had := a.answers.GetIfPresent(name)
	if !had {
		kept = a.load(name)
		if kept == nil {
			return nil
		}
		a.answers.Set(name, kept)
	}
	if found := kept.byKey[archiveKey(request.CertIDs)]; found != nil && now.Before(found.NextUpdate) {
		return found
	}
	return nil
}

func (a *Archive) load(name string) *archivedAnswers {
	f, err := a.get(name + answersName)
	if err != nil || f == nil {
		return nil
	}
	defer f.Close()
	var list []archivedAnswer
	if !a.whole(f) || gob.NewDecoder(f).Decode(&list) != nil {
		return nil
	}
	kept := &archivedAnswers{map[[sha256.Size]byte]*Answer{}, f.Size()}
	for n := range list {
		kept.byKey[list[n].Key] = &list[n].Answer
	}
	return kept
}

// archived is the answer that was signed last, while the database is away.
func (s *Service) archived(name string, request *ocsp.Request) *Answer {
	if a := s.Archive.answer(name, request, s.Now()); a != nil {
		return a
	}
	return refusal(ocsp.TryLater)
}

// archiveAnswers writes the answers of CAs that have new ones. Those asked for most come first.
func (s *Service) archiveAnswers() {
	if s.Archive == nil {
		return
	}
	now := s.Now()
	for name, found := range s.responders.byName.Range {
		r := found.(*responder)
		if !r.line.changed.Swap(false) {
			continue
		}
		var list []archivedAnswer
		size, end := 0, now
		for e := range s.responders.answers.Hottest() {
			k := e.Value
			a := k.answer.Load()
			if k.line != r.line || !now.Before(a.NextUpdate) {
				continue
			}
			if size += len(a.DER) + answerOverhead; size > answerFile {
				break
			}
			if list = append(list, archivedAnswer{k.archive, *a}); a.NextUpdate.After(end) {
				end = a.NextUpdate
			}
		}
		var content bytes.Buffer
		if len(list) == 0 || gob.NewEncoder(&content).Encode(list) != nil {
			continue
		}
		sum := sha256.Sum256(content.Bytes())
		r.line.mu.RLock() // no answer is written that a change has overtaken
		if r.line.version == r.ca.StatusVersion {
			if s.Archive.put(
				header{Name: name.(string) + answersName, SHA256: sum[:], Version: r.ca.StatusVersion, Begin: now, End: end}, &content,
			) != nil {
				r.line.changed.Store(true)
			}
		} else {
			r.line.changed.Store(true)
		}
		r.line.mu.RUnlock()
	}
}

// Stored answers from the archive alone: for a server that has no database yet.
type Stored struct {
	Archive *Archive
	Now     func() time.Time
}

// OCSP answers with what was signed before, or that the client should try later.
func (s Stored) OCSP(_ context.Context, partitionID, identifier string, request []byte) *Answer {
	parsed, err := ocsp.ParseRequest(request)
	if err != nil {
		return refusal(ocsp.MalformedRequest)
	}
	if a := s.Archive.answer(partitionID+"/"+identifier, parsed, s.Now()); a != nil {
		return a
	}
	return refusal(ocsp.TryLater)
}

// CRL returns the list that was published last.
func (s Stored) CRL(_ context.Context, partitionID, identifier, name string) (*CRL, io.ReadSeekCloser, error) {
	f, err := s.open(partitionID + "/" + identifier + "/" + name)
	if err != nil {
		return nil, nil, err
	}
	if f.List == nil {
		_ = f.Close() // it was only read
		return nil, nil, away(nil)
	}
	return f.List, f, nil
}

// Certificate returns the certificate of a CA.
func (s Stored) Certificate(_ context.Context, partitionID, identifier string) ([]byte, time.Time, error) {
	f, err := s.open(partitionID + "/" + identifier + certificateName)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	der, err := io.ReadAll(f)
	return der, f.Begin, err
}

func (s Stored) open(name string) (*file, error) {
	f, err := s.Archive.get(name)
	if err != nil || f == nil {
		return nil, away(err)
	}
	if !s.Now().Before(f.End) || !s.Archive.whole(f) {
		return nil, away(f.Close())
	}
	return f, nil
}

func away(cause error) error {
	return fault.New(
		fault.Unavailable, "the database cannot be reached, and there is no copy of this that still holds",
	).Do("Try again shortly.").After(5 * time.Second).Because(cause)
}

const certificateName = "/ca.cer"
