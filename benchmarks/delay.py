"""A proxy that adds a fixed time to each request: `python -m benchmarks.delay TARGET_PORT MILLISECONDS`.

Prints the port it listens on. Plain TCP; what a client sends in one go is taken for one request.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            if seconds:
                await asyncio.sleep(seconds)
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(target_port: int, seconds: float) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", target_port)
        await asyncio.gather(forward(reader, upstream_writer, seconds), forward(upstream_reader, writer, 0))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
