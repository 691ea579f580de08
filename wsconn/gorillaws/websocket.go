package gorillaws

import (
	"io"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
)

// The library's types, constants, errors and functions, so that a program changes only
// its import.

// BufferPool is a pool of write buffers.
type BufferPool = websocket.BufferPool

// CloseError is the error after the peer's close message.
type CloseError = websocket.CloseError

// HandshakeError is the error of a handshake that [Upgrader.Upgrade] refused.
type HandshakeError = websocket.HandshakeError

// PreparedMessage is a message that is encoded once for many connections.
type PreparedMessage = websocket.PreparedMessage

// Close codes of RFC 6455 §11.7.
const (
	CloseNormalClosure           = websocket.CloseNormalClosure
	CloseGoingAway               = websocket.CloseGoingAway
	CloseProtocolError           = websocket.CloseProtocolError
	CloseUnsupportedData         = websocket.CloseUnsupportedData
	CloseNoStatusReceived        = websocket.CloseNoStatusReceived
	CloseAbnormalClosure         = websocket.CloseAbnormalClosure
	CloseInvalidFramePayloadData = websocket.CloseInvalidFramePayloadData
	ClosePolicyViolation         = websocket.ClosePolicyViolation
	CloseMessageTooBig           = websocket.CloseMessageTooBig
	CloseMandatoryExtension      = websocket.CloseMandatoryExtension
	CloseInternalServerErr       = websocket.CloseInternalServerErr
	CloseServiceRestart          = websocket.CloseServiceRestart
	CloseTryAgainLater           = websocket.CloseTryAgainLater
	CloseTLSHandshake            = websocket.CloseTLSHandshake
)

// Message types of RFC 6455 §11.8.
const (
	TextMessage   = websocket.TextMessage
	BinaryMessage = websocket.BinaryMessage
	CloseMessage  = websocket.CloseMessage
	PingMessage   = websocket.PingMessage
	PongMessage   = websocket.PongMessage
)

// The library's errors.
var (
	ErrBadHandshake = websocket.ErrBadHandshake
	ErrCloseSent    = websocket.ErrCloseSent
	ErrReadLimit    = websocket.ErrReadLimit
)

// FormatCloseMessage is websocket.FormatCloseMessage.
func FormatCloseMessage(closeCode int, text string) []byte {
	return websocket.FormatCloseMessage(closeCode, text)
}

// IsCloseError is websocket.IsCloseError.
func IsCloseError(err error, codes ...int) bool { return websocket.IsCloseError(err, codes...) }

// IsUnexpectedCloseError is websocket.IsUnexpectedCloseError.
func IsUnexpectedCloseError(err error, expectedCodes ...int) bool {
	return websocket.IsUnexpectedCloseError(err, expectedCodes...)
}

// IsWebSocketUpgrade is websocket.IsWebSocketUpgrade.
func IsWebSocketUpgrade(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// Subprotocols is websocket.Subprotocols.
func Subprotocols(r *http.Request) []string { return websocket.Subprotocols(r) }

// NewPreparedMessage is websocket.NewPreparedMessage.
func NewPreparedMessage(messageType int, data []byte) (*PreparedMessage, error) {
	return websocket.NewPreparedMessage(messageType, data)
}

// ReadJSON is websocket.ReadJSON.
//
// Deprecated: use [Conn.ReadJSON].
func ReadJSON(c *Conn, v any) error { return c.ReadJSON(v) }

// WriteJSON is websocket.WriteJSON.
//
// Deprecated: use [Conn.WriteJSON].
func WriteJSON(c *Conn, v any) error { return c.WriteJSON(v) }

// JoinMessages is websocket.JoinMessages: one reader of all messages, with term after
// each. Its Read must not be called concurrently. Each message has a span read.
func JoinMessages(c *Conn, term string) io.Reader { return &joinReader{c: c, term: term} }

type joinReader struct {
	c    *Conn
	term string
	r    io.Reader // of the message in progress
}

func (r *joinReader) Read(p []byte) (int, error) {
	if r.r == nil {
		_, rd, err := r.c.NextReader()
		if err != nil {
			return 0, err
		}
		if r.r = rd; r.term != "" {
			r.r = io.MultiReader(rd, strings.NewReader(r.term))
		}
	}
	n, err := r.r.Read(p)
	if err == io.EOF { // the end of one message
		r.r, err = nil, nil
	}
	return n, err
}
