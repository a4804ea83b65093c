package bulk

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/rbac"
)

// These limits apply to the input.
const (
	MaxText     = 20 << 20 // bytes of a CSV or ZIP
	MaxRevoke   = 1_000_000
	MaxIssue    = 50_000
	maxKeys     = 1000
	maxFew      = 1000 // serial numbers outside a file
	writtenOnce = 1000 // items per transaction while a draft is written
)

// RevocationInput describes what to revoke: exactly one of UploadID, Few, Serials, Filter and Keys.
type RevocationInput struct {
	PartitionID    string
	Name           string // "": generated
	Reason         certificate.Reason
	InvalidityDate *time.Time
	// Serials is CSV: one hexadecimal serial number per line, with or without colons; with a header line, the columns
	// serialNumber and reason.
	Serials string
	// UploadID identifies an uploaded file with such lines.
	UploadID string
	// Few are serial numbers, up to maxFew.
	Few    []string
	Filter *certificate.Filter
	// Keys are hexadecimal SHA-256 hashes of a SubjectPublicKeyInfo, or public keys or certificates in PEM.
	Keys []string
}

// PrepareRevocation writes the draft of a bulk revocation. It revokes nothing.
func (s *Service) PrepareRevocation(ctx context.Context, in RevocationInput) (_ *Operation, err error) {
	defer s.Audit.Refusal(
		ctx, &err, &audit.Event{PartitionID: in.PartitionID, Action: "bulk.prepare", ObjectKind: "bulk-operation", ObjectName: in.Name},
	)
	if err := s.Guard.Require(ctx, rbac.CertificateChangeStatus, in.PartitionID); err != nil {
		return nil, err
	}
	now := s.Now()
	if _, ok := certificate.ReasonNames[in.Reason]; !ok {
		return nil, fault.New(fault.Invalid, "Unknown revocation reason.").At("reason")
	}
	if in.InvalidityDate != nil && in.InvalidityDate.After(now) {
		return nil, fault.New(
			fault.Invalid, "The invalidity date must not be in the future or before the certificates were issued.",
		).At("invalidityDate")
	}
	if in.UploadID != "" {
		content, err := s.received(ctx, in.UploadID, in.PartitionID, Revoke)
		if err != nil {
			return nil, err
		}
		if in.Serials != "" || len(in.Few) > 0 {
			return nil, oneOf()
		}
		in.Serials = string(content)
	}
	if len(in.Few) > 0 {
		if in.Serials != "" {
			return nil, oneOf()
		}
		if len(in.Few) > maxFew {
			return nil, fault.New(
				fault.Invalid, "At most %d serial numbers can be provided without a file.", maxFew,
			).At("selection.serialNumbers").Do("Upload a file.")
		}
		in.Serials = strings.Join(in.Few, "\n")
	}
	given := 0
	o := &Operation{
		upload: in.UploadID, PartitionID: in.PartitionID, Kind: Revoke, Name: in.Name, Reason: in.Reason,
		InvalidityDate: in.InvalidityDate,
	}
	var write func(context.Context, *Operation) error
	if in.Serials != "" {
		given, o.Input, write = given+1, Serials, func(ctx context.Context, o *Operation) error {
			return s.writeSerials(ctx, o, in.Serials)
		}
	}
	if in.Filter != nil {
		given, o.Input, write = given+1, Filter, func(ctx context.Context, o *Operation) error { return s.writeFilter(ctx, o, *in.Filter) }
	}
	if len(in.Keys) > 0 {
		given, o.Input, write = given+1, Keys, func(ctx context.Context, o *Operation) error { return s.writeKeys(ctx, o, in.Keys) }
	}
	if given != 1 {
		return nil, oneOf()
	}
	return s.prepare(ctx, o, write)
}

func oneOf() error {
	return fault.New(fault.Invalid, "Provide either a file, serial numbers, a filter or keys.").At("selection")
}

