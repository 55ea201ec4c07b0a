"""A worker that prints, warns its parent, and ends when it is told to.

All that is peculiar to syncstream is in Parent; it needs nothing but Python.
"""

import json
import os
import select
import signal
import socket
import sys


class Parent:
    """What the parent's buffer is told beside the lines that are printed."""

    def __init__(self):
        fd = int(os.environ.pop("SYNCSTREAM_FD", -1))
        file_id = os.environ.pop("SYNCSTREAM_FD_ID", "")
        try:
            stat = os.fstat(fd)
        except OSError:
            stat = None
        if stat is None or f"{stat.st_dev}:{stat.st_ino}" != file_id:
            self.socket = None  # no parent, or the descriptor is another file
            return
        self.socket = socket.socket(fileno=fd)
        self.socket.set_inheritable(False)

    def say(self, kind, text):
        """Returns when the message is in the buffer, behind all lines so far."""
        sys.stdout.flush()
        sys.stderr.flush()
        if self.socket is None:
            print(f"{kind}: {text}", file=sys.stderr)
            return
        message = json.dumps({"kind": kind, "text": text}).encode()  # 16 KiB at most
        answer, theirs = os.pipe()
        try:
            socket.send_fds(self.socket, [message], [theirs])
            os.close(theirs)
            os.read(answer, 1)  # the parent closes its copy
        finally:
            os.close(answer)

    def stopped(self, seconds=0):
        """Waits so long, and tells whether the parent has said stop."""
        if self.socket is None:
            return False
        return bool(select.select([self.socket], [], [], seconds)[0])


def main():
    parent = Parent()
    if parent.socket is not None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end of file tells, too
    for step in range(1, 4):
        print("step", step)
        if step == 2:
            parent.say("warning", "the disk is nearly full\n  free: 3 %")
    while not parent.stopped(seconds=1):
        pass  # here it would do something
    print("stopped: saved step 3")


if __name__ == "__main__":
    main()
