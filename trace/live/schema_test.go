package live_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/live"
)

// schema is the part of docs/live.schema.json that this test reads.
type schema struct {
	Ref         string            `json:"$ref"`
	Type        string            `json:"type"`
	Format      string            `json:"format"`
	Description string            `json:"description"`
	Const       *int              `json:"const"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
	Items       *schema           `json:"items"`
	Defs        map[string]schema `json:"$defs"`
}

// The schema in the docs has the fields of a View with their types, and describes each.
// The examples test with a validator that the handler's answers match the schema.
func TestSchema(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "live.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if got := s.Properties["version"].Const; got == nil || *got != live.Version {
		t.Errorf("the schema is not of version %d", live.Version)
	}
	seen := map[string]bool{}
	compareSchema(t, &s, &s, reflect.TypeFor[live.View](), seen)
	for name := range s.Defs {
		if !seen[name] {
			t.Errorf("$defs has %s, which no field is of", name)
		}
	}
}

func compareSchema(t *testing.T, all, s *schema, typ reflect.Type, seen map[string]bool) {
	t.Helper()
	var fields, required []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() {
			continue
		}
		fields = append(fields, name)
		if option == "" {
			required = append(required, name)
		}
		p := s.Properties[name]
		if p.Description == "" {
			t.Errorf("%s.%s: the schema has no description of it", typ.Name(), name)
		}
		ft := f.Type
		if ft.Kind() == reflect.Slice {
			if p.Type != "array" || p.Items == nil {
				t.Errorf("%s.%s: the schema says %q, want an array", typ.Name(), name, p.Type)
				continue
			}
			p, ft = *p.Items, ft.Elem()
		}
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		want := ""
		switch {
		case ft == reflect.TypeFor[time.Time]():
			want = "string date-time"
		case ft.Kind() == reflect.Struct:
			want = "#/$defs/" + ft.Name()
		case ft.Kind() == reflect.String:
			want = "string"
		case ft.Kind() == reflect.Bool:
			want = "boolean"
		default:
			want = "integer"
		}
		if got := strings.TrimSpace(p.Ref + p.Type + " " + p.Format); got != want {
			t.Errorf("%s.%s: the schema says %q, want %q", typ.Name(), name, got, want)
		}
		if ft.Kind() == reflect.Struct && ft != reflect.TypeFor[time.Time]() && !seen[ft.Name()] {
			seen[ft.Name()] = true
			def := all.Defs[ft.Name()]
			compareSchema(t, all, &def, ft, seen)
		}
	}
	for name := range s.Properties {
		if !slices.Contains(fields, name) {
			t.Errorf("%s: the schema has %s, which is no field", typ.Name(), name)
		}
	}
	slices.Sort(required)
	got := slices.Sorted(slices.Values(s.Required))
	if !slices.Equal(got, required) {
		t.Errorf("%s: the schema requires %v, want %v", typ.Name(), got, required)
	}
}
