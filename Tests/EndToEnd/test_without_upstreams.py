"""A server whose routes all answer by themselves has no instances, and can serve."""

from support.processes import eventually
from test_the_port import is_open


def test_a_server_of_files_and_redirects_needs_no_upstream(edge, directory):
    (directory / "site").mkdir()
    (directory / "site" / "index.html").write_text("hello")
    running = edge({}, listen={"close_when_unable": "always", "close_after": "50ms"}, routes=[
        {"host": "app1.example.test", "files": str(directory / "site")},
        {"host": "app2.example.test", "redirect": {"to": "https://app1.example.test{path}"}}])
    eventually(lambda: is_open(running.port), "the port opens")
    assert running.request(path="/").body == b"hello"
    assert running.request(name="app2.example.test").get("Location") == "https://app1.example.test/"
    with running.plain_client() as monitor:
        assert monitor.request(path="/healthz").status == 200
