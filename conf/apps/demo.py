"""What the demo applications answer: small endpoints that show what a proxy must get right."""

import hashlib
import json
import os
import time

from flask import Flask, Response, abort, jsonify, make_response, request

JOURNAL_LINE_BYTES_MAX = 4096  # a short append is one write and is never interleaved


def create(name):
    """An application that calls itself `name`.

    EDGE_NODE says which server of the fleet this is; JOURNAL names the file of `/journal`.
    """
    app = Flask(name)
    node = os.environ.get("EDGE_NODE", os.uname().nodename)
    journal_path = os.environ.get("JOURNAL", "")

    @app.after_request
    def name_the_instance(response):
        response.headers["X-App"] = name
        response.headers["X-Instance"] = str(os.getpid())
        response.headers["X-Node"] = node
        return response

    @app.get("/")
    def index():
        return jsonify(app=name, instance=os.getpid(), node=node)

    @app.get("/up")
    def up():
        return "ok\n"

    @app.route("/echo", defaults={"rest": ""}, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    @app.route("/echo/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def echo(rest):
        """The request as the application saw it, so that a test can compare it with what it sent."""
        environ = {k: v for k, v in request.environ.items() if isinstance(v, str)}
        return jsonify(
            method=request.method,
            path=request.environ.get("PATH_INFO", ""),
            query=request.environ.get("QUERY_STRING", ""),
            scheme=request.environ.get("wsgi.url_scheme", ""),
            headers=[[k, v] for k, v in request.headers.items()],
            environ=environ,
            body=request.get_data().decode("latin-1"),
        )

    @app.route("/upload", methods=["POST", "PUT"])
    def upload():
        digest, length = hashlib.sha256(), 0
        while block := request.stream.read(65536):
            digest.update(block)
            length += len(block)
        return jsonify(length=length, sha256=digest.hexdigest())

    @app.get("/big")
    def big():
        """`bytes` of a repeating pattern, with Content-Length unless `unsized` is given."""
        left = int(request.args.get("bytes", "1048576"))
        pattern = bytes(range(256)) * 256

        def blocks(left):
            while left > 0:
                yield pattern[:left]
                left -= len(pattern)

        response = Response(blocks(left), mimetype="application/octet-stream")
        if "unsized" not in request.args:
            response.headers["Content-Length"] = str(left)
        return response

    @app.get("/stream")
    def stream():
        """Server-sent events, one each `every` seconds, to be seen as they are made."""
        count = int(request.args.get("count", "5"))
        every = float(request.args.get("every", "0.2"))

        def events():
            for number in range(count):
                if number > 0:
                    time.sleep(every)
                yield f"data: {json.dumps({'number': number, 'at': time.time()})}\n\n"

        return Response(events(), mimetype="text/event-stream")

    @app.route("/slow", methods=["GET", "POST"])
    def slow():
        seconds = float(request.args.get("seconds", "1"))
        time.sleep(seconds)
        return jsonify(app=name, slept=seconds)

    @app.post("/journal")
    def journal():
        """Appends the request's id to a file: an id found twice was executed twice."""
        if not journal_path:
            abort(501)
        line = (request.args.get("id") or request.get_data(as_text=True)).strip()
        line = " ".join(line.split())[: JOURNAL_LINE_BYTES_MAX - 1]
        descriptor = os.open(journal_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, (line + "\n").encode())
        finally:
            os.close(descriptor)
        time.sleep(float(request.args.get("seconds", "0")))
        return jsonify(app=name, id=line), 201

    @app.route("/status/<int:code>", methods=["GET", "POST", "PUT", "DELETE"])
    def status(code):
        return make_response(f"status {code}\n", code)

    @app.get("/cookies")
    def cookies():
        """Sets two cookies and returns those that came."""
        response = jsonify(dict(request.cookies))
        response.set_cookie("first", "1")
        response.set_cookie("second", "2", path="/cookies")
        return response

    @app.get("/redirect")
    def redirect():
        return "", 302, {"Location": request.args.get("to", "/")}

    @app.route("/crash", methods=["GET", "POST"])
    def crash():
        """Ends this instance's worker before a byte of the answer."""
        os.kill(os.getpid(), 9)

    @app.get("/raise")
    def fail():
        raise RuntimeError("an exception on purpose")

    return app
