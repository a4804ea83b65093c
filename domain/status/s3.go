package status

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Bucket is a folder in a store that speaks S3.
type Bucket struct {
	client         *minio.Client
	bucket, prefix string
}

// OpenBucket takes https://HOST/BUCKET or https://HOST/BUCKET/PREFIX, and a key; it does not connect yet.
func OpenBucket(address, accessKey, secretKey string) (*Bucket, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("an S3 bucket is given as https://HOST/BUCKET or https://HOST/BUCKET/PREFIX")
	}
	bucket, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if bucket == "" {
		return nil, fmt.Errorf("the address of the S3 bucket names no bucket: https://HOST/BUCKET")
	}
	client, err := minio.New(
		u.Host,
		&minio.Options{
			Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Secure: u.Scheme == "https", BucketLookup: minio.BucketLookupPath,
			MaxRetries: 3,
		},
	)
	return &Bucket{client, bucket, prefix}, err
}

const numberMetadata = "Crl-Number"

// patience is how long one copy may take, of a list of any size: a store that does not answer is tried again later.
const patience = 2 * time.Minute

func (b *Bucket) Put(ctx context.Context, name string, l *CRL, content io.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name = path.Join(b.prefix, name)
	if there, err := b.client.StatObject(ctx, b.bucket, name, minio.StatObjectOptions{}); err == nil {
		if number, err := strconv.ParseInt(there.UserMetadata[numberMetadata], 10, 64); err == nil && number >= l.Number {
			return nil
		}
	} else if code := minio.ToErrorResponse(err).Code; code != minio.NoSuchKey {
		return err
	}
	// An object is replaced as a whole: nobody reads half of it.
	_, err := b.client.PutObject(
		ctx, b.bucket, name, content, l.Bytes, minio.PutObjectOptions{ContentType: "application/pkix-crl", DisableMultipart: true,
			CacheControl: fmt.Sprintf(
				"public, no-transform, max-age=%d", int(5*time.Minute/time.Second),
			), UserMetadata: map[string]string{numberMetadata: decimal(l.Number)}})
	return err
}

// Get reads what is found under a name, nil when nothing is.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	o, err := b.client.GetObject(ctx, b.bucket, path.Join(b.prefix, name), minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	if _, err := o.Stat(); err != nil {
		closed := o.Close()
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return nil, closed
		}
		return nil, errors.Join(err, closed)
	}
	return o, nil
}

// PutObject makes content what is found under a name.
func (b *Bucket) PutObject(ctx context.Context, name string, content []byte) error {
	_, err := b.client.PutObject(
		ctx, b.bucket, path.Join(b.prefix, name), bytes.NewReader(content), int64(len(content)),
		minio.PutObjectOptions{ContentType: "application/json", DisableMultipart: true},
	)
	return err
}

// GetObject reads what is found under a name, limit bytes at most.
func (b *Bucket) GetObject(ctx context.Context, name string, limit int64) ([]byte, error) {
	o, err := b.client.GetObject(ctx, b.bucket, path.Join(b.prefix, name), minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(o, limit))
	return content, errors.Join(err, o.Close())
}

// Names returns the names below a prefix that come behind another, in their order.
func (b *Bucket) Names(ctx context.Context, prefix, after string) (names []string, err error) {
	options := minio.ListObjectsOptions{Recursive: true, Prefix: b.within(prefix)}
	if after != "" {
		options.StartAfter = b.within(after)
	}
	for o := range b.client.ListObjects(ctx, b.bucket, options) {
		if o.Err != nil {
			return nil, o.Err
		}
		names = append(names, strings.TrimPrefix(o.Key, b.within("")))
	}
	return names, nil
}

// within is a name or the beginning of one in the bucket.
func (b *Bucket) within(name string) string {
	if b.prefix == "" {
		return name
	}
	return b.prefix + "/" + name
}
