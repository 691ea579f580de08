package tracetest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// short removes prefixes from keys, and compares all keys.
var short = []tracetest.TreeOption{tracetest.TrimPrefix("none."), tracetest.TrimPrefix("websocket.", "web"), tracetest.Exact(semconv.WebSocketRoleKey, semconv.WebSocketMessageSizeKey)}

// trees are texts that the stall's spans match, or do not match.
var trees = []struct {
	name, want string
	opts       []tracetest.TreeOption
	fails      bool
}{
	{"all", stalled, nil, false},
	{"anything", "...", nil, false},
	{"anything_below", "go hello ...", nil, false},
	{"any_lines", "go hello\n  ...\n  go sen_data\n    write ×*\n      ...\n  read", nil, false},
	{"between", "go hello\n ...\n go sen_data\n  ...\n  write {status=error} ...\n ...", nil, false},
	{"times", stalled, []tracetest.TreeOption{tracetest.WithTimes(), nil}, false},
	{"without", "sen_data\n\tread\n\twrite ×*\n", []tracetest.TreeOption{tracetest.Without("handshake"), tracetest.Without("go hello", "go sen_data", tracetest.Name("block"), "wake")}, true},
	{"without_parents", "handshake\nwrite ×3\nwrite ...\nread", []tracetest.TreeOption{tracetest.Without("go hello", "go sen_data")}, false},
	{"trimmed", "go hello\n\thandshake {role=client, websocket.role=client, !none}\n\tgo sen_data\n\t\twrite ×3 {message.size}\n\t\twrite {status=error, message.size=13} ...\n\tread", short, false},

	{"empty", "", nil, true},
	{"trimmed_exact", "go hello\n\thandshake {role=server}\n\t...", short, true},
	{"trimmed_not_told", "go hello\n\thandshake\n\t...", short, true},
	{"empty_with_times", "", []tracetest.TreeOption{tracetest.WithTimes()}, true},
	{"empty_exact", "", []tracetest.TreeOption{tracetest.Exact()}, true},
	{"not_exact", stalled, []tracetest.TreeOption{tracetest.Exact(semconv.WakeReasonKey), tracetest.Exact(semconv.WebSocketMessageSizeKey)}, true},
	{"count", strings.Replace(stalled, "×3 {w", "×4 {w", 1), nil, true},
	{"count_one", strings.Replace(stalled, "write ×3", "write", 1), nil, true},
	{"duration", strings.Replace(stalled, "~3s", "~2s", 1), nil, true},
	{"at_least", strings.Replace(stalled, ">=1s", ">=4s", 1), nil, true},
	{"exact_duration", strings.Replace(stalled, " 3ms", " 4ms", 1), nil, true},
	{"start", strings.Replace(stalled, "@~3s", "@<2s", 1), nil, true},
	{"attribute", strings.Replace(stalled, "peer_window", "network", 1), nil, true},
	{"attribute_absent", strings.Replace(stalled, "!error.type", "!websocket.role", 1), nil, true},
	{"status", strings.Replace(stalled, "status=error", "status=unset", 1), nil, true},
	{"kind", strings.Replace(stalled, "status=error", "kind=server", 1), nil, true},
	{"service", strings.Replace(stalled, "[socket_start]", "[other]", 1), nil, true},
	{"link", strings.Replace(stalled, "-> read", "-> write", 1), nil, true},
	{"open", strings.Replace(stalled, "read @~3s", "read open", 1), nil, true},
	{"missing", strings.Replace(stalled, "read @~3s", "read\n\t\tclose {status=error}\n\t\t\tblock", 1), nil, true},
	{"additional", strings.Replace(stalled, "\t\thandshake 3ms {websocket.role=client, !error.type}\n", "", 1), nil, true},
	{"rest", strings.Replace(stalled, "handshake 3ms", "handshake 5s ...", 1), nil, true},
	{"order", "go hello\n\tread\n\t...", nil, true},
}

