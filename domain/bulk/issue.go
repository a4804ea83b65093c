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
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/pki/csr"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
)

// These limits apply to a ZIP besides the limit of each file: its total size when unpacked, and a compression ratio
// that no request file reaches.
const (
	maxUnpacked = 64 << 20
	maxRatio    = 200
)

// IssuanceInput describes what to issue: an uploaded file, or CSV or ZIP.
type IssuanceInput struct {
	PartitionID string
	Name        string
	CAID        string
	ProfileID   string // for lines that name no profile
	// CSV with a header line: csr (PEM in quotes, or base64) and optionally profile, subject, subjectAlternativeNames
	// (DNS:a.example.com;IP:192.0.2.1), notAfter, endEntity.
	CSV string
	ZIP []byte // files with one request each
	// UploadID identifies an uploaded file, which is either.
	UploadID string
}

// PrepareIssuance writes the draft of a bulk issuance. It checks each request as for issuance, but issues nothing.
func (s *Service) PrepareIssuance(ctx context.Context, in IssuanceInput) (_ *Operation, err error) {
	defer s.Audit.Refusal(
		ctx, &err, &audit.Event{PartitionID: in.PartitionID, Action: "bulk.prepare", ObjectKind: "bulk-operation", ObjectName: in.Name},
	)
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
		return nil, fault.New(fault.Invalid, "Provide a file.").At("uploadId")
	}
	// This also checks that the CA belongs to the partition.
	if _, err := s.Enrollment.CheckMany(ctx, in.CAID, nil); err != nil {
		return nil, err
	}
	var ofPartition int64
	if err := s.Store.DB(ctx).Table("certification_authorities").Where(
		"id = ? AND partition_id = ?", in.CAID, in.PartitionID,
	).Count(&ofPartition).Error; err != nil {
		return nil, err
	}
	if ofPartition == 0 {
		return nil, rbac.NotFound()
	}
	o := &Operation{
		upload: in.UploadID, PartitionID: in.PartitionID, Kind: Issue, Name: in.Name, Input: CSV, CAID: in.CAID, ProfileID: in.ProfileID,
	}
	read := readCSV
	if in.CSV == "" {
		o.Input, read = ZIP, readZIP
	}
	return s.prepare(ctx, o, func(ctx context.Context, o *Operation) error {
		var items []*Item
		var requests []enrollment.Request
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
		err := read(in, func(what string, t intake.Text, bad error) error {
			if position++; position > MaxIssue {
				return fault.New(fault.Invalid, "The input has more than %d requests.", MaxIssue).At(
					strings.ToLower(string(o.Input)),
				).Do("Split the input.")
			}
			t.CAID = in.CAID
			it := &Item{OperationID: o.ID, Position: position, What: what, Result: WillIssue}
			if bad != nil {
				it.Result, it.Note = Invalid, fault.Of(bad).Message
			}
			if items, requests = append(items, it), append(requests, t.Request()); len(items) == writtenOnce {
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

func readCSV(in IssuanceInput, yield func(what string, t intake.Text, bad error) error) error {
	if len(in.CSV) > MaxText {
		return fault.New(fault.Invalid, "The file is larger than %d MB.", MaxText>>20).At("uploadId").Do("Split the file.")
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
		r := intake.Text{CSR: t.cell("csr"), ProfileID: in.ProfileID, EndEntity: t.cell("endEntity")}
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
				bad = fault.New(fault.Invalid, "The value of notAfter must be a time such as 2027-01-31T00:00:00Z.")
			}
			r.NotAfter = &when
		}
		if err := yield(what, r, bad); err != nil {
			return err
		}
	}
}

var sanTypes = map[string]san.Type{
	"DNS": "DNS_NAME", "IP": "IP_ADDRESS", "EMAIL": "EMAIL", "URI": "URI", "UPN": "UPN", "DIRNAME": "DIRECTORY_NAME",
	"RID": "REGISTERED_ID",
}

// alternativeNames parses names in OpenSSL's notation, separated by semicolons. A name without a type is a DNS name.
func alternativeNames(given string) ([]intake.AlternativeName, error) {
	var names []intake.AlternativeName
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
			return nil, fault.New(
				fault.Invalid, "The alternative name %q has no known type. Prefix it with DNS:, IP:, EMAIL:, URI: or UPN:.", part,
			)
		}
		names = append(names, intake.AlternativeName{Type: t, Value: strings.TrimSpace(value)})
	}
	return names, nil
}

func readZIP(in IssuanceInput, yield func(what string, t intake.Text, bad error) error) error {
	refuse := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Invalid, format, args...).At("uploadId")
	}
	if len(in.ZIP) > MaxText {
		return refuse("The archive is larger than %d MB.", MaxText>>20)
	}
	archive, err := zip.NewReader(bytes.NewReader(in.ZIP), int64(len(in.ZIP)))
	if err != nil {
		return refuse("This is not a ZIP archive.")
	}
	unpacked := 0
	for _, f := range archive.File {
		base := path.Base(strings.ReplaceAll(f.Name, `\`, "/"))
		if f.FileInfo().IsDir() || strings.HasPrefix(base, ".") || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		// The sizes in the directory are only claims: the unpacked size is checked below.
		if f.UncompressedSize64 > csr.MaxLength {
			if err := yield(f.Name, intake.Text{}, refuse("The file is larger than %d KiB.", csr.MaxLength>>10)); err != nil {
				return err
			}
			continue
		}
		content, err := unpack(f)
		if err != nil {
			return refuse("The file %s in the archive cannot be read.", f.Name)
		}
		if unpacked += len(content); unpacked > maxUnpacked || len(content) > csr.MaxLength || len(content) > 4096 &&
			uint64(len(content)) > maxRatio*max(f.CompressedSize64, 1) {
			return refuse("The archive is too large when unpacked.").Do("Split it, and include only requests.")
		}
		if err := yield(f.Name, intake.Text{CSR: string(content), ProfileID: in.ProfileID}, nil); err != nil {
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

// ReasonName returns the revocation reason by its name in the schema.
func (o *Operation) ReasonName() string { return certificate.ReasonNames[o.Reason] }
