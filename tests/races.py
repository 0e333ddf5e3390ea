"""Four small races: an update is lost, an object is made twice, two workers take one job, answers
come in any order.
"""

from __future__ import annotations

from collections.abc import Mapping

RACES = {
    "counter": (
        """\
class Counter:
    def __init__(self):
        self.lock = Lock()
        self.value = 0

    def add(self):
        value = self.value
        self.value = after(value)

def after(value):
    return value + 1
""",
        """\
        value = self.value
        self.value = after(value)
""",
        """\
        with self.lock:
            value = self.value
            self.value = after(value)
""",
        """\
    counter = Counter()
    together(lambda: [counter.add() for _ in range(300)])
    assert counter.value == 1200
""",
    ),
    "once": (
        """\
class Shop:
    def __init__(self):
        self.lock = Lock()
        self.opened = []
        self.cash = None

    def open(self):
        if self.cash is None:
            self.cash = Cash()
            self.opened.append(self.cash)
        return self.cash

class Cash:
    def __init__(self):
        self.drawers = [Lock() for _ in range(300)]
""",
        """\
        if self.cash is None:
            self.cash = Cash()
            self.opened.append(self.cash)
        return self.cash
""",
        """\
        with self.lock:
            if self.cash is None:
                self.cash = Cash()
                self.opened.append(self.cash)
            return self.cash
""",
        """\
    shop = Shop()
    together(shop.open)
    assert len(shop.opened) == 1
""",
    ),
    "jobs": (
        """\
class Jobs:
    def __init__(self):
        self.lock = Lock()
        self.waiting = list(range(100))
        self.done = []

    def work(self):
        while self.waiting:
            job = self.waiting[0]
            self.do(job)
            self.waiting.remove(job)

    def do(self, job):
        self.done.append(job)
""",
        """\
        while self.waiting:
            job = self.waiting[0]
            self.do(job)
            self.waiting.remove(job)
""",
        """\
        with self.lock:
            while self.waiting:
                job = self.waiting[0]
                self.do(job)
                self.waiting.remove(job)
""",
        """\
    jobs = Jobs()
    together(jobs.work)
    assert jobs.done == list(range(100))
""",
    ),
    "answers": (
        """\
async def answers(questions):
    found = []

    async def ask(question):
        found.append(await asyncio.to_thread(question))

    await asyncio.gather(*map(ask, questions))
    return found
""",
        """\
    found = []

    async def ask(question):
        found.append(await asyncio.to_thread(question))

    await asyncio.gather(*map(ask, questions))
    return found
""",
        """\
    return await asyncio.gather(*(asyncio.to_thread(each) for each in questions))
""",
        """\
    found = asyncio.run(answers([lambda number=number: number for number in range(8)]))
    assert found == list(range(8))
""",
    ),
}
"""Code with a race, the part of it that the fix replaces, what it puts there, and a test."""

HEAD = "import asyncio\nfrom threading import Lock\n\n"

TEST = '''\
import asyncio
from threading import Barrier, Thread

import pytest
from {module} import *

def together(work):
    """Let four threads begin at once."""
    barrier, failures = Barrier(4), []

    def run():
        barrier.wait()
        try:
            work()
        except Exception as error:
            failures.append(error)

    threads = [Thread(target=run) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failures

@pytest.mark.postmortem("{module}")
def test_{module}():
{body}'''


def files(name: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the files before a fix and as it has changed them."""
    code, old, new, body = RACES[name]
    before = HEAD + code
    test = TEST.format(module=name, body=body)
    after = before.replace(old, new)
    assert before != after
    return {f"{name}.py": before}, {f"{name}.py": after, f"test_{name}.py": test}
