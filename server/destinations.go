package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pkiaas/pkiaas/domain/audit"
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
		bucket, err := openBucket("--crl-s3", cfg.CRLS3, cfg.CRLS3Key)
		if err != nil {
			return nil, err
		}
		all = append(all, bucket)
	}
	return all, nil
}

// openBucket opens the bucket that a flag names; flag-key names the file with its key.
func openBucket(flag, address, keyFile string) (*status.Bucket, error) {
	if keyFile == "" {
		return nil, fmt.Errorf("%s needs %s-key: a file with the access key in its first line and the secret key in its second", flag, flag)
	}
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("%s-key: %w", flag, err)
	}
	key := strings.Fields(string(text))
	if len(key) != 2 {
		return nil, fmt.Errorf("%s-key: the file holds the access key in its first line and the secret key in its second", flag)
	}
	bucket, err := status.OpenBucket(address, key[0], key[1])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return bucket, nil
}

// keepers is where the heads of the audit log are kept, outside the database.
func keepers(cfg *Config) ([]audit.Keeper, error) {
	all := []audit.Keeper{&audit.HeadFile{Path: cfg.AuditHeads}}
	if cfg.AuditS3 != "" {
		bucket, err := openBucket("--audit-s3", cfg.AuditS3, cfg.AuditS3Key)
		if err != nil {
			return nil, err
		}
		all = append(all, &audit.HeadBucket{Objects: bucket})
	}
	return all, nil
}
