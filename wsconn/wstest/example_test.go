package wstest_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// The sender stays blocked after the receiver stopped, until the receiver reads again; the
// second time, until it closes.
func stalledSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := tracetest.NewRecorder(t)
		socketGet, socketStart := wstest.Pipe(t, wstest.WithWindow(128),
			wstest.WithClient(wsconn.WithTracerProvider(rec.Service("socket_get"))),
			wstest.WithServer(wsconn.WithTracerProvider(rec.Service("socket_start"))))
		ctx := t.Context()
		sender := trace.Go(socketStart.Context(ctx), "sen_data", func(ctx context.Context) error {
			for {
				if err := socketStart.Write(ctx, wsconn.MessageText, []byte(`{"value":1}`)); err != nil {
					return err
				}
			}
		})
		time.Sleep(3 * time.Second) // the receiver does not read,
		if _, _, err := socketGet.Read(ctx); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second) // and stops again
		_ = socketGet.CloseNow()
		if err := sender.Wait(ctx); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the sender failed with %v", err)
		}
		chain := rec.Chain()
		tracetest.AssertTree(t, chain, `
			sen_data {goroutine.state=failed}
				write ×*
				write
					block 3s {block.reason=net.write, block.cause=peer_window}
					wake {wake.reason=peer_read} -> read
				write ×*
				write {error.type=connection_reset}
					block 2s {block.reason=net.write, block.cause=peer_window}
					wake {wake.reason=peer_reset} -> close
		`, tracetest.Below(tracetest.One(t, chain, "sen_data")))
	})
}

// An example has no t: in a test file, stalledSender is called TestStalledSender.
func Example() {}
