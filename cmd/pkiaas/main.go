// Command pkiaas is the whole product in one binary: `pkiaas demo` to try it, `pkiaas serve` to run it.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pkiaas/pkiaas/server"
)

type commands struct {
	Config kong.ConfigFlag `help:"JSON file with settings, named like the flags." env:"PKIAAS_CONFIG" placeholder:"FILE"`

	Serve struct{ server.Config } `cmd:"" help:"Run the server."`
	Demo  struct{ server.Config } `cmd:"" help:"Run the server with sample data, to try it out."`

	Migrate struct{ server.Config } `cmd:"" help:"Migrate the database to this release and exit."`
	Restore struct {
		server.Config
		CRL    []string `name:"crl" help:"File with a published CRL. Repeat for each CRL." type:"existingfile"`
		Reason string   `help:"Reason for the restore, for the audit log. If empty, the command shows its findings and asks for confirmation."`
	} `cmd:"" help:"Complete a restore of the database from a backup: compare it with published CRLs and kept audit heads, and adopt what it lacks."`
	Operator struct {
		Create struct {
			server.Config
			Email string `arg:"" help:"E-mail address of the platform operator. The password is read from standard input."`
		} `cmd:"" help:"Create a platform operator, who can create subscriptions."`
		ResetSecondFactor struct {
			server.Config
			Email string `arg:"" help:"E-mail address of the account."`
		} `cmd:"" help:"Remove the second factors of an account and print a code to enrol a new one. For operators when no other operator can help."`
	} `cmd:"" help:"Manage platform operators."`
	Kek struct {
		Rotate struct{ server.Config } `cmd:"" help:"Replace the key-encryption key and re-encrypt everything. Servers may keep running. Repeat the command if it was interrupted."`
	} `cmd:"" help:"Manage the key-encryption key."`
	Keys struct {
		Backup struct {
			server.Config
			Out       string `required:"" help:"File to write the encrypted backup to."`
			ShareDir  string `required:"" help:"Directory to write the shares to, one file each. Give them to different people."`
			Threshold int    `default:"2" help:"Number of shares needed to restore the backup."`
			Shares    int    `default:"3" help:"Total number of shares."`
		} `cmd:"" help:"Back up software keys, wrapped keys and the key-encryption key."`
		Restore struct {
			server.Config
			In    string   `required:"" help:"File with the encrypted backup." type:"existingfile"`
			Share []string `required:"" help:"File with a share. Repeat for each share." type:"existingfile"`
		} `cmd:"" help:"Restore keys from a backup with enough of its shares."`
	} `cmd:"" help:"Back up and restore private keys."`
	Audit struct {
		Verify struct {
			server.Config
			Heads string `help:"File with signed audit heads, such as a copy of --audit-heads kept elsewhere. Each of them must be in the log." type:"existingfile"`
		} `cmd:"" help:"Verify the audit logs of all partitions against the signed audit heads."`
		Accept struct {
			server.Config
			Partition string `help:"ID of the partition. Default: the audit log of the platform."`
			Reason    string `required:"" help:"Why the end of the log is missing. The reason is recorded in the log."`
		} `cmd:"" help:"Clear the alarm of an audit log whose end is missing for a known reason."`
	} `cmd:"" help:"Verify the audit log."`
	Acme struct {
		Key struct {
			Create struct {
				server.Config
				Partition      string    `arg:"" help:"ID of the partition."`
				Configuration  string    `arg:"" help:"Identifier of the protocol configuration."`
				Name           string    `required:"" help:"Name: 2 to 18 characters, a-z, 0-9, - and _."`
				Allowed        []string  `help:"Names that accounts of the key may order: host.example.com, *.example.com, 10.1.0.0/16. Default: all."`
				Preauthorized  bool      `help:"Allow orders for the allowed names without a challenge."`
				WithoutBinding bool      `help:"For devices whose client does not support external account binding, such as Apple's. They may order only what they attest, and must be listed in --allowed (device:SERIAL)."`
				MaxAccounts    int       `help:"Number of accounts that can be created with the key. 0 means no limit."`
				Expires        time.Time `help:"When the key expires (RFC 3339). Default: never."`
			} `cmd:"" help:"Create a key for external account binding and print it. Servers may keep running. Set their --base-url to print the correct directory URL."`
		} `cmd:"" help:"Manage keys for external account binding."`
	} `cmd:"" name:"acme" help:"Manage ACME."`
	Support struct {
		server.Config
		Out string `help:"File to write. Default: pkiaas-support-TIME.zip." placeholder:"FILE"`
	} `cmd:"" help:"Collect support information in one file: versions, settings without secrets, health and recent errors."`
	Settings struct{} `cmd:"" help:"Print the table of settings as Markdown."`
	Version  struct{} `cmd:"" help:"Print the version."`
}

