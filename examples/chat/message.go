package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/wakechain/wakechain/wsconn"
)

// The longest name and text, in characters.
const (
	maxName = 24
	maxText = 8 << 10
)

// message is the content of a WebSocket message, as JSON. A client's first one gives
// its name, and has no text.
type message struct {
	From string `json:"from"`
	Text string `json:"text"`
}

func (m message) encode() []byte {
	data, _ := json.Marshal(m) // strings have no errors
	return data
}

// receive reads one message. Its texts are untrusted, and cleaned.
func receive(ctx context.Context, conn *wsconn.Conn) (message, error) {
	var m message
	_, data, err := conn.Read(ctx)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("not a message: %w", err)
	}
	return message{From: cleanName(m.From), Text: clean(m.Text, maxText)}, nil
}

func cleanName(name string) string { return strings.TrimSpace(clean(name, maxName)) }

// clean shortens a text and removes characters that do more than show on a terminal.
func clean(text string, most int) string {
	n := 0
	return strings.Map(func(r rune) rune {
		if n >= most || !unicode.IsPrint(r) {
			return -1
		}
		n++
		return r
	}, text)
}
