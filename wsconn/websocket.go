package wsconn

import "nhooyr.io/websocket"

// The library's types and constants, so that a program changes one import.

// MessageType is the type of a message.
type MessageType = websocket.MessageType

// StatusCode is the status of a close frame.
type StatusCode = websocket.StatusCode

// CloseError is the error of a connection that the peer closed.
type CloseError = websocket.CloseError

// CompressionMode is how messages are compressed.
type CompressionMode = websocket.CompressionMode

// AcceptOptions is how a server accepts.
type AcceptOptions = websocket.AcceptOptions

// DialOptions is how a client dials.
type DialOptions = websocket.DialOptions

// Message types.
const (
	MessageText   = websocket.MessageText
	MessageBinary = websocket.MessageBinary
)

// Compression modes.
const (
	CompressionDisabled          = websocket.CompressionDisabled
	CompressionContextTakeover   = websocket.CompressionContextTakeover
	CompressionNoContextTakeover = websocket.CompressionNoContextTakeover
)

// Status codes of RFC 6455 §7.4.
const (
	StatusNormalClosure           = websocket.StatusNormalClosure
	StatusGoingAway               = websocket.StatusGoingAway
	StatusProtocolError           = websocket.StatusProtocolError
	StatusUnsupportedData         = websocket.StatusUnsupportedData
	StatusNoStatusRcvd            = websocket.StatusNoStatusRcvd
	StatusAbnormalClosure         = websocket.StatusAbnormalClosure
	StatusInvalidFramePayloadData = websocket.StatusInvalidFramePayloadData
	StatusPolicyViolation         = websocket.StatusPolicyViolation
	StatusMessageTooBig           = websocket.StatusMessageTooBig
	StatusMandatoryExtension      = websocket.StatusMandatoryExtension
	StatusInternalError           = websocket.StatusInternalError
	StatusServiceRestart          = websocket.StatusServiceRestart
	StatusTryAgainLater           = websocket.StatusTryAgainLater
	StatusBadGateway              = websocket.StatusBadGateway
	StatusTLSHandshake            = websocket.StatusTLSHandshake
)

// CloseStatus returns the status of the websocket.CloseError in err's chain, or
// -1 if there is none.
func CloseStatus(err error) StatusCode { return websocket.CloseStatus(err) }
