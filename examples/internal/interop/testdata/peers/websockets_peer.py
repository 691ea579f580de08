"""A peer made of websockets. Where it is told the size of its receive buffer, that is
full sooner than the system's."""

import socket
import sys
import urllib.parse

import websockets

import peer


async def main(url):
    sock = socket.socket()
    if len(sys.argv) > 2:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(sys.argv[2]))
    address = urllib.parse.urlsplit(url)
    sock.connect((address.hostname, address.port))
    ws = await websockets.connect(url, sock=sock, ping_interval=None, close_timeout=0.7)

    async def read(n):
        for _ in range(n):
            await ws.recv()

    async def drain():
        async for _ in ws:
            pass

    async def send(n, size):
        for _ in range(n):
            await ws.send(bytes(size))

    async def close(code):
        await ws.close(code)

    async def abort():
        ws.transport.abort()
        await ws.wait_closed()

    await peer.obey({"read": read, "drain": drain, "send": send, "close": close, "abort": abort})


peer.run(main)
