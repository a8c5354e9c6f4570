"""The memory that looks share: taken in order, bounded in all, and waited for no longer than is allowed."""

import threading
import time

import pytest

from strivelm.ui.core.deadline import Left, Visit
from strivelm.ui.core.memory import MemoryShare


def test_all_together_never_take_more():
    share, most, lock, held = MemoryShare(100), [], threading.Lock(), [0]

    def work(size):
        with share.take(size, 60, Visit()):
            with lock:
                held[0] += min(size, 100)
                most.append(held[0])
            time.sleep(0.001)
            with lock:
                held[0] -= min(size, 100)

    threads = [threading.Thread(target=work, args=(size,)) for size in (10, 60, 100, 45, 5, 200, 55) * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(most) == len(threads)
    assert 60 < max(most) <= 100
    assert share.taken == 0


def test_a_large_one_is_not_overtaken_for_ever():
    share, order = MemoryShare(100), []

    def work(size):
        with share.take(size, 60, Visit()):
            order.append(size)

    with share.take(50, 1, Visit()):
        threads = []
        for size in (90, 10, 20):
            threads.append(threading.Thread(target=work, args=(size,)))
            threads[-1].start()
            time.sleep(0.05)
        assert order == []
    for thread in threads:
        thread.join(10)
    assert order[0] == 90


def test_who_waits_too_long_or_leaves_gets_out_of_the_way():
    share, gone = MemoryShare(100), Visit()
    with share.take(80, 1, Visit()):
        with pytest.raises(ValueError, match="The page is busy"), share.take(40, 0.2, Visit()):
            pass
        threading.Timer(0.1, gone.leave).start()
        began = time.monotonic()
        with pytest.raises(Left), share.take(40, 60, gone):
            pass
        assert time.monotonic() - began < 5
        with share.take(20, 1, Visit()):
            assert share.taken == 100
    assert share.taken == 0


def test_nothing_needs_no_place():
    share = MemoryShare(100)
    with share.take(100, 1, Visit()), share.take(0, 0, Visit()):
        assert share.taken == 100
