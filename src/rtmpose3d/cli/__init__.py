"""The command `rtmpose3d` and its subcommands.

Exit codes: 0 all went well; 1 some image or step failed; 2 the command itself cannot be carried
out as given; 130 interrupted (what was finished stays). Packages that are slow to
import (OpenCV, the runtimes, rich) are imported when a command runs, so `--help` is quick.
"""

try:
    from rtmpose3d.cli.app import build_app, main
except KeyboardInterrupt:  # Ctrl-C before the command has begun: there is nothing to show
    raise SystemExit(130) from None

__all__ = ["build_app", "main"]
