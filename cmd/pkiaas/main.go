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
	Config kong.ConfigFlag `help:"JSON file with settings, named as the flags." env:"PKIAAS_CONFIG" placeholder:"FILE"`

	Serve struct{ server.Config } `cmd:"" help:"Run the server."`
	Demo  struct{ server.Config } `cmd:"" help:"Run the server with a small estate that is already set up, to look around in."`

	Migrate struct{ server.Config } `cmd:"" help:"Bring the database to this release's version, and end."`
	Restore struct {
		server.Config
		CRL    []string `name:"crl" help:"File with a CRL that was published before; give it for each." type:"existingfile"`
		Reason string   `help:"Why the database was restored; recorded. Without it the command shows what it finds and asks."`
	} `cmd:"" help:"After the database was restored from a backup: compare it with the CRLs and the audit heads outside, and take over what it does not know."`
	Operator struct {
		Create struct {
			server.Config
			Email string `arg:"" help:"E-mail of the platform operator; the password is read from standard input."`
		} `cmd:"" help:"Create a platform operator, who creates subscriptions."`
		ResetSecondFactor struct {
			server.Config
			Email string `arg:"" help:"E-mail of the account."`
		} `cmd:"" help:"Remove the second factors of an account and print the code with which its owner enrols a new one. For an operator whom no other can help."`
	} `cmd:"" help:"Platform operators."`
	Kek struct {
		Rotate struct{ server.Config } `cmd:"" help:"Replace the key-encryption key and seal everything anew. Servers may go on running; repeat it if it was interrupted."`
	} `cmd:"" help:"The key-encryption key."`
	Keys struct {
		Backup struct {
			server.Config
			Out       string `required:"" help:"File for the encrypted backup."`
			ShareDir  string `required:"" help:"Directory for the shares, one file each; give them to different people."`
			Threshold int    `default:"2" help:"How many shares open the backup."`
			Shares    int    `default:"3" help:"How many shares there are."`
		} `cmd:"" help:"Back up software keys, wrapped keys and the key-encryption key."`
		Restore struct {
			server.Config
			In    string   `required:"" help:"File with the encrypted backup." type:"existingfile"`
			Share []string `required:"" help:"File with a share; give it for each." type:"existingfile"`
		} `cmd:"" help:"Bring keys back from a backup, with enough of its shares."`
	} `cmd:"" help:"Private keys."`
	Audit struct {
		Verify struct {
			server.Config
			Heads string `help:"File with signed ends of the audit log, such as a copy of --audit-heads kept elsewhere: each must be in the log." type:"existingfile"`
		} `cmd:"" help:"Verify the audit log of all partitions and compare it with the ends that were signed and kept."`
		Accept struct {
			server.Config
			Partition string `help:"Id of the partition; empty: the audit log of the platform."`
			Reason    string `required:"" help:"Why the log does not end as it did; recorded in it."`
		} `cmd:"" help:"End the alarm of an audit log whose end is lost for a reason that you know."`
	} `cmd:"" help:"The audit log."`
	Acme struct {
		Key struct {
			Create struct {
				server.Config
				Partition      string    `arg:"" help:"Id of the partition."`
				Configuration  string    `arg:"" help:"Identifier of the protocol configuration."`
				Name           string    `required:"" help:"Friendly name: 2 to 18 of a-z 0-9 - _."`
				Allowed        []string  `help:"Names that the key is for: host.example.com, *.example.com, 10.1.0.0/16. Default: all."`
				Preauthorized  bool      `help:"Orders for the allowed names need no challenge."`
				WithoutBinding bool      `help:"For devices whose client cannot bind its account, such as Apple's: they order only what they attest, and --allowed names them (device:SERIAL)."`
				MaxAccounts    int       `help:"How many accounts the key can make; 0 is no limit."`
				Expires        time.Time `help:"When the key ends (RFC 3339). Default: never."`
			} `cmd:"" help:"Make a key for external account binding and print it. Servers may go on running; give their --base-url to have the right directory printed."`
		} `cmd:"" help:"Keys for external account binding."`
	} `cmd:"" name:"acme" help:"ACME."`
	Support struct {
		server.Config
		Out string `help:"File that it writes. Default: pkiaas-support-TIME.zip." placeholder:"FILE"`
	} `cmd:"" help:"Collect in one file what somebody who helps you needs to know: versions, settings without secrets, health, last errors."`
	Settings struct{} `cmd:"" help:"Print the table of settings as Markdown."`
	Version  struct{} `cmd:"" help:"Print the version."`
}

func main() {
	var c commands
	parser := kong.Must(&c, kong.Name("pkiaas"), kong.Description("PKI as a Service, self-hosted."), kong.Configuration(settingsFile), kong.DefaultEnvars("PKIAAS"), kong.UsageOnError())
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
			return fmt.Errorf("the password is read from standard input: %w", err)
		}
		return server.CreateOperator(ctx, &c.Operator.Create.Config, c.Operator.Create.Email, strings.TrimRight(password, "\r\n"), os.Stdout)
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
		return server.CreateACMEKey(ctx, &k.Config, k.Partition, k.Configuration, k.Name, k.Allowed, k.Preauthorized, k.WithoutBinding, k.MaxAccounts, k.Expires, os.Stdout)
	case "support":
		return server.Support(ctx, &c.Support.Config, c.Support.Out, os.Stdout)
	case "settings":
		printSettings(parsed.Model)
	case "version":
		fmt.Println(server.Version)
	}
	return nil
}

// printSettings prints what docs/configuration.md holds.
func printSettings(app *kong.Application) {
	fmt.Println("| flag | environment | default | meaning |\n| --- | --- | --- | --- |")
	for _, command := range app.Children {
		if command.Name != "serve" {
			continue
		}
		for _, f := range command.Flags {
			fmt.Printf("| `--%s` | `%s` | %s | %s |\n", f.Name, strings.Join(f.Envs, ", "), code(f.Default), strings.ReplaceAll(f.Help, "|", "\\|"))
		}
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
