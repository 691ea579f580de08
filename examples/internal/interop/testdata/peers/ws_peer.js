// A peer made of ws: commands as in peer.py. It reads nothing but what it is told to.
'use strict';

const {once} = require('events');
const readline = require('readline');
const {WebSocket} = require('ws');

const ws = new WebSocket(process.argv[2], {perMessageDeflate: false, closeTimeout: 500});
ws.on('error', () => {});
ws.on('open', () => { ws.pause(); obey(); });

let count = 0, wanted = 0, enough = () => {};
ws.on('message', () => {
	if (++count === wanted) {
		ws.pause();
		enough();
	}
});

const ended = () => ws.readyState === WebSocket.CLOSED ? null : once(ws, 'close');

const commands = {
	read: (n) => new Promise((resolve) => {
		wanted = count + n;
		enough = resolve;
		ws.resume();
	}),
	drain: () => { ws.resume(); return ended(); },
	send: (n, size) => { for (let i = 0; i < n; i++) ws.send(Buffer.alloc(size)); },
	close: (code) => { code ? ws.close(code) : ws.close(); return new Promise((resolve) => setTimeout(resolve, 20)); },
	// A ping that must not be answered within so many milliseconds.
	ping: (ms) => new Promise((resolve, reject) => {
		ws.once('pong', () => reject(new Error('there was a pong')));
		ws.resume();
		ws.ping();
		setTimeout(resolve, ms);
	}),
	abort: () => { ws.terminate(); return ended(); },
};

async function obey() {
	console.log('ok');
	for await (const line of readline.createInterface({input: process.stdin})) {
		const [name, ...args] = line.split(' ');
		try {
			await commands[name](...args.map(Number));
			console.log('ok');
		} catch (e) {
			console.log(String(e));
		}
	}
	process.exit(); // without a close frame, as a program that is killed
}
