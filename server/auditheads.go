package server

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
)

// keepHeads compares the audit log with the heads that were kept, and keeps new ones, until ctx ends and once more then.
func (a *App) keepHeads(ctx context.Context) {
	round := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		if err := a.audit.Heads.Round(ctx); err != nil {
			a.log.Error("the audit log could not be compared with the heads that were kept", "error", err)
		}
	}
	ticker := time.NewTicker(a.cfg.AuditInterval)
	defer ticker.Stop()
	for {
		a.checkClock(ctx)
		a.reconcile(ctx)
		round(ctx)
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			round(last)
			cancel()
			return
		case <-ticker.C:
		}
	}
}

// VerifyAudit recomputes the chains of all partitions and of the platform, and compares them with the heads that are kept
// and with those in a file. An error says that something is wrong.
func VerifyAudit(ctx context.Context, cfg *Config, headsFile string, out io.Writer) error {
	return ownCommand(ctx, cfg, func(ctx context.Context, a *App) error {
		if _, err := a.audit.Heads.Compare(ctx); err != nil {
			return err
		}
		partitions, err := a.partitionIDs(ctx)
		if err != nil {
			return err
		}
		wrong := 0
		for _, id := range append([]string{audit.PlatformChain}, partitions...) {
			v, err := a.audit.Verify(ctx, id)
			if err != nil {
				return err
			}
			name := (&audit.Head{PartitionID: id}).Name()
			switch {
			case v.BrokenAt > 0:
				wrong++
				fmt.Fprintf(out, "%s: BROKEN at event %d\n", name, v.BrokenAt)
			case v.Alarm == nil:
				fmt.Fprintf(out, "%s: %d events intact\n", name, v.Events)
			}
			if v.Alarm != nil {
				wrong++
				fmt.Fprintf(out, "%s: ALARM: %s\n", name, v.Alarm.Reason)
			}
		}
		if headsFile != "" {
			file, err := os.Open(headsFile)
			if err != nil {
				return err
			}
			defer file.Close()
			heads, err := audit.ReadHeads(file)
			if err != nil {
				return fmt.Errorf("reading %s: %w", headsFile, err)
			}
			unsound, alarms, err := a.audit.Heads.Examine(ctx, heads)
			if err != nil {
				return err
			}
			for _, h := range unsound {
				fmt.Fprintf(out, "%s: the head of event %d, of %s, is not signed by this server\n", headsFile, h.Sequence, h.Name())
			}
			for _, alarm := range alarms {
				fmt.Fprintf(out, "%s: ALARM: %s\n", headsFile, alarm.Reason)
			}
			wrong += len(unsound) + len(alarms)
			fmt.Fprintf(out, "%s: %d heads compared\n", headsFile, len(heads))
		}
		if wrong > 0 {
			return fmt.Errorf("the audit log is not as it was: %d findings", wrong)
		}
		return nil
	})
}

// AcceptAudit ends the alarm of a chain, on the word of the person at the keyboard.
func AcceptAudit(ctx context.Context, cfg *Config, partition, reason string, out io.Writer) error {
	return ownCommand(ctx, cfg, func(ctx context.Context, a *App) error {
		if err := a.audit.Heads.Accept(ctx, partition, reason); err != nil {
			return err
		}
		fmt.Fprintln(out, "Accepted. Running servers notice within --audit-heads-interval.")
		return nil
	})
}

// ownCommand is command with the server's own key, by which heads are signed.
func ownCommand(ctx context.Context, cfg *Config, run func(context.Context, *App) error) error {
	return commandOf(ctx, cfg, func(a *App) (err error) {
		a.ca, err = newInternalCA(ctx, a.cfg, a.own, servingNames(a.cfg))
		return err
	}, run)
}

// partitionIDs are all that have a chain.
func (a *App) partitionIDs(ctx context.Context) (ids []string, err error) {
	return ids, a.store.DB(ctx).Table("audit_chains").Where("partition_id <> ''").Order("partition_id").Pluck("partition_id", &ids).Error
}