func TestAssertTree(t *testing.T) {
	for _, tt := range trees {
		assert := func(tb testing.TB) { tracetest.AssertTree(tb, stall().chain(), tt.want, tt.opts...) }
		if tt.fails {
			fails(t, "tree_"+tt.name, assert)
		} else {
			passes(t, assert)
		}
	}
}

// What -update writes matches the chain.
func TestAcceptedHolds(t *testing.T) {
	for _, tt := range trees {
		c := stall().chain()
		text := tracetest.Accept(t, c, tt.want, tt.opts...)
		if got := failure(func(tb testing.TB) { tracetest.AssertTree(tb, c, text, tt.opts...) }); got != "" {
			t.Errorf("%s: the accepted text\n%s\nfails with\n%s", tt.name, text, got)
		}
	}
}

func TestAssertTreeFolds(t *testing.T) {
	s := &script{}
	root := s.add(0, "root", 0, 1000)
	for i := range 40 {
		r := s.add(root, "GET /users/{id}", 10*i, 10*i+5)
		s.add(r, "select", 10*i+1, 10*i+2)
	}
	for _, name := range []string{"wait 3s", "a, b", "-> x", "tick`", "×2", "..."} {
		s.add(root, name, 900, 901, attribute.String("k", "a, {b}"), attribute.StringSlice("list", []string{"x", "y"}))
	}
	s.add(root, "end", 990, -1)
	fails(t, "tree_names", func(tb testing.TB) { tracetest.AssertTree(tb, s.chain(), "", tracetest.Exact()) })
	fails(t, "tree_far_away", func(tb testing.TB) {
		tracetest.AssertTree(tb, s.chain(), "root\n"+strings.Repeat(" GET /users/{id}\n  select\n", 40)+
			" "+strings.Join([]string{`"wait 3s"`, "a, b", `"-> x"`, `"tick\x60"`, `"×2"`, `"..."`, "end"}, "\n "))
	})
	text := tracetest.Accept(t, s.chain(), "", tracetest.Exact())
	passes(t, func(tb testing.TB) { tracetest.AssertTree(tb, s.chain(), text, tracetest.Exact()) })
}

// TestAssertTreeTies: spans of one time are in any order that causes allow.
func TestAssertTreeTies(t *testing.T) {
	s := &script{}
	root := s.add(0, "root", 0, 9)
	for i, name := range []string{"a", "b", "c"} {
		sp := s.at(s.add(root, name, 1, 1))
		sp.StartedOn, sp.EndedOn = int64(1+i/2), int64(1+i/2) // a and b on one goroutine
	}
	s.add(root, "late", 2, 3)
	c := s.chain()
	for _, want := range []string{"a b c late", "a c b late", "c a b late"} {
		passes(t, func(tb testing.TB) { tracetest.AssertTree(tb, c, "root\n "+strings.ReplaceAll(want, " ", "\n ")) })
		passes(t, func(tb testing.TB) {
			tracetest.AssertOrder(tb, c, "root", want[:1], want[2:3], want[4:5], "late")
		})
	}
	passes(t, func(tb testing.TB) {
		tracetest.AssertTree(tb, c, "root\n late\n a\n c\n b", tracetest.AnyOrder())
	})
	fails(t, "tree_tie_disproved", func(tb testing.TB) { tracetest.AssertTree(tb, c, "root\n b\n a\n c\n late") })
	fails(t, "tree_tie_late", func(tb testing.TB) { tracetest.AssertTree(tb, c, "root\n a\n late\n b\n c") })
	fails(t, "order_tie_disproved", func(tb testing.TB) { tracetest.AssertOrder(tb, c, "c", "b", "a") })
	fails(t, "tree_any_order", func(tb testing.TB) { tracetest.AssertTree(tb, c, "root\n late\n b\n a\n c", tracetest.AnyOrder()) })
}

