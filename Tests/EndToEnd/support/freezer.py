"""One thread of a process held still, as a bug or a bad disk would, while its others go on."""

import ctypes
import os
import pathlib

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WAIT_ALL = 0x40000000  # __WALL: threads too


class FrozenThread:
    """The thread of `pid` with this name, still until `end`; the caller's thread must call that too."""

    def __init__(self, pid, name):
        tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
        self.thread = next(int(task.name) for task in tasks if (task / "comm").read_text().strip() == name)
        self.library = ctypes.CDLL(None, use_errno=True)
        self.library.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.library.ptrace.restype = ctypes.c_long
        self.trace(SEIZE)
        self.trace(INTERRUPT)
        os.waitpid(self.thread, WAIT_ALL)

    def trace(self, request):
        if self.library.ptrace(request, self.thread, None, None) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def end(self):
        if self.thread:
            self.trace(DETACH)
            self.thread = None
