"use strict";

const by = id => document.getElementById(id);
let socket;

// show adds a line. What others said is text, never markup.
function show({ from, text }) {
  const line = document.createElement("li");
  if (from) {
    const who = document.createElement("b");
    who.textContent = from;
    line.append(who);
  } else {
    line.className = "note";
  }
  line.append(text);
  const said = by("said");
  const atEnd = said.scrollHeight - said.scrollTop - said.clientHeight < 40; // else somebody reads what was said before
  said.append(line);
  if (atEnd) line.scrollIntoView();
}

function join(name) {
  const room = new URL("room", location.href);
  room.protocol = room.protocol.replace("http", "ws");
  socket = new WebSocket(room);
  socket.onopen = () => {
    socket.send(JSON.stringify({ from: name }));
    by("enter").hidden = true;
    by("say").hidden = false;
    by("text").focus();
  };
  socket.onmessage = event => show(JSON.parse(event.data));
  socket.onclose = event => {
    show({ text: "the connection is closed: " + (event.reason || `code ${event.code}`) });
    by("say").hidden = true;
    by("enter").hidden = false;
  };
}

by("enter").onsubmit = event => {
  event.preventDefault();
  const name = by("name").value.trim();
  if (name) join(name);
};

by("say").onsubmit = event => {
  event.preventDefault();
  socket.send(JSON.stringify({ text: by("text").value }));
  by("text").value = "";
};
