package main

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
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// need returns the path of a program. Without it the test is skipped, and in CI
// it fails.
func need(t *testing.T, names ...string) string {
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

// browser is a headless Chromium with one page.
type browser struct {
	ctx context.Context

	mu       sync.Mutex
	errors   []string // of the console, and exceptions
	requests []string
}

// newBrowser starts a Chromium that ends with the test.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := need(t, "chromium", "chromium-browser", "google-chrome")
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
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
	b := &browser{ctx: ctx}
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

func (b *browser) listen(event any) {
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

// open opens a file, and forgets what was before.
func (b *browser) open(t *testing.T, file string) {
	t.Helper()
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.errors, b.requests = nil, nil
	b.mu.Unlock()
	page := (&url.URL{Scheme: "file", Path: file}).String()
	perform(t, b, chromedp.Navigate(page))
}

// perform runs an action, for half a minute at the most.
func perform[T any](t *testing.T, b *browser, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	got, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// eval returns the value of an expression of JavaScript, or what its promise
// resolves to.
func eval[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	return perform(t, b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// click clicks the first element that a selector matches.
func click(t *testing.T, b *browser, selector string) {
	t.Helper()
	eval[bool](t, b, fmt.Sprintf(`document.querySelector(%q).dispatchEvent(new MouseEvent('click', {bubbles: true}))`, selector))
}

// clean fails the test if the page complained, or fetched anything but itself.
func (b *browser) clean(t *testing.T, file string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.errors {
		t.Errorf("the browser says: %s", e)
	}
	for _, r := range b.requests {
		if !strings.HasSuffix(r, "/"+filepath.Base(file)) {
			t.Errorf("the page fetched %s", r)
		}
	}
}
