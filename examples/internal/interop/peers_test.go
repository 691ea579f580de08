//go:build linux

package interop_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// row is a scenario: the commands of a peer that was not written for wakechain, and the
// resulting facts, which the spans and the findings must state.
type row struct {
	name, peer string
	dial       newPeer  // nil: play makes the other end itself
	library    library  // of the server
	buffer     int      // of the server, to send; 0: sendBuffer
	handle     handler  // of the server; nil: there is only a client
	link       []string // a name and the queueing discipline of a link between the ends; nil: they are on loopback
	play       func(t *testing.T, st *stage, p peer)

	op     string            // whose park it is about, "" if about none
	client bool              // the op is the client's, and not the server's
	pick   func([]park) park // which of the op's parks it is about; nil: that of st.mark, or the longest
	cause  semconv.Cause
	woken  semconv.WakeReason

	// The findings, in order, each as its rule and a regular expression for its
	// headline and its text. Short blocks for other reasons, and slow handshakes, are
	// left out: a busy machine has some.
	want  []string
	never []string // regular expressions for what no finding may say
}

// neverSaid is what no finding of any row may say.
var neverSaid = []string{`and not the peer`, `an error of no kind`, `_OTHER`}

// TestPeers plays the scenarios. With -v it prints the table of docs/evidence.md.
func TestPeers(t *testing.T) {
	table := make([]string, len(rows))
	t.Run("all", func(t *testing.T) {
		for i, r := range rows {
			t.Run(r.name+"/"+r.peer, func(t *testing.T) {
				t.Parallel()
				table[i] = r.run(t)
			})
		}
	})
	t.Logf("\n%s", strings.Join(table, "\n"))
}

func (r row) run(t *testing.T) string {
	var l *link
	if r.link != nil {
		l = newLink(t, r.link[0], r.link[1:]...)
	}
	handle := r.handle
	if handle == nil {
		handle = reader
	}
	st := newStage(t, l, r.library, cmp.Or(r.buffer, sendBuffer), handle)
	var p peer
	if r.dial != nil {
		p = r.dial(t, st.url())
		st.accept(t)
	}
	r.play(t, st, p)
	c := st.end(t, r.handle != nil)

	lasted := ""
	if r.op != "" {
		lasted = r.park(t, st, c).block.Duration().Round(time.Millisecond).String()
	}
	for _, b := range c.Named(semconv.SpanBlock) {
		if r.link == nil && b.Str(semconv.BlockCauseKey) == string(semconv.CauseNetwork) {
			t.Errorf("the network is blamed, which is this machine: %v", b.Attributes)
		}
	}
	findings := explain.Explain(c)
	r.check(t, findings)
	headline := ""
	if len(findings) > 0 {
		headline = findings[0].Headline
	}
	return r.cells() + strings.TrimPrefix(line(lasted, headline), "|")
}

// cells are the cells of the table that are the row's own.
func (r row) cells() string {
	return line(r.name, r.peer, r.op, quoted(string(r.cause)), quoted(string(r.woken)))
}

// line is a line of a table.
func line(cells ...string) string {
	var b strings.Builder
	b.WriteByte('|')
	for _, c := range cells {
		if c != "" {
			b.WriteString(" " + c)
		}
		b.WriteString(" |")
	}
	return b.String()
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// park checks the park that the row is about.
func (r row) park(t *testing.T, st *stage, c *chain.Chain) park {
	t.Helper()
	service := "socket_start"
	if r.client {
		service = "socket_get"
	}
	pick := r.pick
	if pick == nil {
		pick = longest
		if len(st.marks) > 0 {
			pick = func(all []park) park { return st.marked(t, all, c) }
		}
	}
	p := pick(parks(t, c, service, r.op))
	cause, woken := p.block.Str(semconv.BlockCauseKey), p.wake.Str(semconv.WakeReasonKey)
	if cause != string(r.cause) || woken != string(r.woken) {
		t.Errorf("%v: got cause %q and wake %q, want %q and %q", p.block.Attributes, cause, woken, r.cause, r.woken)
	}
	return p
}

// check compares the findings with those that the row wants.
func (r row) check(t *testing.T, findings []explain.Finding) {
	t.Helper()
	want := r.want
	for _, f := range findings {
		said := fmt.Sprintf("%s: %s\n%s", f.Rule, f.Headline, f.Text)
		for _, never := range append(neverSaid, r.never...) {
			if regexp.MustCompile(never).MatchString(said + "\n" + f.Advice) {
				t.Errorf("it says %q:\n%s", never, f)
			}
		}
		switch f.Rule {
		case explain.BufferLimited, explain.WriteBlocked, explain.HandshakeSlow:
			continue
		}
		if len(want) == 0 || !regexp.MustCompile(want[0]).MatchString(said) {
			t.Errorf("got a finding that is not wanted, where %q are:\n%s", want, f)
			continue
		}
		want = want[1:]
	}
	for _, w := range want {
		t.Errorf("got no finding %q", w)
	}
}

// The page has the table of a run: all its rows, with what they want.
func TestPeersTable(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "evidence.md"))
	if err != nil {
		t.Fatal(err)
	}
	rest := string(page)
	for _, r := range rows {
		_, after, ok := strings.Cut(rest, "\n"+r.cells())
		if !ok {
			t.Errorf("docs/evidence.md has no row, or not in this order:\n%s", r.cells())
			continue
		}
		rest = after
	}
}
