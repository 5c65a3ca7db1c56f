package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var goName = regexp.MustCompile("`([a-z][a-z0-9]*)\\.([A-Z]\\w+)(?:\\.([A-Z]\\w+))?(?:\\([^`]*)?`")

func TestDocuments_GoNames_AreDeclared(t *testing.T) {
	t.Parallel()
	names := declared(t)
	for _, document := range documents(t) {
		for _, found := range goName.FindAllStringSubmatch(read(t, document), -1) {
			name := strings.TrimSuffix(strings.Join(found[1:], "."), ".")
			if !names[name] {
				t.Errorf("%s names %s, which is not declared", document, name)
			}
		}
	}
}

// declared returns the exported names of all packages, qualified by the package: database.Tx.Write.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, root := range []string{"../functions", "../shared"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, d := range file.Decls {
				for _, name := range namesOf(d) {
					names[file.Name.Name+"."+name] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func namesOf(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []string{d.Name.Name}
		}
		receiver := d.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		if of, ok := receiver.(*ast.Ident); ok {
			return []string{of.Name + "." + d.Name.Name}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
			case *ast.ValueSpec:
				for _, name := range s.Names {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}
