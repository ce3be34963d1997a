"""The boundary of errors around every reader of untrusted files: `reading`."""

from __future__ import annotations

import reprlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.untrusted.limits import MESSAGE_CHARACTERS

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = MESSAGE_CHARACTERS // 2
_SHORT.maxlevel = 2


@contextmanager
def reading(
    path: Path | str,
    what: str = "file",
    *,
    error: type[RTMPose3DError] = InputError,
    advice: str = "check the file, or get it again",
) -> Iterator[None]:
    """Convert whatever is raised while an untrusted file is read to an error of this package.

    Errors of this package, Ctrl-C and the end of the process pass unchanged. The panics of
    libraries in Rust, which are no `Exception`, are converted, too.

    Args:
        path: the file, as the message names it.
        what: its type, e.g. "annotation file".
        error: the class to raise.
        advice: what to do, the end of the message.

    Raises:
        RTMPose3DError: of class `error`; the message names file, type, reason and advice.
    """
    try:
        yield
    except RTMPose3DError:
        raise
    except FileNotFoundError as cause:
        raise error(f"{what} {path} does not exist; check its name") from cause
    except OSError as cause:
        reason = brief(cause.strerror or str(cause))
        raise error(f"{what} {path} cannot be read: {reason}") from cause
    except MemoryError as cause:
        text = f"{what} {path} cannot be read: it needs more memory than there is"
        raise error(text) from cause.with_traceback(None)  # whose frames hold the memory
    except RecursionError as cause:
        text = f"{what} {path} cannot be read: it is nested too deeply; {advice}"
        raise error(text) from cause.with_traceback(None)
    except BaseException as cause:
        if not isinstance(cause, Exception) and not _is_rust_panic(cause):
            raise
        reason = brief(str(cause)) if str(cause) else type(cause).__name__
        raise error(f"{what} {path} cannot be read: {reason}; {advice}") from cause


def _is_rust_panic(cause: BaseException) -> bool:
    return type(cause).__name__ == "PanicException"  # pyo3 derives it from BaseException


def check_size(
    path: Path,
    max_bytes: int,
    what: str = "file",
    *,
    error: type[RTMPose3DError] = InputError,
) -> int:
    """The size of a file in bytes, which must be a regular file of a bounded size.

    A named pipe would be waited for without end, and a device never ends.

    Raises:
        RTMPose3DError: of class `error`; it is missing, a folder, a pipe, a device, or too large.
    """
    with reading(path, what, error=error):
        status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise error(f"{what} {path} cannot be read: it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise error(f"{what} {path} cannot be read: it is a pipe, a socket or a device, not a file")
    if status.st_size > max_bytes:
        raise error(
            f"{what} {path} cannot be read: it has {status.st_size:,} bytes, and no such file has "
            f"more than {max_bytes:,}"
        )
    return status.st_size


def brief(value: object) -> str:
    """A value of a file for a message: text as it is, others as `repr`, both cut.

    Cut before it is formatted: a value from a file may be long or nested without end.
    """
    if isinstance(value, str):
        long = len(value) > MESSAGE_CHARACTERS
        return value[:MESSAGE_CHARACTERS] + "..." if long else value
    if isinstance(value, int) and value.bit_length() > 4 * MESSAGE_CHARACTERS:
        return f"an integer of {value.bit_length()} bits"
    return _SHORT.repr(value)[: 2 * MESSAGE_CHARACTERS]
