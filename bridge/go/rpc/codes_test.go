package rpc

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-sqlite3"

	"wuts/wa"
	"wuts/wa/engine"
)

// declared lists the package-level names of a kind in a folder's files, tests left out.
func declared(t *testing.T, folder string, kind token.Token, prefix string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), folder+"/"+entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != kind {
				continue
			}
			for _, spec := range group.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, prefix) {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}

// Every error that the bridge and the engine can report has its code in the one table.
func TestEveryErrorHasACode(t *testing.T) {
	table, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	for folder, qualifier := range map[string]string{"../wa": "wa", "../wa/engine": "engine"} {
		names := declared(t, folder, token.VAR, "Err")
		if len(names) < 5 {
			t.Errorf("only %d errors found in %s", len(names), folder)
		}
		for _, name := range names {
			if !strings.Contains(string(table), "{"+qualifier+"."+name+", ") {
				t.Errorf("%s.%s has no code", qualifier, name)
			}
		}
	}
}

// Every code has a message, is documented with the same word on repeating it, and the Python side
// knows the same ones.
func TestCodesAreTheDocumentedOnes(t *testing.T) {
	documented := map[Code]bool{}
	docs, err := os.ReadFile("../../../docs/bridge.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(docs), "## Error codes")
	rows := regexp.MustCompile("(?m)^\\| (`[A-Z_` ]+`) \\| (yes|no) \\|")
	for _, row := range rows.FindAllStringSubmatch(table, -1) {
		for _, code := range strings.Fields(strings.ReplaceAll(row[1], "`", "")) {
			documented[Code(code)] = row[2] == "yes"
		}
	}
	python, err := os.ReadFile("../../errors.py")
	if err != nil {
		t.Fatal(err)
	}
	var known []Code
	for _, row := range regexp.MustCompile(`(?m)^    [A-Z_]+ = "([A-Z_]+)"$`).FindAllStringSubmatch(string(python), -1) {
		known = append(known, Code(row[1]))
	}
	if len(documented) != len(meanings) || len(known) != len(meanings) {
		t.Errorf("%d codes here, %d documented, %d in Python", len(meanings), len(documented), len(known))
	}
	for code, meaning := range meanings {
		retryable, ok := documented[code]
		if !ok || retryable != meaning.retryable || meaning.message == "" || !slices.Contains(known, code) {
			t.Errorf("%s: documented %v as %v, known to Python: %v", code, ok, retryable, slices.Contains(known, code))
		}
	}
}

// Every method is documented, and every documented method is there.
func TestMethodsAreTheDocumentedOnes(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/bridge.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, here []string
	_, table, _ := strings.Cut(string(docs), "## Methods")
	table, _, _ = strings.Cut(table, "## Events")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+\\.[a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		documented = append(documented, row[1])
	}
	for _, method := range methods {
		here = append(here, method.name)
	}
	slices.Sort(documented)
	slices.Sort(here)
	if !slices.Equal(documented, here) || len(here) == 0 {
		t.Errorf("documented are %v, there are %v", documented, here)
	}
}

// Wrapped and joined errors get the code of what matters most in them.
func TestCodeOf(t *testing.T) {
	for want, errs := range map[Code][]error{
		OutcomeUnknown:    {fmt.Errorf("x: %w", engine.ErrUnknownOutcome), fmt.Errorf("%w %w", engine.ErrUnknownOutcome, context.Canceled)},
		DeadlineExceeded:  {fmt.Errorf("x: %w", context.DeadlineExceeded)},
		Stopped:           {context.Canceled, wa.ErrStopped},
		ServerRefused:     {&engine.ServerError{Code: 400}, &engine.ServerError{Code: 404}},
		ServerUnavailable: {&engine.ServerError{Code: 429}, &engine.ServerError{Code: 503}},
		AppStateNotReady:  {fmt.Errorf("%w: %w", engine.ErrNotFetched, &engine.ServerError{Code: 400})},
		StorageFailed:     {sqlite3.Error{Code: sqlite3.ErrFull}, fmt.Errorf("%w: %w", wa.ErrStorage, os.ErrPermission)},
		InvalidArgument:   {invalid("x")},
		Internal:          {os.ErrClosed, wa.ErrPanicked},
	} {
		for _, err := range errs {
			if got := codeOf(err); got != want {
				t.Errorf("%v is %s, not %s", err, got, want)
			}
		}
	}
}
