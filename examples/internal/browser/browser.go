// Package browser lets the examples' tests look at their pages in a real,
// headless Chromium.
package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Need returns the path of the first of the named programs that this machine has. If it
// has none, the test is skipped; in CI it fails.
func Need(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no %s on this machine, which CI must have", names[0])
	}
	t.Skipf("no %s on this machine", names[0])
	return ""
}

// Browser is a headless Chromium with one page.
type Browser struct {
	ctx context.Context

	mu       sync.Mutex
	errors   []string // of the console, and exceptions
	requests []string
}

// New starts a Chromium that ends with the test.
func New(t *testing.T) *Browser {
	t.Helper()
	path := Need(t, "chromium", "chromium-browser", "google-chrome")
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(time.Minute), // until it has started
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1400, 1000),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until it has ended
		cancel()
	})
	b := &Browser{ctx: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	for _, err := range []error{
		enable(ctx, network.Enable), enable(ctx, log.Enable), enable(ctx, runtime.Enable),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func enable[P any](ctx context.Context, cmd cdp.Command[P, cdp.Empty]) error {
	var params P
	_, err := chromedp.Call(ctx, cmd, params)
	return err
}

func (b *Browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.errors = append(b.errors, fmt.Sprintf("console.%s: %v", e.Type, e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.errors = append(b.errors, e.Entry.Text)
		}
	}
}

// Open opens a page, and forgets earlier errors and requests.
func (b *Browser) Open(t *testing.T, page string) {
	t.Helper()
	b.mu.Lock()
	b.errors, b.requests = nil, nil
	b.mu.Unlock()
	perform(t, b, chromedp.Navigate(page))
}

// OpenFile opens a file of this machine.
func (b *Browser) OpenFile(t *testing.T, file string) {
	t.Helper()
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	b.Open(t, (&url.URL{Scheme: "file", Path: file}).String())
}

// perform runs an action, with a limit of a minute.
func perform[T any](t *testing.T, b *Browser, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	got, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Eval returns the value of a JavaScript expression, or the value that its promise
// resolves to.
func Eval[T any](t *testing.T, b *Browser, expression string) T {
	t.Helper()
	return perform(t, b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Prefer makes the browser report that the user prefers a color scheme, "light" or "dark".
func (b *Browser) Prefer(t *testing.T, scheme string) {
	t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Click clicks the first element that a selector matches.
func (b *Browser) Click(t *testing.T, selector string) {
	t.Helper()
	Eval[bool](t, b, fmt.Sprintf(`document.querySelector(%q).dispatchEvent(new MouseEvent('click', {bubbles: true}))`, selector))
}

// Clean fails the test if the page logged an error, or fetched a URL that does not
// contain own.
func (b *Browser) Clean(t *testing.T, own string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.errors {
		t.Errorf("the browser says: %s", e)
	}
	for _, r := range b.requests {
		if !strings.Contains(r, own) {
			t.Errorf("the page fetched %s", r)
		}
	}
}
