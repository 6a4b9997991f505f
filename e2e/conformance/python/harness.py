"""What the Python suites have in common: a list of tests, each run by itself under a time limit, one line for each.

A line is "pass NAME", "fail NAME" or "skip NAME", then a tab and what happened, for people. The server is told by libpq's
environment variables, and further by CONFORMANCE_CA (the authority of its certificate) and CONFORMANCE_SOCKET (the folder
of its Unix socket).
"""

import asyncio
import inspect
import os
import signal
import sys
import traceback

TIME_MAX = 120  # seconds for one test

tests = []


class Skip(Exception):
    """The test cannot be made here; says why."""


class TimeUp(BaseException):
    """The test took longer than TIME_MAX."""


def test(f):
    """Registers a function, plain or async, under its name."""
    tests.append((f.__name__, f))
    return f


def each(**cases):
    """Registers a function once for each case, as name/case, with the case's value as its argument."""

    def register(f):
        for case, value in cases.items():
            tests.append((f"{f.__name__}/{case}", lambda f=f, value=value: f(value)))
        return f

    return register


def equal(got, want):
    if got != want:
        raise AssertionError(f"got {short(got)}, want {short(want)}")


def short(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "..."


def raises(kind, f, *args, **kwargs):
    """Calls f, which must raise kind, and returns what it raised."""
    try:
        f(*args, **kwargs)
    except kind as e:
        return e
    raise AssertionError(f"{getattr(f, '__name__', f)} did not raise {kind}")


async def raises_async(kind, awaitable):
    try:
        await awaitable
    except kind as e:
        return e
    raise AssertionError(f"nothing raised {kind}")


def environment(name):
    value = os.environ.get(name)
    if not value:
        raise Skip(f"{name} is not set")
    return value


def main():
    """Runs the tests whose names begin with one of the arguments, or all."""

    def up(*_):
        raise TimeUp(f"after {TIME_MAX} s")

    signal.signal(signal.SIGALRM, up)
    prefixes = tuple(sys.argv[1:])
    for name, f in tests:
        if prefixes and not name.startswith(prefixes):
            continue
        signal.alarm(TIME_MAX)
        status, detail = "pass", ""
        try:
            result = f()
            if inspect.iscoroutine(result):
                asyncio.run(result)
        except Skip as e:
            status, detail = "skip", str(e)
        except (Exception, TimeUp) as e:
            status = "fail"
            where = [t for t in traceback.extract_tb(e.__traceback__) if not t.filename.endswith("harness.py")]
            line = f"line {where[0].lineno}: " if where else ""
            detail = f"{line}{type(e).__name__}: {e}"
        finally:
            signal.alarm(0)
        print(f"{status} {name}\t{' '.join(detail.split())[:500]}", flush=True)
