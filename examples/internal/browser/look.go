package browser

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Look sets the size of the window in CSS pixels, and whether the browser reports that
// the user prefers dark colors.
func (b *Browser) Look(t *testing.T, width, height int, dark bool) {
	t.Helper()
	perform(t, b, chromedp.EmulateViewport(int64(width), int64(height)))
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	perform(t, b, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// Picture writes a PNG of what the window shows to a file.
func (b *Browser) Picture(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, perform(t, b, chromedp.CaptureScreenshot()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Pictures writes what a debug page shows into the folder that WAKECHAIN_PICTURES names,
// if any: as NAME.txt, and as NAME-light.png, NAME-dark.png and NAME-narrow.png. It fails
// the test if the page is wider than the window.
func (b *Browser) Pictures(t *testing.T, page, name string) {
	t.Helper()
	folder := os.Getenv("WAKECHAIN_PICTURES")
	if folder == "" {
		return
	}
	for _, look := range []struct {
		as            string
		width, height int
		dark          bool
	}{{"light", 1240, 900, false}, {"dark", 1240, 900, true}, {"narrow", 390, 844, false}} {
		b.Look(t, look.width, look.height, look.dark)
		b.Open(t, page)
		if got := Eval[int](t, b, `document.documentElement.scrollWidth`); got > look.width {
			t.Errorf("the page is %d px wide in a window of %d", got, look.width)
		}
		b.Picture(t, filepath.Join(folder, name+"-"+look.as+".png"))
	}
	text := Eval[string](t, b, `fetch(location.href + '?format=text').then(r => r.text())`)
	if err := os.WriteFile(filepath.Join(folder, name+".txt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
