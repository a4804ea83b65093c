package pkiaas

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pkiaas/pkiaas/"

// allowed says which of our folders a folder may import. Beside each other one stands the reason why not: pki is pure,
// so that what is signed depends on nothing but its arguments; the domain does not know how it is reached; a way in
// never goes through another one.
var allowed = map[string][]string{
	"pki":        {"pki"},
	"migrations": {},
	"store":      {"migrations"},
	"rbac":       {"domain/fault"},
	"domain":     {"domain", "pki", "store", "rbac"},
	"graph":      {"graph", "domain", "pki", "rbac"},
	"protocols":  {"protocols", "domain", "pki", "rbac"},
	"frontend":   {},
	"server":     {"server", "domain", "graph", "protocols", "rbac", "store", "pki", "frontend"},
	"cmd":        {"server"},
	// the last: the bench writes ten million certificates' words as the server would
	"conformance": {"conformance", "server", "pki", "store/storetest", "domain/certificate"},
}

// only says where some packages of others may be used.
var only = map[string][]string{
	"gorm.io/":  {"store", "domain"}, // SQL in a resolver is a rule in the wrong place
	"net/http":  {"graph", "protocols", "server", "conformance"},
	"database/": {"store", "migrations", "domain", "conformance"},
}

// lower orders the nouns of the domain: a noun may import those of lower number.
var lower = map[string]int{
	"fault": 0, "page": 1, "text": 1, "audit": 2, "job": 2, "seal": 2, "mail": 3, "approval": 3, "identity": 4, "tenant": 3,
	"endentity": 3, "measure": 3, "profile": 3, "ca": 4, "certificate": 5, "credential": 5, "protocolconfig": 5, "delegate": 6,
	"enrollment": 7, "status": 7, "report": 6, "notify": 6, "intake": 8, "authority": 8, "bulk": 9, "ceremony": 6, "acme": 9,
}

// shared are the packages that every protocol may use.
var shared = []string{"protocols", "protocols/outbound"}

// sharesProtocol tells whether a package of protocols/, by its path below it, may import the target as far as protocols go: what all
// share, and what is its own.
func sharesProtocol(path, target string) bool {
	name, _, _ := strings.Cut(path, "/")
	return !strings.HasPrefix(target+"/", "protocols/") || slices.Contains(shared, target) ||
		strings.HasPrefix(target+"/", "protocols/"+name+"/")
}

type importer struct {
	ImportPath string
	Imports    []string
}

func violations(packages []importer) []string {
	var found []string
	for _, p := range packages {
		own, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue
		}
		folder, rest, _ := strings.Cut(own, "/")
		if _, known := allowed[folder]; !known {
			found = append(found, fmt.Sprintf("%s is in a folder that the table does not know", own))
		}
		if _, known := lower[rest]; folder == "domain" && rest != "" && !known {
			found = append(found, fmt.Sprintf("%s has no place in the order of the domain", own))
		}
		for _, imported := range p.Imports {
			if target, ok := strings.CutPrefix(imported, module); ok {
				fits := func(a string) bool { return target == a || strings.HasPrefix(target, a+"/") }
				if !slices.ContainsFunc(allowed[folder], fits) {
					found = append(found, fmt.Sprintf("%s must not import %s", own, target))
				}
				if folder == "protocols" && !sharesProtocol(rest, target) {
					found = append(found, fmt.Sprintf("%s must not import %s: a protocol does not know another one", own, target))
				}
				if noun, inDomain := strings.CutPrefix(target, "domain/"); inDomain && folder == "domain" && lower[noun] >= lower[rest] {
					found = append(found, fmt.Sprintf("%s must not import %s: it is not lower", own, target))
				}
			}
			for prefix, folders := range only {
				if strings.HasPrefix(imported, prefix) && !slices.Contains(folders, folder) {
					found = append(found, fmt.Sprintf("%s must not import %s", own, imported))
				}
			}
		}
	}
	return found
}

func TestArchitecture(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []importer
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p importer
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 20 {
		t.Fatalf("only %d packages were seen", len(packages))
	}
	for _, v := range violations(packages) {
		t.Error(v)
	}
}

func TestPlantedViolationsAreFound(t *testing.T) {
	for from, to := range map[string]string{
		"pki/csr": module + "store", "graph": "gorm.io/gorm", "domain/ca": module + "graph", "domain/audit": module +
			"domain/ca", "protocols/ocsp": module + "graph/model", "domain/mail": "net/http",
		"helpers": "fmt", "domain/manager": "fmt", "protocols/acme": module + "protocols/cagw", "protocols/outbound": module +
			"protocols/crl",
	} {
		if len(violations([]importer{{module + from, []string{to}}})) == 0 {
			t.Errorf("%s imports %s, and nobody minds", from, to)
		}
	}
}
