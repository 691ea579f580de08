package debugpage_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/examples/internal/debugpage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStart holds that an address without a host is on this machine alone, and that
// the page is at its path and nowhere else.
func TestStart(t *testing.T) {
	p, err := debugpage.Start(t.Context(), ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	if ip := net.ParseIP(u.Hostname()); !ip.IsLoopback() || u.Path != debugpage.Path {
		t.Errorf("the page is at %s, want it on this machine alone", p.URL)
	}
	for path, want := range map[string]int{debugpage.Path: http.StatusOK, debugpage.Path + "?min=x": http.StatusBadRequest, "/": http.StatusNotFound} {
		if got := status(t.Context(), t, "http://"+u.Host+path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if _, err := debugpage.Start(t.Context(), u.Host); err == nil || !strings.HasPrefix(err.Error(), "the debug page: ") {
		t.Errorf("a second page at %s: error %v", u.Host, err)
	}
	var none *debugpage.Page
	if err := none.Close(); err != nil {
		t.Errorf("no page: %v", err)
	}
}

func status(ctx context.Context, t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	return r.StatusCode
}
