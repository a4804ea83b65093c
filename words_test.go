package pkiaas

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// proofread lists the packages whose messages follow the rules of CONTRIBUTING.md, section Words.
var proofread = []string{
	"domain/approval", "domain/audit", "domain/bulk", "domain/ceremony", "domain/credential", "domain/endentity", "domain/fault",
	"domain/identity", "domain/job", "domain/mail", "domain/measure", "domain/notify", "domain/page", "domain/profile", "domain/report",
	"domain/seal", "domain/tenant", "domain/text", "pki/algorithm", "pki/attestation", "pki/csr", "pki/invalid", "pki/issuance", "pki/name",
	"pki/ocsp", "pki/policy", "pki/profile", "pki/san", "rbac",
}

// A message starts with a capital letter, a digit or a value, and ends with a full stop or with a message inside it.
var sentence = regexp.MustCompile(`(?s)^(%s|([A-Z0-9]|%[a-z]).*(\.|%[sv]))$`)

// TestMessagesAreSentences: what a fault says and advises is shown to people as it stands.
func TestMessagesAreSentences(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			!slices.Contains(proofread, filepath.ToSlash(filepath.Dir(path))) {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if text, at := message(call); text != "" {
				seen++
				if !sentence.MatchString(text) {
					t.Errorf("%s: %q is not a sentence", files.Position(at), text)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || seen < 500 {
		t.Errorf("%d messages, %v", seen, err)
	}
}

// message is the literal that a call turns into an error or an advice, "" for other calls.
func message(call *ast.CallExpr) (string, token.Pos) {
	argument := -1
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		of, _ := f.X.(*ast.Ident)
		switch {
		case of != nil && (of.Name == "fault" || of.Name == "invalid") && f.Sel.Name == "New":
			argument = 1
		case f.Sel.Name == "Do" && len(call.Args) == 1:
			argument = 0
		}
	case *ast.Ident:
		if f.Name == "refuse" {
			argument = 0
			if len(call.Args) > 1 && !spoken(call.Args[0]) {
				argument = 1 // the first one is the field
			}
		}
	}
	if argument < 0 || argument >= len(call.Args) {
		return "", 0
	}
	literal, ok := call.Args[argument].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", 0
	}
	text, _ := strconv.Unquote(literal.Value)
	return text, literal.Pos()
}

// spoken tells whether an expression is a literal of several words.
func spoken(e ast.Expr) bool {
	literal, ok := e.(*ast.BasicLit)
	return ok && strings.Contains(literal.Value, " ")
}
