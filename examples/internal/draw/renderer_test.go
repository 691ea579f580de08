package draw_test

import (
	"image"
	"image/color"
	imagedraw "image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/examples/internal/browser"
)

// TestSVGWithoutABrowser has librsvg, which knows neither variables nor media
// queries in a style sheet, draw what we write: dark on white, in the colors of the
// diagram.
func TestSVGWithoutABrowser(t *testing.T) {
	convert := browser.Need(t, "rsvg-convert")
	seen := map[color.RGBA]bool{}
	for _, spans := range testdata(t) {
		name := strings.TrimSuffix(filepath.Base(spans), ".json")
		t.Run(name, func(t *testing.T) {
			svg := drawFile(t, name+".svg", spans)
			out := filepath.Join(t.TempDir(), name+".png")
			if text, err := exec.Command(convert, "-o", out, svg).CombinedOutput(); err != nil {
				t.Fatalf("rsvg-convert: %v\n%s", err, text)
			}
			f, err := os.Open(out)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			img, err := png.Decode(f)
			if err != nil {
				t.Fatal(err)
			}
			var sum, white, pixels int
			colors := map[color.RGBA]bool{}
			flat := image.NewRGBA(img.Bounds())
			imagedraw.Draw(flat, flat.Bounds(), img, image.Point{}, imagedraw.Src)
			var last color.RGBA
			for at := 0; at < len(flat.Pix); at += 4 {
				c := color.RGBA{flat.Pix[at], flat.Pix[at+1], flat.Pix[at+2], flat.Pix[at+3]}
				if c != last { // most are white, as the one before
					colors[c], seen[c], last = true, true, c
				}
				sum += (int(c.R) + int(c.G) + int(c.B)) / 3
				if pixels++; c == (color.RGBA{0xff, 0xff, 0xff, 0xff}) {
					white++
				}
			}
			// A page of thin lines and text on white.
			if mean := sum / pixels; mean < 220 || white < pixels*3/4 || white == pixels || len(colors) < 20 {
				t.Errorf("the mean brightness is %d, %d of %d pixels are white, of %d colors", mean, white, pixels, len(colors))
			}
		})
	}
	for what, c := range map[string]color.RGBA{
		"a blocked write": {0xe0, 0x71, 0x1c, 0xff}, "sleep": {0xa9, 0xb2, 0xbc, 0xff}, "a lock": {0x82, 0x50, 0xdf, 0xff},
		"a failure": {0xcf, 0x22, 0x2e, 0xff}, "a wake": {0x1a, 0x7f, 0x37, 0xff}, "text": {0x1f, 0x23, 0x28, 0xff},
	} {
		if !seen[c] {
			t.Errorf("no pixel has %v, the color of %s", c, what)
		}
	}
}

// TestSVGFollowsTheViewer looks at the colors that a browser computes.
func TestSVGFollowsTheViewer(t *testing.T) {
	b := browser.New(t)
	b.OpenFile(t, drawFile(t, "stalled.svg", scenario("stalled")))
	const fills = `['.ground', '.bar.net', '.wake .head', '.name'].map(s => getComputedStyle(document.querySelector(s)).fill).join(' ')`
	for _, tt := range []struct{ scheme, want string }{
		{"light", "rgb(255, 255, 255) rgb(224, 113, 28) rgb(26, 127, 55) rgb(89, 99, 110)"},
		{"dark", "rgb(13, 17, 23) rgb(240, 136, 62) rgb(63, 185, 80) rgb(145, 152, 161)"},
		{"light", "rgb(255, 255, 255) rgb(224, 113, 28) rgb(26, 127, 55) rgb(89, 99, 110)"},
	} {
		b.Prefer(t, tt.scheme)
		if got := browser.Eval[string](t, b, fills); got != tt.want {
			t.Errorf("%s: got the colors %s, want %s", tt.scheme, got, tt.want)
		}
	}
}
