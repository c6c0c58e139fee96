"""The terminal's job control, for a program that make runs in the foreground."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_terminal() -> Iterator[None]:
    """Become the terminal's foreground process group while the body runs.

    make dies of the Ctrl-C that a terminal sends to its whole group, whatever its recipe does. In a
    group of its own the recipe alone is told, ends well, and so does make. Without a terminal, or
    in the background, nothing changes.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield
        return
    group = os.tcgetpgrp(terminal)
    if group != os.getpgrp() or group == os.getpid():
        os.close(terminal)
        yield
        return
    # A background group that sets the foreground group is stopped by SIGTTOU unless it ignores it.
    previous = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(terminal, group)
        signal.signal(signal.SIGTTOU, previous)
        os.close(terminal)