// prepare creates the operation, lets write add its items, and counts them.
func (s *Service) prepare(ctx context.Context, o *Operation, write func(context.Context, *Operation) error) (*Operation, error) {
	o.ID, o.State, o.CreatedAt, o.CreatedBy = uuid.Must(uuid.NewV7()).String(), Preparing, s.Now(), rbac.ActorFrom(ctx).Name
	if o.Name == "" {
		o.Name = map[Kind]string{Revoke: "Revocation", Issue: "Issuance"}[o.Kind] + " of " + o.CreatedAt.Format("2006-01-02 15:04")
	}
	if err := text.Label("name", o.Name, 1, 100); err != nil {
		return nil, err
	}
	err := s.Store.Tx(ctx, func(ctx context.Context) error { return s.Store.DB(ctx).Create(o).Error })
	if err == nil {
		err = write(ctx, o)
	}
	if err != nil {
		// Best effort: the job Clean removes what is left.
		_ = s.Store.Tx(context.WithoutCancel(ctx), func(ctx context.Context) error {
			if err := s.Store.DB(ctx).Delete(&Item{}, "operation_id = ?", o.ID).Error; err != nil {
				return err
			}
			return s.Store.DB(ctx).Delete(&Operation{}, "id = ?", o.ID).Error
		})
		return nil, err
	}
	return o, s.Store.Tx(ctx, func(ctx context.Context) error {
		var rows []struct {
			State ItemState
			N     int64
		}
		if err := s.Store.DB(ctx).Model(&Item{}).Select("state, count(*) AS n").Where("operation_id = ?",
			o.ID).Group("state").Scan(&rows).Error; err != nil {
			return err
		}
		o.State, o.Total, o.Failed, o.Skipped = Draft, 0, 0, 0
		for _, r := range rows {
			o.Total += r.N
			switch r.State {
			case ItemFailed:
				o.Failed = r.N
			case ItemSkipped:
				o.Skipped = r.N
			}
		}
		details := counts(o)
		details["input"] = o.Input
		if o.upload != "" {
			details["upload"] = o.upload
			if err := s.used(ctx, o.upload); err != nil {
				return err
			}
		}
		s.Audit.Record(
			ctx,
			audit.Event{
				PartitionID: o.PartitionID, Action: "bulk.prepare", ObjectKind: "bulk-operation", ObjectID: o.ID, ObjectName: o.Name,
				Summary: "prepared the bulk operation " + o.Name, Details: details})
		return s.Store.DB(ctx).Select("*").Updates(o).Error
	})
}

func (s *Service) write(ctx context.Context, items []*Item) error {
	if len(items) == 0 {
		return nil
	}
	for _, it := range items {
		it.State = stateOf[it.Result]
		if len(it.What) > 200 {
			it.What = strings.ToValidUTF8(it.What[:197], "") + "..."
		}
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error { return s.Store.DB(ctx).CreateInBatches(items, 500).Error })
}

// writeFilter adds, in one statement, the subscriber certificates that match the filter and are not revoked.
func (s *Service) writeFilter(ctx context.Context, o *Operation, f certificate.Filter) error {
	query, err := s.Certificates.Select(ctx, o.PartitionID, f)
	if err != nil {
		return err
	}
	count, err := s.Store.CountUpTo(ctx, query, MaxRevoke+1)
	if err != nil {
		return err
	}
	if count > MaxRevoke {
		return fault.New(fault.Invalid, "The filter matches more than %d certificates.", MaxRevoke).At("filter").Do(
			"Narrow the filter, and repeat for the remaining certificates.",
		)
	}
	selected := query.Select("id, serial_number, kind, status")
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		return s.Store.DB(ctx).Exec(`INSERT INTO bulk_items (operation_id, position, what, state, certificate_id, reason, result)
			SELECT ?, row_number() OVER (ORDER BY id), serial_number,
				CASE WHEN kind <> ? THEN 'FAILED' WHEN status = ? THEN 'SKIPPED' ELSE 'PENDING' END, id, ?,
				CASE WHEN kind <> ? THEN 'NOT_SUBSCRIBER' WHEN status = ? THEN 'ALREADY_REVOKED' ELSE 'WILL_REVOKE' END
			FROM (?) AS selected`, o.ID, certificate.Subscriber, certificate.Revoked, o.Reason, certificate.Subscriber,
			certificate.Revoked, selected).Error
	})
}

