package bulk

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/csr"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
)

// Limits of a ZIP beside those of its files: what it holds when unpacked, and how much denser than this no file of
// requests can be.
const (
	maxUnpacked = 64 << 20
	maxRatio    = 200
)

// IssuanceInput says what is to be issued: an uploaded file, CSV or ZIP.
type IssuanceInput struct {
	PartitionID string
	Name        string
	CAID        string
	ProfileID   string // unless a line says otherwise
	// CSV with a header line: csr (PEM in quotes, or base64) and, as needed, profile, subject, subjectAlternativeNames
	// (DNS:a.example.com;IP:192.0.2.1), notAfter, endEntity.
	CSV string
	ZIP []byte // of files with one request each
	// UploadID is that of a file that is either.
	UploadID string
}

// PrepareIssuance writes the draft of a bulk issuance: each request is checked as if it were issued. Nothing is issued yet.
func (s *Service) PrepareIssuance(ctx context.Context, in IssuanceInput) (_ *Operation, err error) {
	defer s.Audit.Refusal(ctx, &err, &audit.Event{PartitionID: in.PartitionID, Action: "bulk.prepare", ObjectKind: "bulk-operation", ObjectName: in.Name})
	if err := s.Guard.Require(ctx, rbac.CertificateIssue, in.PartitionID); err != nil {
		return nil, err
	}
	if in.UploadID != "" {
		content, err := s.received(ctx, in.UploadID, in.PartitionID, Issue)
		if err != nil {
			return nil, err
		}
		if in.CSV, in.ZIP = string(content), nil; packed(content) {
			in.CSV, in.ZIP = "", content
		}
	}
	if (in.CSV == "") == (len(in.ZIP) == 0) {
		return nil, fault.New(fault.Invalid, "Give a file.").At("uploadId")
	}
	// Also tells whether the CA is of this partition.
	if _, err := s.Enrollment.CheckMany(ctx, in.CAID, nil); err != nil {
		return nil, err
	}
	var ofPartition int64
	if err := s.Store.DB(ctx).Table("certification_authorities").Where("id = ? AND partition_id = ?", in.CAID, in.PartitionID).Count(&ofPartition).Error; err != nil {
		return nil, err
	}
	if ofPartition == 0 {
		return nil, rbac.NotFound()
	}
	o := &Operation{upload: in.UploadID, PartitionID: in.PartitionID, Kind: Issue, Name: in.Name, Input: CSV, CAID: in.CAID, ProfileID: in.ProfileID}
	read := readCSV
	if in.CSV == "" {
		o.Input, read = ZIP, readZIP
	}
	return s.prepare(ctx, o, func(ctx context.Context, o *Operation) error {
		var items []*Item
		var requests []enrollment.CSRRequest
		flush := func() error {
			refusals, err := s.Enrollment.CheckMany(ctx, in.CAID, requests)
			if err != nil {
				return err
			}
			for n, refused := range refusals {
				if items[n].Result == WillIssue && refused != nil {
					items[n].Result, items[n].Note = Refused, fault.Of(refused).Message
				}
				if items[n].Result == WillIssue {
					if err := marshal(items[n], requests[n]); err != nil {
						return err
					}
				}
			}
			err = s.write(ctx, items)
			items, requests = nil, nil
			return err
		}
		position := int64(0)
		err := read(in, func(what string, r enrollment.CSRRequest, bad error) error {
			if position++; position > MaxIssue {
				return fault.New(fault.Invalid, "more than %d requests", MaxIssue).At(strings.ToLower(string(o.Input))).Do("Divide it.")
			}
			r.CAID = in.CAID
			it := &Item{OperationID: o.ID, Position: position, What: what, Result: WillIssue}
			if bad != nil {
				it.Result, it.Note = Invalid, fault.Of(bad).Message
			}
			if items, requests = append(items, it), append(requests, r); len(items) == writtenOnce {
				return flush()
			}
			return nil
		})
		if err != nil {
			return err
		}
		return flush()
	})
}

