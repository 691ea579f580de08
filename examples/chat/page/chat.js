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
  by("said").append(line);
  line.scrollIntoView();
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
  socket.onclose = () => {
    show({ text: "the connection is closed" });
    by("say").hidden = true;
    by("enter").hidden = false;
  };
}

by("enter").onsubmit = event => {
  event.preventDefault();
  join(by("name").value);
};

by("say").onsubmit = event => {
  event.preventDefault();
  socket.send(JSON.stringify({ text: by("text").value }));
  by("text").value = "";
};
