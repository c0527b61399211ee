"""A WSGI application that echoes WebSocket messages, with the WebSocket of uWSGI itself."""

import uwsgi


def application(environ, start_response):
    if "HTTP_SEC_WEBSOCKET_KEY" not in environ:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"no websocket\n"]
    uwsgi.websocket_handshake()
    while True:
        message = uwsgi.websocket_recv()
        if message == b"environ":
            message = " ".join(f"{key}={environ.get(key)}" for key in ("HTTP_UPGRADE", "HTTP_CONNECTION")).encode()
        uwsgi.websocket_send_binary(message)
    return []
