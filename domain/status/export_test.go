package status_test

import (
	"bytes"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/pkiaas/pkiaas/domain/status"
)

func put(t *testing.T, d status.Destination, number int64, content string) {
	t.Helper()
	if err := d.Put(t.Context(), "sub0/issuing/crl.crl", &status.CRL{Number: number, Bytes: int64(len(content))}, strings.NewReader(content)); err != nil {
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
	for _, address := range []string{"s3://x/y", "https://host", "https://user:password@host/b", "host/b"} {
		if _, err := status.OpenBucket(address, "a", "b"); err == nil {
			t.Errorf("%s: accepted", address)
		}
	}
}
