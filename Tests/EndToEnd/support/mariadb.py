"""A real MariaDB on a port of its own, for what passes its connections on."""

import os
import shutil
import signal
import subprocess

import pymysql

from .edge import reserve_port
from .processes import Child

SERVER = "/usr/sbin/mariadbd"
NAME, PASSWORD = "app", "secret"
# mariadbd refuses to run as root unless that is said.
AS_ROOT = ["--user=root"] if os.geteuid() == 0 else []


def prepare(directory):
    """A data directory that instances are copied from; making one anew takes longer."""
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={directory}", "--auth-root-authentication-method=normal",
         "--skip-test-db", *AS_ROOT], check=True, capture_output=True)
    return directory


class MariaDB:
    """One server; its number is what `SELECT @@server_id` gives."""

    def __init__(self, directory, template, number, *options):
        self.directory, self.number, self.options = directory, number, options
        directory.mkdir()
        shutil.copytree(template, directory / "data")
        self.holder = reserve_port()
        self.port = self.holder.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        # It binds without SO_REUSEPORT.
        self.holder.close()
        (directory / "start.sql").write_text(
            f"CREATE USER IF NOT EXISTS '{NAME}'@'%' IDENTIFIED BY '{PASSWORD}';\n")
        self.start()

    def start(self):
        self.child = Child([
            SERVER, "--no-defaults", f"--datadir={self.directory}/data", f"--port={self.port}",
            f"--socket={self.directory}/sock", f"--pid-file={self.directory}/pid", "--bind-address=127.0.0.1",
            f"--server-id={self.number}", f"--init-file={self.directory}/start.sql", "--skip-name-resolve",
            "--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0", *AS_ROOT, *self.options])
        self.child.wait_for_line("ready for connections")

    def kill(self):
        self.child.kill()

    def freeze(self):
        self.child.signal(signal.SIGSTOP)

    def thaw(self):
        self.child.signal(signal.SIGCONT)

    def end(self):
        self.child.kill()


def connect(port, **options):
    return pymysql.connect(
        host="127.0.0.1", port=port, user=NAME, password=PASSWORD,
        **{"connect_timeout": 5, "read_timeout": 10, **options})


def ask(connection, query="SELECT @@server_id"):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]
