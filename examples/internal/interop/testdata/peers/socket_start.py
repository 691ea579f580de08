"""The sender of the story that this project began with, but for its address, which it
prints, and loguru. It ends with its standard input."""

import asyncio
import json
import sys

import websockets


async def sen_data(websocket):
    while 1:
        data1 = {"value": 1}
        data1 = json.dumps(data1).encode("utf-8")
        try:
            await websocket.send(data1)
        except Exception:
            break


async def main():
    async with websockets.serve(sen_data, "127.0.0.1", 0, ping_interval=None, close_timeout=0.2) as server:
        host, port = server.sockets[0].getsockname()
        print(f"ok ws://{host}:{port}", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
