package semconv_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
)

// word is a constant of the vocabulary.
type word struct {
	kind string // its type, or what its name begins with
	text string
	told []string // what its comment says first: a type, an instrument and a unit
}

// vocabulary reads the words of a file.
func vocabulary(t *testing.T, name string) []word {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`^(Span|Step|Metric|Error)`)
	told := regexp.MustCompile(`^(?:\w+ is an? )?(int|float64|string|bool|histogram|counter|up-down counter|gauge)\b(?:, ([\w{}]+))?`)
	var words []word
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Name.Name == "GoroutineBlockedKey" {
				words = append(words, word{"Key", "goroutine.blocked.REASON", []string{"float64", ""}})
			}
			continue
		}
		for _, spec := range gen.Specs {
			spec := spec.(*ast.ValueSpec)
			w, value := word{kind: kinds.FindString(spec.Names[0].Name)}, spec.Values[0]
			if id, ok := spec.Type.(*ast.Ident); ok {
				w.kind = id.Name
			}
			if call, ok := value.(*ast.CallExpr); ok {
				w.kind, value = "Key", call.Args[0]
			}
			if w.kind == "" {
				t.Errorf("%s: got no kind", spec.Names[0].Name)
				continue
			}
			if w.text, err = strconv.Unquote(value.(*ast.BasicLit).Value); err != nil {
				t.Fatal(err)
			}
			switch w.text {
			case "recv":
				words = append(words, word{kind: "Span", text: "NAME"}) // no constant
			}
			if m := told.FindStringSubmatch(cmp.Or(spec.Comment.Text(), spec.Doc.Text())); m != nil {
				w.told = m[1:]
			}
			words = append(words, w)
		}
	}
	return words
}

// The page docs/telemetry.md has each word of the vocabulary, no other, and says
// of each what the vocabulary does.
func TestTelemetryPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{
		"Spans": "Span", "Attributes": "Key", "Metrics": "Metric",
		"Values of `block.reason`": "Reason", "Values of `block.cause`": "Cause", "Values of `block.source`": "Source",
		"Values of `wake.reason`": "WakeReason", "Values of `stall.cause`": "StallCause", "Values of `goroutine.state`": "State", "Values of `error.type`": "Error",
	}
	rows := map[string]map[string][]string{} // kind -> word -> cells
	kind := ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if level, title, ok := strings.Cut(line, " "); ok && strings.Trim(level, "#") == "" && level != "" {
			if k, ok := sections[title]; ok || level == "##" {
				kind = k
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if kind == "" || !strings.HasPrefix(line, "| `") {
			continue
		}
		text := strings.Trim(cells[0], "`")
		if kind == "Span" {
			text = semconv.KindOf(text) // and what may stand behind it
		}
		if rows[kind] == nil {
			rows[kind] = map[string][]string{}
		}
		if rows[kind][text] != nil {
			t.Errorf("%s: %q is on the page twice", kind, text)
		}
		rows[kind][text] = cells
	}
	words := vocabulary(t, "semconv.go")
	for _, w := range words {
		if w.kind == "Step" {
			w.kind = "Span"
		}
		cells, ok := rows[w.kind][w.text]
		if !ok {
			t.Errorf("%s: the page does not have %q", w.kind, w.text)
			continue
		}
		delete(rows[w.kind], w.text)
		for i, want := range w.told {
			if want != "" && w.kind != "Reason" && i+1 < len(cells) && (i == 0 || w.kind == "Metric") && cells[i+1] != want {
				t.Errorf("%s: the page says %q, the vocabulary %q", w.text, cells[i+1], want)
			}
		}
		if stability := cells[len(cells)-1]; (w.kind == "Span" || w.kind == "Key" || w.kind == "Metric") &&
			stability != "stable" && stability != "experimental" {
			t.Errorf("%s: got stability %q", w.text, stability)
		}
	}
	for kind, left := range rows {
		for text := range left {
			t.Errorf("%s: the page has %q, and the vocabulary does not", kind, text)
		}
	}
}

// The names of blocks and wakes are few, and the page lists them.
func TestBlockAndWakeNames(t *testing.T) {
	blocks, wakes := []string{semconv.SpanBlock}, []string{semconv.SpanWake}
	for _, w := range vocabulary(t, "semconv.go") {
		switch {
		case w.kind == "Reason", w.kind == "Cause" && w.text != string(semconv.CauseUnknown):
			blocks = append(blocks, semconv.SpanBlock+" "+w.text)
		case w.kind == "WakeReason":
			wakes = append(wakes, semconv.SpanWake+" "+w.text)
		}
	}
	slices.Sort(blocks)
	slices.Sort(wakes)
	if got := semconv.BlockNames(); !slices.Equal(got, blocks) {
		t.Errorf("blocks: got %q, want %q", got, blocks)
	}
	if got := semconv.WakeNames(); !slices.Equal(got, wakes) {
		t.Errorf("wakes: got %q, want %q", got, wakes)
	}
	page, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{blocks, wakes} {
		list := "`" + strings.Join(names, "`, `") + "`."
		if !strings.Contains(strings.Join(strings.Fields(string(page)), " "), list) {
			t.Errorf("the page does not have %s", list)
		}
	}
	for _, test := range []struct {
		got, want string
	}{
		{semconv.BlockName(semconv.ReasonNetWrite, semconv.CausePeerWindow), "block peer_window"},
		{semconv.BlockName(semconv.ReasonNetWrite, semconv.CauseUnknown), "block net.write"},
		{semconv.BlockName(semconv.ReasonLock, ""), "block lock"},
		{semconv.BlockName("", ""), "block"},
		{semconv.BlockName("order 4711", "of a customer"), "block"},
		{semconv.WakeName(semconv.WakePeerReset), "wake peer_reset"},
		{semconv.WakeName("order 4711"), "wake"},
		{semconv.KindOf("block peer_window"), semconv.SpanBlock},
		{semconv.KindOf("wake"), semconv.SpanWake},
		{semconv.KindOf("handshake GET /chat"), semconv.SpanHandshake},
		{semconv.KindOf("segment chat"), semconv.SpanSegment},
		{semconv.KindOf("blocked"), "blocked"},
		{semconv.KindOf("read loop"), "read loop"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
