package domain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unguarded are the exported methods of services that ask for no permission, and why.
var unguarded = map[string]string{
	"approval.Ask": "part of what asks", "approval.Submit": "part of what asks", "approval.Settle": "part of what asks",
	"approval.SettleFor": "part of what asks", "approval.Open": "part of what asks", "approval.Rule": "part of what asks",
	"approval.Run": "job", "approval.Expire": "job", "approval.Tell": "job", "approval.MayWithdraw": "of a request that was asked for",
	"identity.Holders": "part of approvals, which ask", "identity.Email": "part of approvals, which ask",
	"ca.Unsettle": "part of what asks",
	// Of the caller's own account, or before there is one.
	"identity.Init": "wiring", "ca.Init": "wiring", "identity.AuthenticateSession": "establishes the actor",
	"identity.AuthenticateToken": "establishes the actor", "identity.Watch": "establishes the actor",
	"identity.SignIn": "before anyone is signed in", "identity.VerifySecondFactor": "before anyone is signed in",
	"identity.BeginPasskeySignIn": "before anyone is signed in",
	"identity.Invitation":         "the token is the permission", "identity.AcceptInvitation": "the token is the permission",
	"identity.VerifyAddressCode": "before anyone is signed in", "identity.RequestPasswordReset": "before anyone is signed in",
	"identity.ResetPassword": "the token is the permission",
	"identity.Invitations":   "own account", "identity.AcceptRoles": "own account", "identity.DeclineInvitation": "own account",
	"identity.BeginTOTP": "own account", "identity.ConfirmTOTP": "own account", "identity.BeginPasskeyRegistration": "own account",
	"identity.FinishPasskeyRegistration": "own account",
	"identity.RemovePasskey":             "own account", "identity.RegenerateRecoveryCodes": "own account",
	"identity.RecoveryCodesLeft": "own account", "identity.ChangePassword": "own account", "identity.Confirm": "own account",
	"identity.Passkeys": "own account", "identity.Sessions": "own account", "identity.SignOut": "own account",
	"identity.Self": "own account", "identity.CallerToken": "own account",
	"identity.InviteOwner": "part of tenant.Create, which asks", "identity.CopyGrants": "part of tenant.Assign, which asks",
	"identity.CreateOperator": "command line only, checked to be the system",
	"certificate.Describe":    "job", "certificate.WriteWords": "job", "bulk.Clean": "job", "notify.Expiry": "job", "notify.Alarms": "job",
	"notify.Deliver": "job", "identity.CurrentActor": "establishes the actor of a job",
	"identity.SaveLastUse": "bookkeeping of the server", "identity.Clean": "job", "identity.SendPasswordLink": "job",
	"mail.Send": "part of what asks for it", "mail.Deliver": "job",
	"tenant.ByIDs": "loader of a partition's own subscription", "tenant.PartitionsOf": "loader of subscriptions that were asked for",
	"ca.Lookup": "public status services serve anyone", "ca.KeyStoresInUse": "the server itself, at its start and for a backup",
	"ca.Chain": "certificates are public; Download asks", "ca.ProfileIDs": "loader of a CA that was asked for",
	"ca.Change": "part of what asks", "ca.CheckName": "part of what asks", "ca.Granted": "what is in the scope of the actor",
	"ca.BumpStatus": "part of what asks", "ca.Purge": "job",
	"profile.Find": "part of issuance, which asks", "profile.Selectable": "part of what asks",
	"profile.Current": "part of issuance, which asks", "profile.At": "loader of certificates that were asked for",
	"ca.Generation": "a key of a CA for what asks, and for status", "ca.Generations": "the keys of a CA that was asked for",
	"ca.NextKey": "part of renewal, which asks", "ca.AddKey": "part of renewal, which asks",
	"ca.ChangeKey": "part of what asks", "ca.SwitchKey": "part of renewal, which asks", "ca.KeepsKey": "part of a job",
	"ca.AddCertificate": "part of what asks", "ca.HasCertificate": "part of a job", "ca.Below": "DeletionImpact asks",
	"certificate.ActiveByCA": "loader of CAs that were asked for", "certificate.Release": "job", "certificate.Expire": "job",
	"endentity.FindOrCreate": "part of issuance, which asks", "endentity.Link": "part of issuance, which asks",
	"acme.Unproved": "part of protocolconfig's changes, which ask", "acme.LoadKeys": "load asks for each",
	"acme.LoadAccounts": "load asks for each", "ca.Chains": "certificates are public; Download asks",
	"protocolconfig.ByID": "of jobs of a protocol", "protocolconfig.Register": "wiring", "protocolconfig.Types": "a constant",
	"protocolconfig.Type": "a constant", "acme.Type": "wiring", "acme.UpdateSettings": "protocolconfig.ChangeSettings asks",
	"protocolconfig.Actor": "establishes the actor of a protocol", "protocolconfig.PermitWidening": "part of what asks",
	"protocolconfig.Open": "establishes the actor of a protocol", "protocolconfig.OpenOrClosed": "establishes the actor of a protocol",
	"protocolconfig.CurrentActor":    "establishes the actor of a job",
	"protocolconfig.Problem":         "of a configuration that was asked for",
	"protocolconfig.OfferingProblem": "of a configuration that was asked for",
	"endentity.Expiries":             "loader of end entities that were asked for",
	"enrollment.Init":                "wiring", "enrollment.Clean": "job", "authority.CreateCA": "job", "authority.RenewCA": "job",
	"status.Publish": "part of creation and jobs; PublishNow asks", "status.PublishJob": "job",
	"status.Latest":     "loader of CAs that were asked for",
	"measure.Of":        "of the deployment, for whoever is signed in",
	"authority.MoveKey": "job", "authority.DestroyKey": "job", "enrollment.Signer": "part of jobs", "enrollment.SelfSigner": "part of jobs",
	"enrollment.Record": "part of jobs", "enrollment.Certify": "part of jobs", "enrollment.IssueDelegate": "part of jobs",
	"enrollment.Generate": "part of jobs",
	"status.Lists":        "of a CA that was asked for", "status.Export": "job", "status.Alarms": "metric", "status.Limit": "a constant",
	"status.Large": "of a constant", "status.Refresh": "bookkeeping of the server",
	"credential.Init": "wiring", "credential.Authenticate": "establishes the actor",
	"credential.CurrentActor": "establishes the actor of a job", "credential.SaveLastUse": "bookkeeping of the server",
	"credential.Refused": "records what was refused",
	"status.CRL":         "public", "status.OCSP": "public", "status.Certificate": "public",
	"status.Compare": "the server itself, at its start and for restore", "status.Adopt": "what a CA has signed; the server itself, at " +
		"its start and for restore",
	"status.Fetch": "of files outside", "status.Forget": "as a start does",
	"delegate.Current":        "of a CA that was asked for, for what acts in its name",
	"delegate.Usable":         "of a CA that was asked for, for what acts in its name",
	"delegate.KeyStoresInUse": "the server itself, at its start and for a backup",
	"delegate.KeepsKey":       "part of a job", "delegate.Complete": "part of jobs", "delegate.Keep": "job",
	"certificate.ByFingerprint": "part of bulk and the gateway, which ask", "certificate.Behind": "part of status.Compare",
	"certificate.Adopt": "part of status.Adopt",
}

