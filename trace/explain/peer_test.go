package explain_test

import (
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
)

// The reader that was not reading is named if both ends have the addresses of one
// connection. Otherwise the trace does not know who it is.
func TestWhoIsAtTheOtherEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		edit  func(s *script, client, server int)
		short string
		full  string
	}{
		{"crosswise", func(*script, int, int) {}, "socket_get was in sleep, not reading", "socket_get's receive window was closed. Its reader hello was in sleep for 1.9 s of that."},
		{"crosswise, one in IPv6", func(s *script, client, server int) {
			s.addresses(server, "::ffff:127.0.0.1", 5555, "::ffff:127.0.0.1", 40000+client)
		}, "socket_get was in sleep, not reading", "socket_get's receive window was closed. Its reader hello"},
		{"another port", func(s *script, client, server int) {
			s.addresses(server, "127.0.0.1", 5555, "127.0.0.1", 6000)
		}, "127.0.0.1:6000 (not socket_get) was not reading", "whoever is at the other end of this connection (127.0.0.1:6000, not socket_get itself: something stands between) was closed. What woke it: the other end read again."},
		{"not recorded", func(s *script, client, server int) {
			s.at(client).Attributes = s.at(client).Attributes[:1]
		}, "the peer 127.0.0.1:40002 was not reading", "whoever is at the other end of this connection (127.0.0.1:40002; the trace does not prove that it is socket_get) was closed. What woke it"},
		{"not in the trace", func(s *script, client, server int) {
			s.at(client).Name = "something else"
		}, "the peer 127.0.0.1:40002 was not reading", "the receive window of the peer (127.0.0.1:40002) was closed. What woke it: the peer read again."},
		{"in memory", func(s *script, client, server int) {
			s.at(client).Attributes, s.at(server).Attributes = s.at(client).Attributes[:1], s.at(server).Attributes[:1]
			for i := range s.spans {
				if s.spans[i].Is(semconv.SpanBlock) {
					s.set(i+1, semconv.BlockSourceKey.String(string(semconv.SourceMemory)))
				}
			}
		}, "socket_get was in sleep, not reading", "socket_get's receive window was closed. Its reader hello was in sleep"},
	} {
		var s script
		hello, sender := s.connect()
		s.block(s.write(sender, 10, 2010, 1), 10, 2010, semconv.ReasonNetWrite, semconv.WakePeerRead, cause(semconv.CausePeerWindow))
		s.as("socket_get").add(hello, semconv.SpanRead, 5, 100)
		s.add(hello, semconv.SpanSleep, 100, 2000)
		s.add(hello, semconv.SpanRead, 2000, 2020)
		tt.edit(&s, 2, 3)
		f := s.explain()[0]
		if !strings.HasSuffix(f.Headline, ": "+tt.short) || !strings.Contains(f.Text, tt.full) {
			t.Errorf("%s: got %v\nwant %s | %s", tt.name, f, tt.short, tt.full)
		}
	}
}

// What the reader did is reported only as far as its spans show it.
func TestWhatTheReaderDid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(s *script, hello int)
		want string // "" means nothing
	}{
		{"nothing that is known", func(*script, int) {}, ""},
		{"it had read before", func(s *script, hello int) { s.add(hello, semconv.SpanRead, 4, 5) }, "Its reader hello had last read 95 ms before that."},
		{"it had read before, and spans were left out", func(s *script, hello int) {
			s.set(s.add(hello, semconv.SpanRead, 4, 5), semconv.SpansSuppressedKey.Int(3))
		}, ""},
		{"it read again late", func(s *script, hello int) {
			s.add(hello, semconv.SpanRead, 4, 5)
			s.add(hello, semconv.SpanRead, 1900, 2200)
		}, "Its reader hello had last read 95 ms before that."},
		{"it read all the time", func(s *script, hello int) { s.add(hello, semconv.SpanRead, 50, 2200) }, ""},
		{"it wrote", func(s *script, hello int) {
			s.add(hello, semconv.SpanRead, 4, 5)
			s.write(hello, 6, 1500, 1)
			s.add(hello, semconv.SpanSleep, 1500, 2100)
		}, "Its reader hello was in write for 1.4 s of that."},
		{"it had ended", func(s *script, hello int) {
			s.end(hello, 60, semconv.GoroutineStateKey.String("finished"))
			s.add(hello, semconv.SpanRead, 4, 5)
		}, "Its reader hello had ended 40 ms before."},
	} {
		var s script
		hello, sender := s.connect()
		s.block(s.write(sender, 100, 2100, 1), 100, 2100, semconv.ReasonNetWrite, "", cause(semconv.CausePeerWindow))
		s.as("socket_get")
		tt.make(&s, hello)
		f := s.explain()[0]
		_, got, _ := strings.Cut(f.Text, "receive window was closed.")
		if strings.TrimSpace(got) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Advice does not point to a reader that was itself waiting for bytes, or that is at the
// other end of another connection.
func TestAdviceOnAStall(t *testing.T) {
	t.Parallel()
	const reader = "Look at what the reader does between two reads"
	for _, tt := range []struct {
		name    string
		edit    func(s *script, client, server int)
		waiting bool
		want    string
	}{
		{"one connection", func(*script, int, int) {}, false, reader},
		{"another port", func(s *script, _, server int) {
			s.addresses(server, "127.0.0.1", 5555, "127.0.0.1", 6000)
		}, false, "Look at what is at 127.0.0.1:6000: it stands between the two"},
		{"another port, and the reader waited", func(s *script, _, server int) {
			s.addresses(server, "127.0.0.1", 5555, "127.0.0.1", 6000)
		}, true, "Look at what is at 127.0.0.1:6000: it stands between the two"},
		{"not recorded", func(s *script, client, _ int) {
			s.at(client).Attributes = s.at(client).Attributes[:1]
		}, false, reader},
		{"not recorded, and the reader waited", func(s *script, client, _ int) {
			s.at(client).Attributes = s.at(client).Attributes[:1]
		}, true, "Look at what is at 127.0.0.1:40002, and at what stands between it and the reader, which was waiting for bytes."},
		{"recorded by none, and the reader waited", func(s *script, client, server int) {
			s.at(client).Attributes, s.at(server).Attributes = s.at(client).Attributes[:1], s.at(server).Attributes[:1]
		}, true, "Look at what stands between this side and the reader, which was waiting for bytes."},
	} {
		var s script
		hello, sender := s.connect()
		s.block(s.write(sender, 10, 2010, 1), 10, 2010, semconv.ReasonNetWrite, semconv.WakePeerRead, cause(semconv.CausePeerWindow))
		if s.as("socket_get"); tt.waiting {
			s.block(s.add(hello, semconv.SpanRead, 5, 1900), 5, 1900, semconv.ReasonNetRead, semconv.WakeReadable)
		}
		tt.edit(&s, 2, 3)
		if got := s.explain()[0].Advice; !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %q, want it to begin with %q", tt.name, got, tt.want)
		}
	}
}