func main() {
	var c commands
	parser := kong.Must(
		&c, kong.Name("pkiaas"), kong.Description("PKI as a Service, self-hosted."), kong.Configuration(settingsFile),
		kong.DefaultEnvars("PKIAAS"), kong.UsageOnError(),
	)
	parsed, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, parsed, &c); err != nil {
		fmt.Fprintln(os.Stderr, "pkiaas: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, parsed *kong.Context, c *commands) error {
	switch parsed.Command() {
	case "serve":
		return server.Run(ctx, &c.Serve.Config)
	case "demo":
		return server.Demo(ctx, &c.Demo.Config, os.Stdout)
	case "migrate":
		version, err := server.Migrate(ctx, &c.Migrate.Config)
		if err == nil {
			fmt.Println("the database has version", version)
		}
		return err
	case "restore":
		r := &c.Restore
		return server.Restore(ctx, &r.Config, r.CRL, r.Reason, os.Stdin, os.Stdout)
	case "operator create <email>":
		password, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil && password == "" {
			return fmt.Errorf("cannot read the password from standard input: %w", err)
		}
		return server.CreateOperator(
			ctx, &c.Operator.Create.Config, c.Operator.Create.Email, strings.TrimRight(password, "\r\n"), os.Stdout,
		)
	case "operator reset-second-factor <email>":
		return server.ResetSecondFactor(ctx, &c.Operator.ResetSecondFactor.Config, c.Operator.ResetSecondFactor.Email, os.Stdout)
	case "kek rotate":
		return server.RotateKEK(ctx, &c.Kek.Rotate.Config, os.Stdout)
	case "audit verify":
		return server.VerifyAudit(ctx, &c.Audit.Verify.Config, c.Audit.Verify.Heads, os.Stdout)
	case "audit accept":
		return server.AcceptAudit(ctx, &c.Audit.Accept.Config, c.Audit.Accept.Partition, c.Audit.Accept.Reason, os.Stdout)
	case "keys backup":
		b := &c.Keys.Backup
		return server.BackupKeys(ctx, &b.Config, b.Out, b.ShareDir, b.Threshold, b.Shares, os.Stdout)
	case "keys restore":
		return server.RestoreKeys(ctx, &c.Keys.Restore.Config, c.Keys.Restore.In, c.Keys.Restore.Share, os.Stdout)
	case "acme key create <partition> <configuration>":
		k := &c.Acme.Key.Create
		return server.CreateACMEKey(
			ctx, &k.Config, k.Partition, k.Configuration, k.Name, k.Allowed, k.Preauthorized, k.WithoutBinding, k.MaxAccounts, k.Expires,
			os.Stdout,
		)
	case "support":
		return server.Support(ctx, &c.Support.Config, c.Support.Out, os.Stdout)
	case "settings":
		printSettings(parsed.Model)
	case "version":
		fmt.Println(server.Version)
	}
	return nil
}

// printSettings prints the table of docs/configuration.md.
func printSettings(app *kong.Application) {
	fmt.Println("| flag | environment | default | meaning |\n| --- | --- | --- | --- |")
	for _, command := range app.Children {
		if command.Name != "serve" {
			continue
		}
		for _, f := range command.Flags {
			fmt.Printf(
				"| `--%s` | `%s` | %s | %s |\n", f.Name, strings.Join(f.Envs, ", "), code(f.Default),
				strings.ReplaceAll(f.Help, "|", "\\|"),
			)
		}
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
