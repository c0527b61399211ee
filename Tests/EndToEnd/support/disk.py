"""A disk that is small enough to be filled."""

import errno
import subprocess


class SmallDisk:
    """A file system in memory, mounted until `end`."""

    def __init__(self, place, size="256k"):
        self.place = place
        place.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place], check=True)

    def fill(self):
        with open(self.place / "filler", "ab", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC, error

    def free(self):
        (self.place / "filler").unlink()

    def end(self):
        subprocess.run(["umount", "-l", self.place], check=True)