// writeKeys adds all certificates of the given keys.
func (s *Service) writeKeys(ctx context.Context, o *Operation, keys []string) error {
	if len(keys) > maxKeys {
		return fault.New(fault.Invalid, "At most %d keys are allowed.", maxKeys).At("keys")
	}
	var items []*Item
	seen := map[string]bool{}
	for n, k := range keys {
		hash, err := keyHash(k)
		if err != nil {
			return err
		}
		if seen[hash] {
			continue
		}
		seen[hash] = true
		var found []*certificate.Certificate
		if err := s.Store.DB(ctx).Select("id", "serial_number", "kind", "status").Where(
			"partition_id = ? AND substr(public_key_sha256, 1, 16) = ? AND public_key_sha256 = ?", o.PartitionID, hash[:16], hash,
		).Order("id").Find(&found).Error; err != nil {
			return err
		}
		if len(found) == 0 {
			items = append(
				items,
				&Item{
					OperationID: o.ID, Position: int64(len(items) + 1), What: hash, Result: Unknown, Note: "No certificate has this key.",
				},
			)
		}
		for _, c := range found {
			items = append(items, revocation(o, int64(len(items)+1), c.SerialNumber, c, o.Reason))
		}
		if len(items) > MaxRevoke {
			return fault.New(fault.Invalid, "The keys, up to key %[2]d, have more than %[1]d certificates.", MaxRevoke, n+1).At("keys")
		}
	}
	for len(items) > 0 {
		n := min(writtenOnce, len(items))
		if err := s.write(ctx, items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

func revocation(o *Operation, position int64, what string, c *certificate.Certificate, reason certificate.Reason) *Item {
	it := &Item{OperationID: o.ID, Position: position, What: what, CertificateID: c.ID, Reason: reason, Result: WillRevoke}
	switch {
	case c.Kind != certificate.Subscriber:
		it.Result, it.Note = NotSubscriber, "Certificates of certification authorities and OCSP signers cannot be revoked in bulk."
	case c.Status == certificate.Revoked:
		it.Result = AlreadyRevoked
	}
	return it
}

// keyHash returns the SHA-256 hash of a SubjectPublicKeyInfo given as hash, PEM public key or PEM certificate.
func keyHash(given string) (string, error) {
	bad := fault.New(
		fault.Invalid, "%s is neither a SHA-256 hash of a public key nor a public key or certificate in PEM.",
		text.Quote(strings.TrimSpace(given)),
	).At("keys").
		Do("Enter 64 hexadecimal digits (openssl pkey -pubin -outform DER | sha256sum), or paste the PEM.")
	if block, _ := pem.Decode([]byte(given)); block != nil {
		spki := block.Bytes
		switch block.Type {
		case "PUBLIC KEY":
			if _, err := algorithm.InspectPublicKey(spki); err != nil {
				return "", bad
			}
		case "CERTIFICATE":
			d, err := issuance.Inspect(block.Bytes)
			if err != nil {
				return "", bad
			}
			spki = d.PublicKey
		default:
			return "", bad
		}
		hash := sha256.Sum256(spki)
		return hex.EncodeToString(hash[:]), nil
	}
	hash := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(strings.TrimSpace(given)))
	if b, err := hex.DecodeString(hash); err != nil || len(b) != sha256.Size {
		return "", bad
	}
	return hash, nil
}

// table reads CSV with or without a header line. Columns are found by lower-case name in the header; without a header,
// the first column is read.
type table struct {
	reader  *csv.Reader
	columns map[string]int
	line    []string
	first   bool
}

func newTable(input, first string, known ...string) (*table, error) {
	input = strings.TrimPrefix(input, "\ufeff") // Excel writes a byte order mark
	t := &table{reader: csv.NewReader(strings.NewReader(input)), columns: map[string]int{first: 0}}
	t.reader.FieldsPerRecord, t.reader.LazyQuotes, t.reader.TrimLeadingSpace = -1, true, true
	if head, _, _ := strings.Cut(input, "\n"); strings.Count(head, ";") > strings.Count(head, ",") {
		t.reader.Comma = ';'
	}
	line, err := t.reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "The file is empty.")
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "The file is not valid CSV: %v.", err)
	}
	named := map[string]int{}
	for n, name := range line {
		name = strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(name))
		for _, k := range append(known, first) {
			if name == strings.ToLower(k) {
				named[k] = n
			}
		}
	}
	if _, ok := named[first]; ok {
		t.columns = named
	} else {
		t.line, t.first = line, true
	}
	return t, nil
}

func (t *table) next() (bool, error) {
	if t.first {
		t.first = false
		return true, nil
	}
	line, err := t.reader.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, fault.New(fault.Invalid, "The file is not valid CSV: %v.", err)
	}
	t.line = line
	return true, nil
}

func (t *table) cell(column string) string {
	if n, ok := t.columns[column]; ok && n < len(t.line) {
		return strings.TrimSpace(t.line[n])
	}
	return ""
}

var reasonCodes = func() map[string]certificate.Reason {
	codes := map[string]certificate.Reason{}
	for code, name := range certificate.ReasonNames {
		codes[strings.ReplaceAll(name, "_", "")] = code
	}
	return codes
}()

