package coderws

import "github.com/coder/websocket"

// What nhooyr.io/websocket has not. The files that both have are generated.

//go:generate go run generate.go

// ErrMessageTooBig is returned when a message exceeds the read limit.
var ErrMessageTooBig = websocket.ErrMessageTooBig
