package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
)

// longestHead limits a line of a head file, and an object with a head.
const longestHead = 64 << 10

// HeadFile keeps heads in an append-only file, one JSON object per line.
type HeadFile struct {
	Path string

	mu     sync.Mutex
	offset int64
	newest map[string]Head
}

func (f *HeadFile) String() string { return f.Path }

// Keep appends a head in one write, and syncs it to disk before it returns.
func (f *HeadFile) Keep(_ context.Context, h Head) error {
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(f.Path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	// Start a new line if a crash left an incomplete one.
	if end, seekErr := file.Seek(-1, io.SeekEnd); seekErr == nil {
		last := []byte{0}
		if _, err := file.ReadAt(last, end); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}

// Newest continues reading where it stopped before. A file that has become shorter is read from the start; heads read
// earlier are not forgotten.
func (f *HeadFile) Newest(_ context.Context, sound func(Head) bool) ([]Head, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.newest == nil {
		f.newest = map[string]Head{}
	}
	file, err := os.Open(f.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		defer file.Close()
		if info, err := file.Stat(); err != nil {
			return nil, err
		} else if info.Size() < f.offset {
			f.offset = 0
		}
		if _, err := file.Seek(f.offset, io.SeekStart); err != nil {
			return nil, err
		}
		// Only the newest head of each chain is verified. If one is not sound, all are.
		last, end, err := readHeads(file, nil)
		if err != nil {
			return nil, err
		}
		for _, h := range last {
			if !sound(h) {
				if _, err := file.Seek(f.offset, io.SeekStart); err != nil {
					return nil, err
				}
				if last, _, err = readHeads(file, sound); err != nil {
					return nil, err
				}
				break
			}
		}
		f.offset += end
		for id, h := range last {
			if h.Time.After(f.newest[id].Time) { // an old head that somebody appended again is not the newest
				f.newest[id] = h
			}
		}
	}
	heads := make([]Head, 0, len(f.newest))
	for _, h := range f.newest {
		heads = append(heads, h)
	}
	return heads, nil
}

// readHeads returns the newest head of each chain and the length of the complete lines.
func readHeads(r io.Reader, sound func(Head) bool) (map[string]Head, int64, error) {
	last, end := map[string]Head{}, int64(0)
	buffered := bufio.NewReaderSize(r, longestHead)
	for {
		line, err := buffered.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) { // too long for a head: skip the rest of the line
			end += int64(len(line))
			continue
		}
		if errors.Is(err, io.EOF) {
			return last, end, nil // this line is still being written
		}
		if err != nil {
			return nil, 0, err
		}
		end += int64(len(line))
		var h Head
		if json.Unmarshal(line, &h) == nil && h.Hash != "" && h.Time.After(last[h.PartitionID].Time) && (sound == nil || sound(h)) {
			last[h.PartitionID] = h
		}
	}
}

// ReadHeads returns all heads of a file.
func ReadHeads(r io.Reader) (heads []Head, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestHead)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var h Head
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			return nil, err
		}
		heads = append(heads, h)
	}
	return heads, lines.Err()
}

// Objects is an object store, such as an S3 bucket.
type Objects interface {
	PutObject(ctx context.Context, name string, content []byte) error
	GetObject(ctx context.Context, name string, limit int64) ([]byte, error)
	// Names returns the names with a prefix that sort after another name, in order.
	Names(ctx context.Context, prefix, after string) ([]string, error)
}

// HeadBucket keeps each head as an object of its own, named by chain and time, so that none is ever replaced.
type HeadBucket struct {
	Objects Objects

	mu     sync.Mutex
	newest map[string]Head
	names  map[string]string
}

func (b *HeadBucket) String() string { return "the bucket for audit heads" }

func headFolder(partitionID string) string {
	if partitionID == PlatformChain {
		return "audit-heads/platform/"
	}
	return "audit-heads/" + partitionID + "/"
}

func (b *HeadBucket) Keep(ctx context.Context, h Head) error {
	content, err := json.Marshal(h)
	if err != nil {
		return err
	}
	folder := headFolder(h.PartitionID)
	name := folder + h.Time.UTC().Format("20060102T150405.000000Z") + ".json"
	if err := b.Objects.PutObject(ctx, name, append(content, '\n')); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.newest != nil {
		b.newest[h.PartitionID], b.names[strings.TrimSuffix(folder, "/")] = h, name
	}
	return nil
}

// Newest lists the names after those it knows, and reads the last object of each chain.
func (b *HeadBucket) Newest(ctx context.Context, sound func(Head) bool) ([]Head, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.newest == nil {
		b.newest, b.names = map[string]Head{}, map[string]string{}
	}
	folders := map[string][]string{}
	var chains []string
	if len(b.names) == 0 {
		all, err := b.Objects.Names(ctx, "audit-heads/", "")
		if err != nil {
			return nil, err
		}
		for _, name := range all {
			folders[path.Dir(name)] = append(folders[path.Dir(name)], name)
		}
	} else {
		for folder := range b.names {
			chains = append(chains, folder)
		}
		for _, folder := range chains {
			names, err := b.Objects.Names(ctx, folder+"/", b.names[folder])
			if err != nil {
				return nil, err
			}
			folders[folder] = names
		}
	}
	for folder, names := range folders {
		for n := len(names) - 1; n >= 0; n-- {
			content, err := b.Objects.GetObject(ctx, names[n], longestHead)
			if err != nil {
				return nil, err
			}
			var h Head
			if json.Unmarshal(content, &h) != nil || !sound(h) || strings.TrimSuffix(headFolder(h.PartitionID), "/") != folder {
				continue
			}
			b.newest[h.PartitionID], b.names[folder] = h, names[n]
			break
		}
	}
	heads := make([]Head, 0, len(b.newest))
	for _, h := range b.newest {
		heads = append(heads, h)
	}
	return heads, nil
}