func readCSV(in IssuanceInput, yield func(what string, r enrollment.CSRRequest, bad error) error) error {
	if len(in.CSV) > MaxText {
		return fault.New(fault.Invalid, "the file is longer than %d MB", MaxText>>20).At("uploadId").Do("Divide it.")
	}
	t, err := newTable(in.CSV, "csr", "profile", "subject", "subjectAlternativeNames", "notAfter", "endEntity")
	if err != nil {
		return fault.Of(err).At("uploadId")
	}
	for n := 1; ; n++ {
		more, err := t.next()
		if err != nil {
			return fault.Of(err).At("uploadId")
		}
		if !more {
			return nil
		}
		r := enrollment.CSRRequest{CSR: t.cell("csr"), ProfileID: in.ProfileID, EndEntity: t.cell("endEntity")}
		if p := t.cell("profile"); p != "" {
			r.ProfileID = p
		}
		what := fmt.Sprintf("line %d", n)
		if subject := t.cell("subject"); subject != "" {
			r.Subject, what = &subject, subject
		}
		var bad error
		if names := t.cell("subjectAlternativeNames"); names != "" {
			r.SANsGiven = true
			r.SANs, bad = alternativeNames(names)
		}
		if at := t.cell("notAfter"); at != "" {
			when, err := time.Parse(time.RFC3339, at)
			if err != nil {
				bad = fault.New(fault.Invalid, "notAfter is an instant such as 2027-01-31T00:00:00Z")
			}
			r.NotAfter = &when
		}
		if err := yield(what, r, bad); err != nil {
			return err
		}
	}
}

var sanTypes = map[string]san.Type{"DNS": "DNS_NAME", "IP": "IP_ADDRESS", "EMAIL": "EMAIL", "URI": "URI", "UPN": "UPN", "DIRNAME": "DIRECTORY_NAME", "RID": "REGISTERED_ID"}

// alternativeNames reads names as OpenSSL writes them, with semicolons between; without a type it is a DNS name.
func alternativeNames(given string) ([]enrollment.AlternativeName, error) {
	var names []enrollment.AlternativeName
	for part := range strings.SplitSeq(given, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		kind, value, ok := strings.Cut(part, ":")
		if !ok {
			kind, value = "DNS", part
		}
		t, known := sanTypes[strings.ToUpper(strings.TrimSpace(kind))]
		if !known {
			return nil, fault.New(fault.Invalid, "the alternative name %q has no known type: write DNS:, IP:, EMAIL:, URI: or UPN: before it", part)
		}
		names = append(names, enrollment.AlternativeName{Type: t, Value: strings.TrimSpace(value)})
	}
	return names, nil
}

func readZIP(in IssuanceInput, yield func(what string, r enrollment.CSRRequest, bad error) error) error {
	refuse := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Invalid, format, args...).At("uploadId")
	}
	if len(in.ZIP) > MaxText {
		return refuse("the archive is longer than %d MB", MaxText>>20)
	}
	archive, err := zip.NewReader(bytes.NewReader(in.ZIP), int64(len(in.ZIP)))
	if err != nil {
		return refuse("this is not a ZIP archive")
	}
	unpacked := 0
	for _, f := range archive.File {
		base := path.Base(strings.ReplaceAll(f.Name, `\`, "/"))
		if f.FileInfo().IsDir() || strings.HasPrefix(base, ".") || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		// The sizes in the directory are only claims: what counts is what comes out.
		if f.UncompressedSize64 > csr.MaxLength {
			if err := yield(f.Name, enrollment.CSRRequest{}, refuse("the file is longer than %d KiB", csr.MaxLength>>10)); err != nil {
				return err
			}
			continue
		}
		content, err := unpack(f)
		if err != nil {
			return refuse("%s in the archive cannot be read", f.Name)
		}
		if unpacked += len(content); unpacked > maxUnpacked || len(content) > csr.MaxLength || len(content) > 4096 && uint64(len(content)) > maxRatio*max(f.CompressedSize64, 1) {
			return refuse("the archive unpacks to more than requests can be").Do("Divide it, and put nothing but requests into it.")
		}
		if err := yield(f.Name, enrollment.CSRRequest{CSR: string(content), ProfileID: in.ProfileID}, nil); err != nil {
			return err
		}
	}
	return nil
}

func unpack(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, csr.MaxLength+1))
	if closed := r.Close(); err == nil && len(content) <= csr.MaxLength {
		err = closed
	}
	return content, err
}

// ReasonName is the reason of a bulk revocation by its name in the schema.
func (o *Operation) ReasonName() string { return certificate.ReasonNames[o.Reason] }
