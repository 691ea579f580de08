"""What the Python peers share: their commands.

A peer connects to the URL that it is started with and then does what its standard
input says, a command a line. It answers each with "ok", or with what went wrong.
Between two commands its event loop stands still, as it does in time.sleep.
"""

import asyncio
import os
import sys


async def obey(commands):
    print("ok", flush=True)
    for line in sys.stdin:
        name, *args = line.split()
        try:
            await commands[name](*map(int, args))
            print("ok", flush=True)
        except Exception as e:
            print(f"{type(e).__name__}: {e}", flush=True)
    os._exit(0)  # without a close frame, as a program that is killed


def run(main):
    asyncio.run(main(sys.argv[1]))