// TestAssertTreeTiesInBubble: whatever the scheduler does.
func TestAssertTreeTiesInBubble(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			rec := tracetest.NewRecorder(t)
			tr := rec.TracerProvider().Tracer("")
			ctx, root := tr.Start(t.Context(), "root")
			for _, name := range []string{"a", "b", "c", "d"} {
				go func() {
					ctx, s := tr.Start(ctx, name)
					_, first := tr.Start(ctx, "first")
					first.End()
					_, second := tr.Start(ctx, "second")
					time.Sleep(time.Second)
					second.End()
					s.End()
				}()
			}
			synctest.Wait()
			time.Sleep(time.Second)
			root.End()
			if err := rec.WaitEnded(t.Context()); err != nil {
				t.Fatal(err)
			}
			tracetest.AssertTree(t, rec.Chain(), `
				root 1s
					d 1s
						first 0s
						second
					b
						first
						second @0s
					...
					a 1s
						first
						second
			`)
			tracetest.AssertOrder(t, rec.Chain(), "root", "c", "b", "a")
			tracetest.AssertOrder(t, rec.Chain(), "first", "first", "first", "first", "second")
		})
	}
}

func TestAssertTreeBelow(t *testing.T) {
	c := stall().chain()
	passes(t, func(tb testing.TB) {
		tracetest.AssertTree(tb, c, "write\n block\n wake", tracetest.Below(tracetest.One(tb, c, "write {status=error}")))
	})
}

func TestAssertTreeInvalid(t *testing.T) {
	for name, want := range map[string]string{
		"quote": "a\n  \"b", "word": `"a" b`, "link": "a ->", "key": "a {=1}", "end": `"a"b`,
	} {
		fails(t, "invalid_"+name, func(tb testing.TB) { tracetest.AssertTree(tb, stall().chain(), want) })
	}
}

func TestAssertGolden(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "below", "stall.txt")
	assert := func(tb testing.TB) { tracetest.AssertGolden(tb, stall().chain(), path) }
	t.Setenv("TRACETEST_UPDATE", "")
	if got := failure(assert); !strings.Contains(got, "no such file") {
		t.Errorf("got failure %q, want that there is no such file", got)
	}
	t.Setenv("TRACETEST_UPDATE", "1")
	passes(t, assert)
	t.Setenv("TRACETEST_UPDATE", "0")
	passes(t, assert)
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(got), "\n"); first != "go hello [socket_get]" {
		t.Errorf("got first line %q of the golden file", first)
	}
	if err := os.WriteFile(path, []byte("go hello\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := failure(assert); !strings.Contains(got, path) || !strings.Contains(got, "\t+   handshake") {
		t.Errorf("got failure\n%s\nwant the path and what there is", got)
	}
}

