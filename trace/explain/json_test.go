package explain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
)

// recorded returns the spans of real programs.
func recorded(t *testing.T, names ...string) *chain.Chain {
	t.Helper()
	var spans chain.Collection
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join("..", "sequence", "testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := spans.Read(bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	return spans.Chain()
}

type answers struct {
	Spans, Found int
	LeftOut      int `json:"left_out"`
	Services     []string
	Answers      []struct {
		ID, Rule, Headline, Time string
		Spans                    []struct {
			SpanID string `json:"span_id"`
		}
		SpansLeftOut int `json:"spans_left_out"`
	}
}

// written returns the output of WriteJSON, checked against the schema.
func written(t *testing.T, c *chain.Chain, found []explain.Finding, opts ...explain.Option) (a answers, raw []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := explain.WriteJSON(&b, c, found, opts...); err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	s := schema(t)
	if err := s.check(s.root, doc, "$"); err != nil {
		t.Errorf("against the schema: %v\n%s", err, &b)
	}
	if err := json.Unmarshal(b.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a, b.Bytes()
}

func TestWriteJSON(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stalled", "deadlock", "lock", "refused", "echo", "canceled", "halfclosed"} {
		c := recorded(t, name)
		found := explain.Explain(c)
		a, _ := written(t, c, found)
		if a.Spans != c.Len() || a.Found != len(found) || a.LeftOut != 0 || len(a.Answers) != len(found) {
			t.Errorf("%s: got %+v", name, a)
		}
		ids := make(map[string]bool)
		for i, got := range a.Answers {
			f := found[i]
			if got.Headline != f.Headline || got.Rule != string(f.Rule) || len(got.Spans)+got.SpansLeftOut != len(f.Spans) || got.Time == "" || ids[got.ID] {
				t.Errorf("%s: got %+v of %+v", name, got, f)
			}
			ids[got.ID] = true
			for j, s := range got.Spans {
				if s.SpanID != f.Spans[j].SpanID.String() {
					t.Errorf("%s: span %s, want %s", name, s.SpanID, f.Spans[j].SpanID)
				}
			}
		}
	}
	if a, _ := written(t, nil, nil); a.Found != 0 || a.Answers == nil || a.Services == nil {
		t.Errorf("of nothing: %+v", a)
	}
	if err := explain.WriteJSON(broken{}, nil, nil); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

// A finding keeps its id when spans are added that bring other findings and another order.
func TestIDsStay(t *testing.T) {
	t.Parallel()
	byID := func(c *chain.Chain) map[string]string {
		a, _ := written(t, c, explain.Explain(c))
		m := make(map[string]string)
		for _, f := range a.Answers {
			m[f.ID] = f.Headline
		}
		return m
	}
	alone := byID(recorded(t, "stalled"))
	more := byID(recorded(t, "lock", "stalled", "deadlock"))
	if len(alone) == 0 || len(more) <= len(alone) {
		t.Fatalf("%d and %d findings", len(alone), len(more))
	}
	for id, headline := range alone {
		if more[id] != headline {
			t.Errorf("%s is %q alone and %q among others", id, headline, more[id])
		}
	}
	// A longer stall of the same kind names another span, but is the same finding.
	found := explain.Explain(recorded(t, "stalled"))
	f := found[0]
	g := f
	longer := *f.Spans[0]
	longer.SpanID[0]++
	g.Spans = append([]*chain.Span{&longer}, f.Spans[1:]...)
	if len(f.ID()) != 12 || g.ID() != f.ID() {
		t.Errorf("got %s, then %s", f.ID(), g.ID())
	}
	// Two findings with the same id have different ids in one document.
	if a, _ := written(t, nil, []explain.Finding{f, g}); a.Answers[0].ID != f.ID() || a.Answers[1].ID == f.ID() {
		t.Errorf("got %+v", a.Answers)
	}
}

func TestJSONIsLimited(t *testing.T) {
	t.Parallel()
	f := explain.Finding{Rule: explain.Contended, Headline: "x", Text: strings.Repeat("é", 100)}
	for range 50 {
		f.Spans = append(f.Spans, &chain.Span{Name: "lock \x1b[31m"})
	}
	found := slices.Repeat([]explain.Finding{f}, 1000)
	a, raw := written(t, nil, found)
	if len(raw) > 256<<10 || a.LeftOut == 0 || a.LeftOut+len(a.Answers) != 1000 || a.Answers[0].SpansLeftOut != 30 {
		t.Errorf("%d bytes, %d left out, %d written", len(raw), a.LeftOut, len(a.Answers))
	}
	if bytes.Contains(raw, []byte{0x1b}) {
		t.Error("a name is not escaped")
	}
	if a, raw := written(t, nil, found, explain.WithMaxBytes(1)); len(raw) > 4<<10 || len(a.Answers) == 0 {
		t.Errorf("%d bytes, %d written", len(raw), len(a.Answers))
	}
	if a, _ := written(t, nil, found, explain.WithLimit(3)); len(a.Answers) != 3 || a.LeftOut != 997 {
		t.Errorf("%d written, %d left out", len(a.Answers), a.LeftOut)
	}
}

// The schema lists the rules that exist, and the checker refuses what it must.
func TestSchema(t *testing.T) {
	t.Parallel()
	s := schema(t)
	rules := s.root["$defs"].(map[string]any)["answer"].(map[string]any)["properties"].(map[string]any)["rule"].(map[string]any)["enum"].([]any)
	var got []explain.Rule
	for _, r := range rules {
		got = append(got, explain.Rule(r.(string)))
	}
	if want := explain.Rules(); !slices.Equal(got, want) {
		t.Errorf("the schema has the rules %v, want %v", got, want)
	}
	for in, want := range map[string]string{
		`[]`: "$: no object", `{}`: "$: no version", `{"version":2,"spans":0,"services":[],"found":0,"left_out":0,"answers":[]}`: "$.version: not 1",
		`{"version":1,"spans":-1,"services":[],"found":0,"left_out":0,"answers":[]}`:                                                                                                  "$.spans: less than 0",
		`{"version":1,"spans":0.5,"services":[],"found":0,"left_out":0,"answers":[]}`:                                                                                                 "$.spans: no integer",
		`{"version":1,"spans":0,"services":[1],"found":0,"left_out":0,"answers":[]}`:                                                                                                  "$.services[0]: no string",
		`{"version":1,"spans":0,"services":[],"found":0,"left_out":0,"answers":[],"x":1}`:                                                                                             "$: x is not in the schema",
		`{"version":1,"spans":0,"services":[],"found":0,"left_out":0,"answers":[{"id":"x","rule":"deadlock","severity":"info","headline":"","at":0,"count":0,"total":0,"spans":[]}]}`: "$.answers[0].id: \"x\" is not as ^",
	} {
		var doc any
		if err := json.Unmarshal([]byte(in), &doc); err != nil {
			t.Fatal(err)
		}
		if err := s.check(s.root, doc, "$"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
	}
}

// jsonSchema implements the part of JSON Schema that docs/answers.schema.json uses.
type jsonSchema struct{ root map[string]any }

func schema(t *testing.T) jsonSchema {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "answers.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s jsonSchema
	if err := json.Unmarshal(b, &s.root); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s jsonSchema) check(rule map[string]any, v any, at string) error {
	if ref, ok := rule["$ref"].(string); ok {
		rule = s.root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	for word, arg := range rule {
		switch word {
		case "const":
			if !reflect.DeepEqual(v, arg) {
				return fmt.Errorf("%s: not %v", at, arg)
			}
		case "enum":
			if !slices.Contains(arg.([]any), v) {
				return fmt.Errorf("%s: %v is none of %v", at, v, arg)
			}
		case "type":
			if err := typed(arg.(string), v, at); err != nil {
				return err
			}
		case "minimum":
			if n, ok := v.(float64); ok && n < arg.(float64) {
				return fmt.Errorf("%s: less than %v", at, arg)
			}
		case "maxLength":
			if text, ok := v.(string); ok && utf8.RuneCountInString(text) > int(arg.(float64)) {
				return fmt.Errorf("%s: longer than %v", at, arg)
			}
		case "maxItems":
			if a, ok := v.([]any); ok && len(a) > int(arg.(float64)) {
				return fmt.Errorf("%s: more than %v", at, arg)
			}
		case "pattern":
			if text, ok := v.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(text) {
				return fmt.Errorf("%s: %q is not as %s", at, text, arg)
			}
		case "required", "properties", "additionalProperties", "items", "description", "title", "$schema", "$defs", "$ref":
		default:
			return fmt.Errorf("the checker does not know %s", word)
		}
	}
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			if err := s.check(rule["items"].(map[string]any), e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		return s.fields(rule, v, at)
	}
	return nil
}

func (s jsonSchema) fields(rule, v map[string]any, at string) error {
	for _, name := range rule["required"].([]any) {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Errorf("%s: no %s", at, name)
		}
	}
	properties := rule["properties"].(map[string]any)
	for name, field := range v {
		of, ok := properties[name].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: %s is not in the schema", at, name)
		}
		if err := s.check(of, field, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func typed(want string, v any, at string) error {
	ok := false
	switch want {
	case "object":
		_, ok = v.(map[string]any)
	case "array":
		_, ok = v.([]any)
	case "string":
		_, ok = v.(string)
	case "number":
		_, ok = v.(float64)
	case "integer":
		n, isNumber := v.(float64)
		ok = isNumber && n == float64(int64(n))
	}
	if !ok {
		return fmt.Errorf("%s: no %s", at, want)
	}
	return nil
}
