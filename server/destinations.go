package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pkiaas/pkiaas/domain/status"
)

// destinations is where CRLs are copied to beside this server.
func destinations(cfg *Config) (all []status.Destination, err error) {
	if cfg.CRLDirectory != "" {
		dir, err := filepath.Abs(cfg.CRLDirectory)
		if err != nil {
			return nil, fmt.Errorf("--crl-directory: %w", err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("--crl-directory: %w", err)
		}
		all = append(all, status.Directory(dir))
	}
	if cfg.CRLS3 != "" {
		if cfg.CRLS3Key == "" {
			return nil, fmt.Errorf("--crl-s3 needs --crl-s3-key: a file with the access key in its first line and the secret key in its second")
		}
		text, err := os.ReadFile(cfg.CRLS3Key)
		if err != nil {
			return nil, fmt.Errorf("--crl-s3-key: %w", err)
		}
		key := strings.Fields(string(text))
		if len(key) != 2 {
			return nil, fmt.Errorf("--crl-s3-key: the file holds the access key in its first line and the secret key in its second")
		}
		bucket, err := status.OpenBucket(cfg.CRLS3, key[0], key[1])
		if err != nil {
			return nil, fmt.Errorf("--crl-s3: %w", err)
		}
		all = append(all, bucket)
	}
	return all, nil
}