func (s *Service) writeSerials(ctx context.Context, o *Operation, input string) error {
	if len(input) > MaxText {
		return fault.New(fault.Invalid, "The file is larger than %d MB.", MaxText>>20).At("serialNumbers").Do("Split the file.")
	}
	t, err := newTable(input, "serialNumber", "reason")
	if err != nil {
		return fault.Of(err).At("serialNumbers")
	}
	seen := map[string]struct{}{}
	var items []*Item
	flush := func() error {
		if err := s.resolve(ctx, o, items); err != nil {
			return err
		}
		err := s.write(ctx, items)
		items = nil
		return err
	}
	for position := int64(1); ; position++ {
		more, err := t.next()
		if err != nil {
			return fault.Of(err).At("serialNumbers")
		}
		if !more {
			return flush()
		}
		if position > MaxRevoke {
			return fault.New(fault.Invalid, "The file has more than %d lines.", MaxRevoke).At("serialNumbers").Do("Split the file.")
		}
		it := &Item{OperationID: o.ID, Position: position, What: t.cell("serialNumber"), Reason: o.Reason, Result: WillRevoke}
		serial, ok, err := s.serialOf(ctx, o, it)
		if err != nil {
			return err
		}
		if reason := t.cell("reason"); reason != "" {
			code, ok := reasonCodes[strings.ToUpper(strings.NewReplacer("_", "", " ", "").Replace(reason))]
			if !ok {
				it.Result, it.Note = Invalid, "Unknown revocation reason "+text.Quote(reason)+"."
			}
			it.Reason = code
		}
		if _, twice := seen[serial]; ok && twice {
			it.Result, it.Note = Duplicate, "Duplicate of an earlier line."
		}
		seen[serial] = struct{}{}
		if items = append(items, it); len(items) == writtenOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// serialOf reads what identifies the certificate in a line, and sets the serial number of the item.
func (s *Service) serialOf(ctx context.Context, o *Operation, it *Item) (serial string, ok bool, err error) {
	given := it.What
	q := certificate.ReadQuoted(given)
	// Digits alone may be hexadecimal or decimal: use the form for which a certificate exists.
	for _, candidate := range q.Serials[min(1, len(q.Serials)):] {
		var n int64
		if err := s.Store.DB(ctx).Model(&certificate.Certificate{}).Where(
			"ca_id IN (SELECT id FROM certification_authorities WHERE partition_id = ?) AND serial_number IN ?", o.PartitionID,
			[]string{q.Serials[0], candidate},
		).
			Distinct("serial_number").Count(&n).Error; err != nil {
			return "", false, err
		}
		if n > 1 {
			it.Result, it.Note = Invalid, "Ambiguous: one certificate has this serial number in hexadecimal, another in decimal. Write "+
				"0x before it, or use the other form."
			return "", false, nil
		}
		var found []string
		if err := s.Store.DB(ctx).Model(&certificate.Certificate{}).Where(
			"ca_id IN (SELECT id FROM certification_authorities WHERE partition_id = ?) AND serial_number = ?", o.PartitionID, candidate,
		).Limit(1).Pluck("serial_number", &found).Error; err != nil {
			return "", false, err
		}
		if len(found) > 0 {
			it.What = candidate
			return candidate, true, nil
		}
	}
	byFingerprint, err := s.Certificates.ByFingerprint(ctx, o.PartitionID, given)
	switch {
	case err != nil:
		return "", false, err
	case len(byFingerprint) == 1:
		it.What = byFingerprint[0].SerialNumber
	case len(q.Serials) > 0:
		it.What = q.Serials[0]
	default:
		it.Result, it.Note = Invalid, "This is neither a serial number nor the fingerprint of a certificate."
		return "", false, nil
	}
	return it.What, true, nil
}

// resolve finds the certificates of serial numbers.
func (s *Service) resolve(ctx context.Context, o *Operation, items []*Item) error {
	var serials []string
	for _, it := range items {
		if it.Result == WillRevoke {
			serials = append(serials, it.What)
		}
	}
	if len(serials) == 0 {
		return nil
	}
	var found []*certificate.Certificate
	if err := s.Store.DB(ctx).Select("id", "serial_number", "kind", "status").Where(
		"ca_id IN (SELECT id FROM certification_authorities WHERE partition_id = ?) AND serial_number IN ?", o.PartitionID, serials,
	).Order("id").Find(&found).Error; err != nil {
		return err
	}
	bySerial := map[string][]*certificate.Certificate{}
	for _, c := range found {
		bySerial[c.SerialNumber] = append(bySerial[c.SerialNumber], c)
	}
	for _, it := range items {
		if it.Result != WillRevoke {
			continue
		}
		switch list := bySerial[it.What]; len(list) {
		case 0:
			it.Result, it.Note = Unknown, "No certificate of this partition has this serial number."
		case 1:
			*it = *revocation(o, it.Position, it.What, list[0], it.Reason)
		default:
			it.Result, it.Note = Invalid, "Several certification authorities have issued this serial number. Revoke these certificates "+
				"one by one."
		}
	}
	return nil
}

// marshal writes a request into its item.
func marshal(it *Item, r enrollment.Request) error {
	text, err := json.Marshal(r)
	it.Request = string(text)
	return err
}
