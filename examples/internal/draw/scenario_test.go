//go:build linux

package draw_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"
)

// send writes messages until one fails.
func (s *stage) send(ctx context.Context, c *wsconn.Conn) error {
	message := make([]byte, 1000)
	for {
		if err := c.Write(ctx, wsconn.MessageBinary, message); err != nil {
			return err
		}
		s.sent.Add(1)
	}
}

// stalled waits until nothing has been sent for a while.
func (s *stage) stalled() {
	for last, since := int64(-1), time.Now(); time.Since(since) < 200*time.Millisecond; <-time.After(10 * time.Millisecond) {
		if now := s.sent.Load(); now != last {
			last, since = now, time.Now()
		}
	}
}

// resume reads until messages are sent again.
func (s *stage) resume(ctx context.Context, c *wsconn.Conn) error {
	for before := s.sent.Load(); s.sent.Load() < before+5; {
		if err := read(ctx, c, 1); err != nil {
			return err
		}
	}
	return nil
}

// idle is a peer that does not read.
func (s *stage) idle(ctx context.Context, _ *wsconn.Conn, _ *net.TCPConn) error {
	return trace.Sleep(ctx, 600*time.Millisecond)
}

func read(ctx context.Context, c *wsconn.Conn, n int) error {
	for range n {
		if _, _, err := c.Read(ctx); err != nil {
			return err
		}
	}
	return nil
}

var scenarios = map[string]func(context.Context, *stage){
	"stalled": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			for range 3 {
				if err := read(ctx, c, 1); err != nil {
					return err
				}
				if err := trace.Sleep(ctx, 300*time.Millisecond); err != nil {
					return err
				}
			}
			return nil
		})
	},
	"resumed": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			s.stalled()
			return s.resume(ctx, c)
		})
	},
	"reset": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(_ context.Context, _ *wsconn.Conn, tcp *net.TCPConn) error {
			s.stalled()
			return errors.Join(tcp.SetLinger(0), tcp.Close())
		})
	},
	"slowly": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			for range 60 {
				if err := errors.Join(read(ctx, c, 1), trace.Sleep(ctx, 20*time.Millisecond)); err != nil {
					return err
				}
			}
			return nil
		})
	},
	"halfclosed": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", func(ctx context.Context, c *wsconn.Conn) error {
			reader := trace.Go(ctx, "reader", func(ctx context.Context) error { return read(ctx, c, 1) })
			err := s.send(ctx, c)
			return errors.Join(err, reader.Wait(ctx))
		})
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, _ *wsconn.Conn, tcp *net.TCPConn) error {
			s.stalled()
			return errors.Join(tcp.CloseWrite(), trace.Sleep(ctx, 200*time.Millisecond))
		})
	},
	"halfresumed": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, tcp *net.TCPConn) error {
			s.stalled()
			if err := errors.Join(tcp.CloseWrite(), trace.Sleep(ctx, 200*time.Millisecond)); err != nil {
				return err
			}
			return s.resume(ctx, c)
		})
	},
	"network": func(ctx context.Context, s *stage) {
		s.sockets = buffers{send: 32 << 10}
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			return read(ctx, c, 100)
		})
	},
	"closed": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", func(ctx context.Context, c *wsconn.Conn) error {
			closer := trace.Go(ctx, "closer", func(context.Context) error {
				s.stalled()
				return c.CloseNow()
			})
			err := s.send(ctx, c)
			return errors.Join(err, closer.Wait(ctx))
		})
		s.dial(ctx, "socket_get", "hello", url, nil, s.idle)
	},
	"deadline": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", func(ctx context.Context, c *wsconn.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
			defer cancel()
			return s.send(ctx, c)
		})
		s.dial(ctx, "socket_get", "hello", url, nil, s.idle)
	},
	"canceled": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", func(ctx context.Context, c *wsconn.Conn) error {
			writes, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			canceler := trace.Go(ctx, "canceler", func(context.Context) error {
				s.stalled()
				cancel(errors.New("enough"))
				return nil
			})
			err := s.send(writes, c)
			return errors.Join(err, canceler.Wait(ctx))
		})
		s.dial(ctx, "socket_get", "hello", url, nil, s.idle)
	},
	"deadlock": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return s.send(ctx, c)
		})
	},
	"writers": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", func(ctx context.Context, c *wsconn.Conn) error {
			writer := trace.Go(ctx, "ticker", func(ctx context.Context) error {
				s.stalled()
				return c.Write(ctx, wsconn.MessageText, []byte("tick"))
			})
			err := s.send(ctx, c)
			return errors.Join(err, writer.Wait(ctx))
		})
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			s.stalled()
			s.stalled()
			return read(ctx, c, 40)
		})
	},
	"refused": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, http.Header{"Origin": {"http://elsewhere.example"}},
			func(context.Context, *wsconn.Conn, *net.TCPConn) error { return nil })
	},
	"echo": echo,
	"segments": func(ctx context.Context, s *stage) {
		s.opts = append(s.opts, wsconn.WithTraceBudget(30, 0), wsconn.WithMessageSpans(wsconn.MessagesAll))
		echo(ctx, s)
	},
	"lock": func(ctx context.Context, s *stage) {
		ctx = s.tracer("workshop").NewContext(ctx)
		_ = trace.Handle(ctx, "main", func(ctx context.Context) error {
			var mu trace.Mutex
			var tasks []*trace.Task
			for _, name := range []string{"alice", "bob", "carol"} {
				tasks = append(tasks, trace.Go(ctx, name, func(ctx context.Context) error {
					if err := mu.LockContext(ctx); err != nil {
						return err
					}
					defer mu.Unlock()
					return trace.Sleep(ctx, 40*time.Millisecond)
				}))
			}
			for _, task := range tasks {
				if err := task.Wait(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	},
	"channel": func(ctx context.Context, s *stage) {
		ctx = s.tracer("workshop").NewContext(ctx)
		_ = trace.Handle(ctx, "main", func(ctx context.Context) error {
			work := trace.NewChan[int](0)
			worker := trace.Go(ctx, "worker", func(ctx context.Context) error {
				for range 20 {
					if _, err := work.Recv(ctx); err != nil {
						return err
					}
				}
				return nil
			})
			for i := range 20 {
				if err := errors.Join(trace.Sleep(ctx, time.Millisecond), work.Send(ctx, i)); err != nil {
					return err
				}
			}
			return worker.Wait(ctx)
		})
	},
}

// echo asks twenty times, and closes.
func echo(ctx context.Context, s *stage) {
	url := s.serve(ctx, "echo_server", "echo", func(ctx context.Context, c *wsconn.Conn) error {
		for {
			typ, p, err := c.Read(ctx)
			if err != nil {
				return err
			}
			if err := c.Write(ctx, typ, p); err != nil {
				return err
			}
		}
	})
	s.dial(ctx, "echo_client", "ask", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
		for range 20 {
			if err := c.Write(ctx, wsconn.MessageText, []byte("hello")); err != nil {
				return err
			}
			if err := read(ctx, c, 1); err != nil {
				return err
			}
		}
		return c.Close(wsconn.StatusNormalClosure, "")
	})
}
