package record_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/wsconn/internal/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tap keeps what is written.
type tap struct {
	net.Conn
	written bytes.Buffer
}

func (c *tap) Write(p []byte) (int, error) {
	c.written.Write(p)
	return c.Conn.Write(p)
}

// capture returns what a client sends in a TLS handshake, and then with a message.
func capture(t *testing.T, server, client *tls.Config) (handshake, message []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	server.Certificates = []tls.Certificate{cert}
	client.InsecureSkipVerify = true
	if client.GetClientCertificate != nil {
		client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}

	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	done := make(chan error, 1)
	go func() {
		nc, err := l.Accept()
		if err == nil {
			_, err = io.ReadFull(nc, make([]byte, 5))
			_ = nc.Close()
		}
		done <- err
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	out := &tap{Conn: nc}
	conn := tls.Client(out, client)
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	n := out.written.Len()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	all := out.written.Bytes()
	return all[:n], all[n:]
}

var ask = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return nil, nil }

var captures = []struct {
	name           string
	server, client *tls.Config
}{
	{"1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, &tls.Config{}},
	{"1.3", &tls.Config{}, &tls.Config{}},
	{"1.2 client certificate", &tls.Config{MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}, &tls.Config{GetClientCertificate: ask}},
	{"1.3 client certificate", &tls.Config{ClientAuth: tls.RequireAnyClientCert}, &tls.Config{GetClientCertificate: ask}},
	{"1.3 no certificate", &tls.Config{ClientAuth: tls.RequestClientCert}, &tls.Config{}},
	{"1.3 another key share", &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}, &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP521}}},
}

// The scanner finds the Finished message where crypto/tls ends its handshake. Data begins
// behind it.
func TestScan(t *testing.T) {
	for _, test := range captures {
		t.Run(test.name, func(t *testing.T) {
			handshake, message := capture(t, test.server.Clone(), test.client.Clone())
			if !record.IsHandshake(handshake[0]) || record.IsHandshake('G') {
				t.Error("the first byte does not tell TLS from HTTP")
			}
			var s record.Scanner
			for i := range handshake {
				finished, data := s.Scan(handshake[i : i+1])
				if want := i == len(handshake)-1; finished != want || data {
					t.Fatalf("byte %d of %d: got finished %v, data %v", i, len(handshake), finished, data)
				}
			}
			if finished, data := s.Scan(message); finished || !data {
				t.Errorf("message: got finished %v, data %v", finished, data)
			}
			s = record.Scanner{}
			if finished, data := s.Scan(append(handshake, message...)); !finished || !data {
				t.Errorf("in one piece: got finished %v, data %v", finished, data)
			}
		})
	}
}

// The scanner finds the same, however the bytes are split. The corpus has bytes of clients
// of crypto/tls.
func FuzzScanner(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte, step uint8) {
		var whole, split record.Scanner
		wantFinished, wantData := whole.Scan(p)
		gotFinished, gotData := false, false
		for rest := p; len(rest) > 0; {
			n := min(int(step)+1, len(rest))
			finished, data := split.Scan(rest[:n])
			if finished && gotFinished {
				t.Error("finished twice")
			}
			if data && !gotFinished && !finished {
				t.Error("data before the end of the handshake")
			}
			gotFinished, gotData = gotFinished || finished, gotData || data
			rest = rest[n:]
		}
		if gotFinished != wantFinished || gotData != wantData {
			t.Errorf("split by %d: got finished %v, data %v, want %v, %v", int(step)+1, gotFinished, gotData, wantFinished, wantData)
		}
	})
}
