package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

// ErrNotAccepted is the end of a restore that nobody accepted.
var ErrNotAccepted = errors.New("nothing was changed")

// Restore compares a database that was brought back from a backup with what lies outside: CRLs at the destinations and in
// files, and the heads of the audit log. It shows what the database does not know, and takes it over once somebody gives
// a reason: reason, or a line of in.
func Restore(ctx context.Context, cfg *Config, crlFiles []string, reason string, in io.Reader, out io.Writer) error {
	return ownCommand(ctx, cfg, func(ctx context.Context, a *App) error {
		var files []status.File
		for _, name := range crlFiles {
			der, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			files = append(files, status.File{Name: name, DER: der})
		}
		ahead, err := a.status.Compare(ctx, files...)
		if err != nil {
			return fmt.Errorf("the CRLs outside could not be read; bring their destination back, or take it out of the settings: %w", err)
		}
		alarms, err := a.audit.Heads.Compare(ctx)
		if err != nil {
			return err
		}
		show(out, ahead, alarms)
		if reason == "" {
			fmt.Fprint(
				out,
				"\nTo take this over, end all sessions, invitations, recovery codes and links sent by mail, and go on from here, type "+
					"the reason: ",
			)
			line, err := bufio.NewReader(in).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if reason = strings.TrimSpace(line); reason == "" {
				fmt.Fprintln(out)
				return ErrNotAccepted
			}
		}
		if err := text.Label("reason", reason, 1, 500); err != nil {
			return err
		}
		return a.restore(ctx, ahead, alarms, reason, out)
	})
}

func show(out io.Writer, ahead []*status.Ahead, alarms []*audit.Alarm) {
	if len(ahead) == 0 {
		fmt.Fprintln(out, "No CRL outside is ahead of the database.")
	}
	for _, one := range ahead {
		fmt.Fprintf(out, "%s, found at %s, is ahead of the database, which knows CRL %d:\n", one.Name(), one.Source, one.Known)
		for _, r := range one.Behind {
			fmt.Fprintf(out, "  %s  revoked at %s, valid in the database\n", r.SerialNumber, r.RevokedAt.Format("2006-01-02 15:04:05Z"))
		}
		for _, r := range one.Missing {
			fmt.Fprintf(out, "  %s  revoked at %s, not in the database\n", r.SerialNumber, r.RevokedAt.Format("2006-01-02 15:04:05Z"))
		}
	}
	if len(alarms) == 0 {
		fmt.Fprintln(out, "No signed head of the audit log is ahead of the database.")
	}
	for _, alarm := range alarms {
		fmt.Fprintf(out, "Audit log: %s.\n", alarm.Reason)
	}
}

// voided are rows that must not be used a second time: what was spent, answered or ended since the backup is open again.
var voided = []struct{ what, statement string }{
	{"sessions", "DELETE FROM sessions"},
	{"invitations", "DELETE FROM invitations"},
	{"recovery codes", "DELETE FROM recovery_codes"},
	{"links and codes sent to people", "DELETE FROM address_proofs"},
	{"secrets of ACME nonces", "DELETE FROM acme_secrets"},
}

func (a *App) restore(ctx context.Context, ahead []*status.Ahead, alarms []*audit.Alarm, reason string, out io.Writer) error {
	for _, one := range ahead {
		if err := a.status.Adopt(ctx, one); err != nil {
			return err
		}
		fmt.Fprintf(out, "Took over %s.\n", one.Name())
	}
	ended := map[string]int64{}
	if err := a.store.Tx(ctx, func(ctx context.Context) error {
		for _, v := range voided {
			done := a.store.DB(ctx).Exec(v.statement)
			if done.Error != nil {
				return done.Error
			}
			ended[v.what] = done.RowsAffected
		}
		a.audit.RecordAs(
			ctx, rbac.SystemActor(),
			audit.Event{
				Action: "database.restore", ObjectKind: "database", ObjectName: "database",
				Summary: "The database was restored from a backup and accepted.",
				Details: audit.Details{"reason": reason, "crls": int64(len(ahead)), "auditLogs": int64(len(alarms)), "ended": ended}})
		return nil
	}); err != nil {
		return err
	}
	for _, v := range voided {
		fmt.Fprintf(out, "Ended %d %s.\n", ended[v.what], v.what)
	}
	for _, alarm := range alarms {
		if err := a.audit.Heads.Accept(ctx, alarm.Head.PartitionID, reason); err != nil {
			return err
		}
		fmt.Fprintf(out, "Accepted the audit log of %s.\n", alarm.Head.Name())
	}
	fmt.Fprintln(out, "Done. Start the servers; each CA publishes new CRLs at once.")
	return nil
}
