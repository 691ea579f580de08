"""The reader of the story that this project began with, but for its address, and
for what it stands still in: a line to come on its standard input instead of
time.sleep(1). After the last of so many messages it breaks.
"""

import asyncio
import sys
import time

import websockets


async def hello(uri, messages):
    async with websockets.connect(uri, ping_interval=None, close_timeout=0.7) as websocket:
        print("ok", flush=True)
        while True:
            recv_text = await websocket.recv()
            print("> {}".format(recv_text), file=sys.stderr)
            print(time.time(), file=sys.stderr)
            sys.stdin.readline()
            messages -= 1
            if messages == 0:
                break


asyncio.run(hello(sys.argv[1], int(sys.argv[2])))
