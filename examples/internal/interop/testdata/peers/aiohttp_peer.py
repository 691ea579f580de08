"""A peer made of aiohttp."""

import asyncio

import aiohttp

import peer


async def main(url):
    session = aiohttp.ClientSession()
    # It closes after half a second without an answer, and asks for no compression.
    ws = await session.ws_connect(url, timeout=0.5, compress=0)

    async def read(n):
        for _ in range(n):
            await ws.receive_bytes()

    async def drain():
        async for _ in ws:
            pass

    async def send(n, size):
        for _ in range(n):
            await ws.send_bytes(bytes(size))

    async def close(code):
        await ws.close(code=code)

    async def abort():
        ws._writer.transport.abort()
        await asyncio.sleep(0.01)

    await peer.obey({"read": read, "drain": drain, "send": send, "close": close, "abort": abort})


peer.run(main)
