package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakechain/wakechain/wsconn"
)

// stage is what the plays of one epoch share: four servers, and the providers of spans
// and metrics.
type stage struct {
	roots   *x509.CertPool
	servers map[place]*server
	control *control
	report  func(index int, format string, args ...any)

	plays sync.Map // by serial

	late    atomic.Int64  // the most that a timer was late, in nanoseconds
	over    chan struct{} // closed by close
	watched chan struct{} // closed when watch has ended

	mu   sync.Mutex
	sets map[setKey]*telemetry
}

// place identifies one of the servers.
type place struct{ tls, listener bool }

type server struct {
	http.Server
	address string
	done    chan struct{}
}

// identity returns a certificate for the servers, and a pool with it. It is made once,
// since keys take time.
var identity = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "chaos"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	must(err)
	own, err := x509.ParseCertificate(der)
	must(err)
	roots := x509.NewCertPool()
	roots.AddCert(own)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
})

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func newStage(c *control, report func(index int, format string, args ...any)) *stage {
	certificate, roots := identity()
	s := &stage{roots: roots, servers: map[place]*server{}, control: c, report: report, sets: map[setKey]*telemetry{}, over: make(chan struct{}), watched: make(chan struct{})}
	go s.watch()
	for _, at := range []place{{false, false}, {false, true}, {true, false}, {true, true}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		srv := &server{address: l.Addr().String(), done: make(chan struct{})}
		srv.Handler = http.HandlerFunc(s.serve)
		srv.ErrorLog = log.New(io.Discard, "", 0) // discard reports of panics and failed handshakes
		srv.ReadHeaderTimeout = limit
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
		if at.listener {
			l = wsconn.NewListener(l)
		}
		s.servers[at] = srv
		go func() {
			defer close(srv.done)
			if at.tls {
				_ = srv.ServeTLS(l, "", "")
			} else {
				_ = srv.Serve(l)
			}
		}()
	}
	return s
}

// watch measures how late timers are, until close.
func (s *stage) watch() {
	defer close(s.watched)
	const every = 20 * time.Millisecond
	for {
		due := time.Now().Add(every)
		select {
		case <-time.After(every):
			s.late.Store(max(s.late.Load(), int64(time.Since(due))))
		case <-s.over:
			return
		}
	}
}

// serve passes a request to its play.
func (s *stage) serve(w http.ResponseWriter, r *http.Request) {
	serial, err := strconv.ParseInt(r.URL.Query().Get("play"), 10, 64)
	if p, ok := s.plays.Load(serial); err == nil && ok {
		p.(*play).serve(w, r)
		return
	}
	http.Error(w, "no such play", http.StatusNotFound)
}

// address returns the address of the play's server. A bare play's server does not use
// wsconn.NewListener.
func (s *stage) address(p *play) string {
	return s.servers[place{p.tls, p.listener && !p.bare}].address
}

func (s *stage) url(p *play) string {
	scheme := "ws"
	if p.tls {
		scheme = "wss"
	}
	return fmt.Sprintf("%s://%s/?play=%d", scheme, s.address(p), p.serial)
}

// play runs the plans, with at most the given number together, and waits until what they
// started has ended: if a library closes a connection by itself, the connection's last
// spans may end on a goroutine of their own.
func (s *stage) play(plans []plan, together int) []*play {
	for i := range plans { // before the baseline, since a provider has goroutines
		if !plans[i].bare {
			s.telemetry(&plans[i])
		}
	}
	before := now()
	all := make([]*play, len(plans))
	room := make(chan struct{}, together)
	var wg sync.WaitGroup
	for i := range plans {
		room <- struct{}{}
		p := newPlay(plans[i], s)
		all[i] = p
		s.plays.Store(p.serial, p)
		s.control.begin(p)
		wg.Go(func() {
			defer func() { <-room }()
			start := time.Now()
			p.run()
			s.control.end(p, time.Since(start))
		})
	}
	wg.Wait()
	for _, fault := range before.settle(limit) {
		s.report(-1, "%s", fault)
	}
	return all
}

// close closes the servers, and shuts down the providers. The exported spans are kept.
func (s *stage) close() {
	close(s.over)
	<-s.watched
	for _, srv := range s.servers {
		_ = srv.Close()
		<-srv.done
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, t := range s.sets {
		t.shutdown(ctx)
	}
}