func TestAsserts(t *testing.T) {
	c := stall().chain()
	write := tracetest.One(t, c, "write {status=error}")
	loose := &script{}
	op := loose.add(0, "lock", 0, 100)
	loose.add(op, "wake", 0, 1)
	loose.add(op, "block", 5, 10)
	loose.add(op, "block", 8, 90)
	odd := loose.chain().Roots[0]
	early := &script{}
	op = early.add(0, "lock", 10, 100)
	early.add(op, "block", 5, 50)
	early.add(op, "wake", 60, 101)
	for _, tt := range []struct {
		name   string
		do     func(testing.TB)
		passes bool
	}{
		{"order", func(tb testing.TB) {
			tracetest.AssertOrder(tb, c, "handshake", "write", "write", "block >1s", tracetest.HasAttribute(semconv.WakeReasonKey))
		}, true},
		{"order_fails", func(tb testing.TB) { tracetest.AssertOrder(tb, c, "handshake", "block", "write", "wake") }, false},
		{"order_none", func(tb testing.TB) { tracetest.AssertOrder(tb, c, tracetest.Name("no one"), "wake") }, false},
		{"order_too_few", func(tb testing.TB) { tracetest.AssertOrder(tb, c, "handshake", "read", "read") }, false},
		{"order_argument", func(tb testing.TB) { tracetest.AssertOrder(tb, c, 3) }, false},
		{"order_line", func(tb testing.TB) { tracetest.AssertOrder(tb, c, "write ×3") }, false},
		{"order_start", func(tb testing.TB) { tracetest.AssertOrder(tb, c, "write @3s", "read") }, false},
		{"before", func(tb testing.TB) { tracetest.AssertBefore(tb, c, "read", "wake") }, true},
		{"before_parent", func(tb testing.TB) { tracetest.AssertBefore(tb, c, "go hello", write) }, true},
		{"before_reversed", func(tb testing.TB) { tracetest.AssertBefore(tb, c, "wake", "block") }, false},
		{"before_unproven", func(tb testing.TB) { tracetest.AssertBefore(tb, c, "handshake", "block") }, false},
		{"before_itself", func(tb testing.TB) { tracetest.AssertBefore(tb, c, write, "write {status=error}") }, false},
		{"before_many", func(tb testing.TB) { tracetest.AssertBefore(tb, c, "write", "read") }, false},
		{"before_stranger", func(tb testing.TB) { tracetest.AssertBefore(tb, c, odd, "read") }, false},
		{"linked", func(tb testing.TB) { tracetest.AssertLinked(tb, c, "wake", "read") }, true},
		{"linked_elsewhere", func(tb testing.TB) { tracetest.AssertLinked(tb, c, "wake", "write") }, false},
		{"linked_nowhere", func(tb testing.TB) { tracetest.AssertLinked(tb, c, "read", "write") }, false},
		{"linked_none", func(tb testing.TB) { tracetest.AssertLinked(tb, c, "close", "write") }, false},
		{"none", func(tb testing.TB) { tracetest.AssertNone(tb, c, "close") }, true},
		{"none_fails", func(tb testing.TB) { tracetest.AssertNone(tb, c, "write") }, false},
		{"one_of_none", func(tb testing.TB) { tracetest.One(tb, c, "close") }, false},
		{"blocked", func(tb testing.TB) {
			tracetest.AssertBlocked(tb, write, semconv.ReasonNetWrite, semconv.CausePeerWindow, 1, time.Second)
		}, true},
		{"blocked_any", func(tb testing.TB) { tracetest.AssertBlocked(tb, write, "", "", -1, 0) }, true},
		{"blocked_never", func(tb testing.TB) { tracetest.AssertBlocked(tb, write, semconv.ReasonLock, "", 0, 0) }, true},
		{"blocked_short", func(tb testing.TB) {
			tracetest.AssertBlocked(tb, write, semconv.ReasonNetWrite, semconv.CausePeerWindow, 1, 3*time.Second)
		}, false},
		{"blocked_often", func(tb testing.TB) { tracetest.AssertBlocked(tb, write, semconv.ReasonNetWrite, "", 2, time.Second) }, false},
		{"blocked_otherwise", func(tb testing.TB) { tracetest.AssertBlocked(tb, write, "", semconv.CauseNetwork, -1, 0) }, false},
		{"blocked_not", func(tb testing.TB) { tracetest.AssertBlocked(tb, c.Named("read")[0], "", "", -1, 0) }, false},
		{"blocked_nil", func(tb testing.TB) { tracetest.AssertBlocked(tb, nil, "", "", -1, 0) }, false},
		{"tiled", func(tb testing.TB) { tracetest.AssertTiled(tb, early.chain().Named("wake")[0]) }, true},
		{"tiled_fails", func(tb testing.TB) { tracetest.AssertTiled(tb, odd) }, false},
		{"tiled_early", func(tb testing.TB) { tracetest.AssertTiled(tb, early.chain().Roots[0]) }, false},
		{"tiled_nil", func(tb testing.TB) { tracetest.AssertTiled(tb, nil) }, false},
	} {
		if tt.passes {
			passes(t, tt.do)
		} else {
			fails(t, tt.name, tt.do)
		}
	}
	var empty chain.Chain
	passes(t, func(tb testing.TB) { tracetest.AssertTree(tb, &empty, "") })
}
