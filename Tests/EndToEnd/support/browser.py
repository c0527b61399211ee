"""A real Chromium without a window, told what to do over a pipe by the DevTools protocol."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import threading

from .processes import Timeout

COMMAND = shutil.which("chromium")
PATIENCE = 30  # seconds for one command; a first page on a loaded machine takes a few


def key_pin(issued):
    """What Chromium calls the SPKI of a certificate: base64 of the SHA-256 of its public key."""
    public = subprocess.run(["openssl", "x509", "-pubkey", "-noout", "-in", issued.chain], check=True,
                            capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True,
                         capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


class Browser:
    """One browser with a profile of its own, until `end`. Certificates with the key of `issued` are good.

    `hosts` is a file that stands for /etc/hosts, for which one has to be root; without it every name of
    example.test is 127.0.0.1, or, with `dns`, what resolv.conf leads to. `listener` is called with what Chromium
    tells without having been asked (events of the protocol), in a thread of its own.
    """

    def __init__(self, directory, issued, hosts=None, dns=False, listener=None):
        directory.mkdir(parents=True, exist_ok=True)
        options = [
            "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={directory / 'profile'}",
            f"--ignore-certificate-errors-spki-list={key_pin(issued)}", "--no-first-run", "--disable-gpu",
            "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--no-proxy-server", "--password-store=basic",
            *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        words = [COMMAND, *options, "about:blank"]
        if hosts:
            # Its own resolver knows one address of a name in that file.
            script = 'mount --bind "$0" /etc/hosts && exec "$@"'
            words = ["unshare", "--mount", "sh", "-c", script, str(hosts), *words, "--disable-features=AsyncDns"]
        elif not dns:
            words += ["--host-resolver-rules=MAP *.example.test 127.0.0.1"]
        self.log = open(directory / "log", "wb")
        self._start(words, {**os.environ, "HOME": str(directory)})
        self.changed, self.replies, self.number, self.over = threading.Condition(), {}, 0, False
        self.listener = listener
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _start(self, words, environment):
        """Chromium reads commands from descriptor 3 and writes to 4."""
        commands, self.commands = os.pipe()
        self.messages, messages = os.pipe()
        shell = f'exec 3<&{commands} 4>&{messages} {commands}<&- {messages}>&-; exec "$@"'
        if max(commands, messages) > 9:  # what a shell can name
            shell = f'exec 3</dev/fd/{commands} 4>/dev/fd/{messages}; exec "$@"'
        self.process = subprocess.Popen(
            ["sh", "-c", shell, "sh", *words], pass_fds=(commands, messages), stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, env=environment, start_new_session=True)
        os.close(commands)
        os.close(messages)

    def _read(self):
        buffer = b""
        while part := os.read(self.messages, 1 << 16):
            *whole, buffer = (buffer + part).split(b"\0")
            for message in map(json.loads, whole):
                if "id" in message:
                    with self.changed:
                        self.replies[message["id"]] = message
                        self.changed.notify_all()
                elif self.listener:
                    self.listener(message)
        with self.changed:
            self.over = True
            self.changed.notify_all()

    def call(self, method, session=None, seconds=PATIENCE, **parameters):
        """One command of the protocol and its result."""
        with self.changed:
            self.number += 1
            number = self.number
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        with self.changed:
            self.changed.wait_for(lambda: number in self.replies or self.over, seconds)
            reply = self.replies.pop(number, None)
        if reply is None:
            raise Timeout(f"no reply to {method}; Chromium says:\n{self.text}")
        assert "error" not in reply, (method, reply)
        return reply["result"]

    @property
    def text(self):
        with open(self.log.name, errors="replace") as file:
            return file.read()[-4000:]

    def page(self, address):
        """A new tab without cookies and cache, at an address that has been loaded."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        page.go_to(address)
        return page

    def end(self):
        os.close(self.commands)  # at which Chromium ends
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.reader.join(PATIENCE)
        os.close(self.messages)
        self.log.close()


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session

    def go_to(self, address):
        result = self.browser.call("Page.navigate", self.session, url=address)
        assert "errorText" not in result, result

    def run(self, expression, seconds=PATIENCE):
        """The value of an expression, or of its promise, as far as JSON has it."""
        result = self.browser.call(
            "Runtime.evaluate", self.session, seconds, expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")
