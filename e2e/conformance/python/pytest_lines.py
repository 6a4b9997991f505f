"""A plugin of pytest that prints a line for each test: "pass NAME", "fail NAME" or "skip NAME"."""

import re


def pytest_runtest_logreport(report):
    name = re.sub(r" at 0x[0-9a-f]+", "", report.nodeid).replace("\n", " ").replace("\t", " ")
    if hasattr(report, "wasxfail"):
        status = "skip" if report.skipped else "pass"
    elif report.failed:
        status = "fail"
    elif report.skipped:
        status = "skip"
    elif report.when == "call":
        status = "pass"
    else:
        return
    detail = ""
    if status == "fail":
        lines = [l for l in str(report.longrepr).splitlines() if l.startswith("E ")]
        detail = " ".join(" ".join(lines).split())[:500]
    print(f"\n{status} {name}\t{detail}", flush=True)