// TestEveryVerbAsks fails for an exported method of a service that never gets to Guard.Require, directly or through
// another method of its package, unless it is on the list above.
func TestEveryVerbAsks(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == "." {
			return err
		}
		parsed, err := parser.ParseDir(
			token.NewFileSet(), path, func(i fs.FileInfo) bool { return !strings.HasSuffix(i.Name(), "_test.go") }, 0,
		)
		if err != nil {
			return err
		}
		var files []*ast.File
		for _, p := range parsed {
			files = slices.AppendSeq(files, maps.Values(p.Files))
		}
		exported, calls := verbs(files)
		for _, name := range exported {
			key := filepath.Base(path) + "." + name
			seen[key] = true
			asks := reaches(calls, name, map[string]bool{})
			if _, listed := unguarded[key]; !asks && !listed {
				t.Errorf("%s never asks for a permission", key)
			} else if asks && listed {
				t.Errorf("%s is on the list and asks all the same: take it off", key)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range unguarded {
		if !seen[key] {
			t.Errorf("%s is on the list and does not exist", key)
		}
	}
}

func TestPlantedUnguardedVerbIsFound(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "planted.go", `package planted
func (s *Service) Asks() { s.find() }
func (s *Service) find() { s.Guard.Require() }
func (s *Service) Forgets() { s.CAs.Asks(); s.note() }
func (s *Service) note() { s.note() }
func (s *Service) Wonders() { if s.Guard.May() { s.note() } }
func (q *Other) Free() {}`, 0)
	if err != nil {
		t.Fatal(err)
	}
	exported, calls := verbs([]*ast.File{f})
	if !slices.Equal(exported, []string{"Asks", "Forgets", "Wonders"}) {
		t.Fatalf("verbs: %v", exported)
	}
	if !reaches(calls, "Asks", map[string]bool{}) {
		t.Error("Asks reaches Require through find, and it is not seen")
	}
	// A verb of the same name on another service says nothing about this one.
	if reaches(calls, "Forgets", map[string]bool{}) {
		t.Error("Forgets never asks, and nobody minds")
	}
	if reaches(calls, "Wonders", map[string]bool{}) {
		t.Error("Wonders puts a question that refuses nobody, and that counts as asking")
	}
}

// asking are the methods of rbac.Guard that refuse. May is a question, and no permission.
var asking = map[string]bool{"Require": true, "RequireOn": true}

// verbs are the exported methods of Service, and what each of its methods calls: Require on anything, and methods of
// the service itself.
func verbs(files []*ast.File) (exported []string, calls map[string][]string) {
	calls = map[string][]string{}
	for _, f := range files {
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || receiver(fn) != "Service" {
				continue
			}
			if fn.Name.IsExported() {
				exported = append(exported, fn.Name.Name)
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && (asking[s.Sel.Name] || ofReceiver(fn, s)) {
					calls[fn.Name.Name] = append(calls[fn.Name.Name], s.Sel.Name)
				}
				return true
			})
		}
	}
	return exported, calls
}

func ofReceiver(fn *ast.FuncDecl, s *ast.SelectorExpr) bool {
	id, ok := s.X.(*ast.Ident)
	return ok && len(fn.Recv.List[0].Names) == 1 && id.Name == fn.Recv.List[0].Names[0].Name
}

func receiver(fn *ast.FuncDecl) string {
	if star, ok := fn.Recv.List[0].Type.(*ast.StarExpr); ok {
		if id, ok := star.X.(*ast.Ident); ok {
			return id.Name
		}
	}
	return ""
}

func reaches(calls map[string][]string, name string, been map[string]bool) bool {
	if asking[name] {
		return true
	}
	if been[name] {
		return false
	}
	been[name] = true
	for _, called := range calls[name] {
		if reaches(calls, called, been) {
			return true
		}
	}
	return false
}
