"""An authenticator as people write them: a session is a cookie, and who has none is sent to the login page.

It writes its port to the file that is its argument, and then a line for each question.
"""

import sys

import flask
from werkzeug.serving import make_server

application = flask.Flask(__name__)


def note(text):
    with open(sys.argv[1], "a", encoding="utf-8") as file:
        file.write(text + "\n")


@application.route("/verify")
def verify():
    asked = flask.request.headers
    note(" ".join(map(str, (asked["X-Forwarded-Method"], asked["X-Forwarded-Uri"], asked.get("Remote-User"),
                            len(flask.request.get_data())))))
    user = flask.request.cookies.get("session")
    if user:
        return "", 200, {"Remote-User": user, "Remote-Groups": "staff"}
    wanted = f"{asked['X-Forwarded-Proto']}://{asked['X-Forwarded-Host']}{asked['X-Forwarded-Uri']}"
    answer = flask.make_response("Please log in.", 302)
    answer.headers["Location"] = f"https://login.example.test/?rd={wanted}&method={asked['X-Forwarded-Method']}"
    answer.set_cookie("state", "1")
    answer.set_cookie("seen", "yes")
    return answer


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, application, threaded=True)
    note(str(server.server_port))
    server.serve_forever()
