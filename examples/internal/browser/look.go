package browser

import (
	"context"
	"os"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Look sets the size of the window, in CSS pixels, and whether the user prefers
// dark colors.
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
