// Package frameworks_test runs a gorilla server under the frameworks that people run it
// under.
package frameworks_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// serve serves h at a URL until the test ends.
type serve func(t *testing.T, h http.HandlerFunc) string

func httpServer(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

var frameworks = map[string]serve{
	"net/http": func(t *testing.T, h http.HandlerFunc) string { return httpServer(t, h) },
	"gin": func(t *testing.T, h http.HandlerFunc) string {
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		e.Use(gin.Recovery())
		e.GET("/", gin.WrapF(h))
		return httpServer(t, e)
	},
	"gin, own writer": func(t *testing.T, h http.HandlerFunc) string {
		e := gin.New()
		e.GET("/", func(c *gin.Context) { h(c.Writer, c.Request) })
		return httpServer(t, e)
	},
	"echo": func(t *testing.T, h http.HandlerFunc) string {
		e := echo.New()
		e.GET("/", func(c echo.Context) error { h(c.Response(), c.Request()); return nil })
		return httpServer(t, e)
	},
	"chi": func(t *testing.T, h http.HandlerFunc) string {
		r := chi.NewRouter()
		r.Use(middleware.RequestID, middleware.Recoverer)
		r.Use(func(next http.Handler) http.Handler { // as its loggers do
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(middleware.NewWrapResponseWriter(w, r.ProtoMajor), r)
			})
		})
		r.Get("/", h)
		return httpServer(t, r)
	},
	"fiber": func(t *testing.T, h http.HandlerFunc) string {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		app.Get("/", adaptor.HTTPHandlerFunc(h))
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- app.Listener(l) }()
		t.Cleanup(func() {
			_ = app.ShutdownWithTimeout(time.Second)
			<-done
		})
		return "http://" + l.Addr().String()
	},
	"ReverseProxy": func(t *testing.T, h http.HandlerFunc) string {
		u, err := url.Parse(httpServer(t, h))
		if err != nil {
			t.Fatal(err)
		}
		return httpServer(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }})
	},
}

// conn is what both packages have.
type conn interface {
	ReadMessage() (int, []byte, error)
	WriteMessage(int, []byte) error
	Close() error
}

// Under every framework a server through package gorillaws does what a bare one does,
// be it that the framework refuses, and has its spans.
func TestFrameworks(t *testing.T) {
	for name, serve := range frameworks {
		t.Run(name, func(t *testing.T) {
			want := talk(t, serve, func(w http.ResponseWriter, r *http.Request) (conn, error) {
				return new(websocket.Upgrader).Upgrade(w, r, nil)
			})
			rec := tracetest.NewRecorder(t)
			got := talk(t, serve, func(w http.ResponseWriter, r *http.Request) (conn, error) {
				u := gorillaws.Upgrader{Options: []gorillaws.Option{gorillaws.WithTracerProvider(rec.TracerProvider())}}
				return u.Upgrade(w, r, nil)
			})
			if got != want {
				t.Errorf("got %s, want as bare %s", got, want)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := rec.WaitEnded(ctx); err != nil {
				t.Fatal(err)
			}
			chain := rec.Chain().String()
			spans := []string{"handshake", "read", "write"}
			if !strings.HasPrefix(want, "hello") {
				spans = []string{"refused: hijack"}
			}
			for _, s := range spans {
				if !strings.Contains(chain, s) {
					t.Errorf("no %s in\n%s", s, chain)
				}
			}
			t.Logf("%s\n%s", want, chain)
		})
	}
}

// talk returns what a bare client gets of an echo.
func talk(t *testing.T, serve serve, upgrade func(http.ResponseWriter, *http.Request) (conn, error)) string {
	t.Helper()
	var handlers sync.WaitGroup
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		c, err := upgrade(w, r)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			typ, p, err := c.ReadMessage()
			if err != nil {
				return
			}
			if c.WriteMessage(typ, p) != nil {
				return
			}
		}
	})
	defer handlers.Wait()
	c, resp, err := new(websocket.Dialer).Dial("ws"+strings.TrimPrefix(url, "http"), nil)
	if err != nil {
		if resp == nil {
			return err.Error()
		}
		return fmt.Sprint(err, " ", resp.StatusCode)
	}
	defer c.Close()
	if err := c.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		return err.Error()
	}
	typ, p, err := c.ReadMessage()
	return fmt.Sprintf("%s %d %v", p, typ, err)
}
