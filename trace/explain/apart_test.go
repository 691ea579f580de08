package explain_test

import (
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// Clients with the same name are distinguished by their addresses.
func TestClientsOfOneName(t *testing.T) {
	t.Parallel()
	var s script
	for i := range 2 {
		_, sender := s.connect()
		s.block(s.write(sender, 10, 1010+i, 1), 10, 1010+i, semconv.ReasonNetWrite, "", cause(semconv.CausePeerWindow), attribute.Int("n", i))
	}
	for i, want := range []string{
		"socket_start's sen_data was blocked 1 s writing: socket_get (127.0.0.1:40008) was not reading",
		"socket_start's sen_data was blocked 1 s writing: socket_get (127.0.0.1:40002) was not reading",
	} {
		if got := s.explain()[i].Headline; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The peer does not read and so does not answer the close frame. A background reader does
// not help.
func TestCloseReadUnanswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := tracetest.NewRecorder(t)
		client, server := wstest.Pipe(t,
			wstest.WithClient(wsconn.WithTracerProvider(rec.Service("client"))),
			wstest.WithServer(wsconn.WithTracerProvider(rec.Service("server"))))
		ctx := client.CloseRead(client.Context(t.Context()))
		synctest.Wait() // until CloseRead reads: a close before that would read itself, and might end without an error
		if err := client.Close(wsconn.StatusNormalClosure, ""); err == nil {
			t.Error("got no error of a close that nobody answers")
		}
		<-ctx.Done()
		_ = server.CloseNow()
		time.Sleep(time.Second)
		found := explain.Explain(rec.Chain())
		if len(found) == 0 || found[0].Rule != explain.CloseUnanswered || found[0].Total != 5*time.Second {
			t.Errorf("got %v, want a close that was not answered in 5 s", found)
		}
	})
}
