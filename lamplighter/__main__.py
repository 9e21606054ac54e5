"""The entry of `lamp`, and of `python -m lamplighter`: Ctrl-C is one line also while the program is being loaded."""

import sys


def main() -> int:
    """Runs the command line of this process and returns its exit code."""
    try:
        from lamplighter.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("lamp: interrupted\n")
        return 130
    finally:
        # What is left is the interpreter's own end, which has no place for an exception.
        import signal

        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
