package status_test

import (
	"bytes"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/status"
)

func put(t *testing.T, d status.Destination, number int64, content string) {
	t.Helper()
	if err := d.Put(
		t.Context(), "sub0/issuing/crl.crl", &status.CRL{Number: number, Bytes: int64(len(content))}, strings.NewReader(content),
	); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryNeverBecomesOlder(t *testing.T) {
	dir := t.TempDir()
	put(t, status.Directory(dir), 8, "eight")
	put(t, status.Directory(dir), 7, "seven")
	text, err := os.ReadFile(filepath.Join(dir, "sub0", "issuing", "crl.crl"))
	if err != nil || string(text) != "eight" {
		t.Errorf("%q %v", text, err)
	}
	put(t, status.Directory(dir), 9, "nine")
	if text, err = os.ReadFile(filepath.Join(dir, "sub0", "issuing", "crl.crl")); err != nil || string(text) != "nine" {
		t.Errorf("%q %v", text, err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "sub0", "issuing"))
	if err != nil || len(entries) != 2 {
		t.Errorf("something was left behind: %v %v", entries, err)
	}
}

// A server that speaks S3, over HTTP.
func TestBucketNeverBecomesOlder(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("lists"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	defer server.Close()
	bucket, err := status.OpenBucket(server.URL+"/lists/crls", "key", "secret")
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		object, err := backend.GetObject("lists", "crls/sub0/issuing/crl.crl", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer object.Contents.Close()
		text, err := io.ReadAll(object.Contents)
		if err != nil {
			t.Fatal(err)
		}
		if object.Metadata["Content-Type"] != "application/pkix-crl" {
			t.Errorf("%v", object.Metadata)
		}
		return string(text)
	}
	large := string(bytes.Repeat([]byte("0123456789abcdef"), 2<<20)) // more than one part of an upload
	put(t, bucket, 8, large)
	put(t, bucket, 7, "seven")
	if read() != large {
		t.Errorf("the list is not there, or became older: %d octets of %d, %.40q", len(read()), len(large), read())
	}
	put(t, bucket, 9, "nine")
	if read() != "nine" {
		t.Error("the list was not replaced")
	}
	for _, d := range []status.Destination{bucket, status.Directory(t.TempDir())} {
		put(t, d, 9, "nine")
		f, err := d.Get(t.Context(), "sub0/issuing/crl.crl")
		if err != nil || f == nil {
			t.Fatal(f, err)
		}
		if text, err := io.ReadAll(f); err != nil || string(text) != "nine" || f.Close() != nil {
			t.Errorf("%q %v", text, err)
		}
		if f, err := d.Get(t.Context(), "sub0/issuing/none.crl"); f != nil || err != nil {
			t.Errorf("what is not there: %v, %v", f, err)
		}
	}
	for _, address := range []string{"s3://x/y", "https://host", "https://user:password@host/b", "host/b"} {
		if _, err := status.OpenBucket(address, "a", "b"); err == nil {
			t.Errorf("%s: accepted", address)
		}
	}
}

// Heads of the audit log lie in a bucket as objects of their own; the newest of each chain is found again.
func TestHeadsInABucket(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("heads"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	defer server.Close()
	for _, prefix := range []string{"", "/some/folder"} {
		bucket, err := status.OpenBucket(server.URL+"/heads"+prefix, "key", "secret")
		if err != nil {
			t.Fatal(err)
		}
		keeper := &audit.HeadBucket{Objects: bucket}
		begin := time.Date(2027, 1, 1, 0, 0, 0, 1000, time.UTC)
		for n := range 3 {
			for _, partition := range []string{"", "sub0"} {
				if err := keeper.Keep(
					t.Context(),
					audit.Head{PartitionID: partition, Sequence: int64(n + 1), Hash: "aa", Time: begin.Add(time.Duration(n) * time.Hour)},
				); err != nil {
					t.Fatal(err)
				}
			}
		}
		for what, keeper := range map[string]audit.Keeper{"the same": keeper, "after a start": &audit.HeadBucket{Objects: bucket}} {
			for range 2 {
				heads, err := keeper.Newest(
					t.Context(), func(h audit.Head) bool { return h.PartitionID == "" || h.Sequence != 3 || what == "the same" },
				)
				if err != nil || len(heads) != 2 {
					t.Fatalf("%s: %v, %v", what, heads, err)
				}
				for _, h := range heads {
					want := int64(3)
					if h.PartitionID == "sub0" && what == "after a start" {
						want = 2 // the newest one is not sound
					}
					if h.Sequence != want {
						t.Errorf("%s: %q ends at %d", what, h.PartitionID, h.Sequence)
					}
				}
			}
		}
	}
}
