"""Servers that echo WebSocket messages: one of the Python library websockets, one of uWSGI's own."""

import asyncio
import pathlib
import threading

import websockets

# For uwsgi: an application with the WebSocket of uWSGI itself.
ECHO = pathlib.Path(__file__).parent.parent / "applications" / "echo_socket.py"


class EchoServer:
    """A server of the Python library websockets, on a loop and a thread of its own."""

    def __init__(self, path=None):
        """On a unix socket where `path` is given."""
        self.path = path
        self.loop, self.ready = asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        options = {"max_size": None, "ping_interval": None}
        if self.path:
            self.server = self.loop.run_until_complete(
                websockets.unix_serve(self._echo, str(self.path), **options))
            self.address = f"unix:{self.path}"
        else:
            self.server = self.loop.run_until_complete(
                websockets.serve(self._echo, "127.0.0.1", 0, **options))
            self.address = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()

    @staticmethod
    async def _echo(connection, *_):
        async for message in connection:
            await connection.send(message)

    def end(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
