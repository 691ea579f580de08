package main

import (
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/examples/internal/browser"
)

// said waits until the page shows a line with the text.
const said = `(text => new Promise(found => {
	const look = () => {
		const line = [...document.querySelectorAll('#said li')].find(li => li.textContent.includes(text));
		if (line) found(line.outerHTML); else setTimeout(look, 10);
	};
	look();
}))`

// fill types into a form and sends it.
const fill = `((form, text) => {
	form = document.getElementById(form);
	form.querySelector('input').value = text;
	form.requestSubmit();
	return !form.hidden;
})`

// A person joins in a browser, says something, hears others, and sees why the
// connection is closed.
func TestPageInBrowser(t *testing.T) {
	b := browser.New(t)
	s, host := start(t, time.Minute)
	bob := enterAs(t, host, "bob")
	wantMessage(t, bob, message{Text: "bob is here"})
	b.Open(t, "http://"+host+"/")

	browser.Eval[bool](t, b, fill+`('enter', '   ')`) // is no name
	browser.Eval[bool](t, b, fill+`('enter', ' ann ')`)
	browser.Eval[string](t, b, said+`('ann is here')`)
	wantMessage(t, bob, message{Text: "ann is here"})

	browser.Eval[bool](t, b, fill+`('say', '<b>hi</b>')`)
	wantMessage(t, bob, message{From: "ann", Text: "<b>hi</b>"})
	if got := browser.Eval[string](t, b, said+`('<b>hi</b>')`); strings.Contains(got, "<b>hi</b>") {
		t.Errorf("what was said is markup: %s", got)
	}

	if err := s.room.mu.LockContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for m := range s.room.members {
		if m.name == "ann" {
			m.drop()
		}
	}
	s.room.mu.Unlock()
	browser.Eval[string](t, b, said+`('the connection is closed: code 1006')`)
	b.Clean(t, "//"+host+"/")
}
