"""A limit of time: work that goes over it ends, and nothing of that strikes what comes after."""

import threading
import time

import pytest

from strivelm.ui.core.deadline import OverTime, deadline


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_work_that_never_ends_is_ended():
    began = time.monotonic()
    with pytest.raises(OverTime), deadline(0.05):
        spin(3600)
    assert time.monotonic() - began < 5


def test_work_in_time_is_left_alone_and_its_errors_are_its_own():
    with deadline(60):
        spin(0.01)
    with pytest.raises(KeyError), deadline(60):
        raise KeyError
    assert sum(one.name == "deadlines" for one in threading.enumerate()) == 1


@pytest.mark.parametrize("work", [0.0, 0.0001, 0.0003, 0.001])
def test_nothing_strikes_after_the_block(work):
    """The limit is reached while the block is left, again and again; whoever comes after is never struck."""
    ended = 0
    for i in range(1500):
        try:
            with deadline(work + (i % 40 - 20) * 1e-5):
                spin(work)
        except OverTime:
            ended += 1
        spin(0.0002)  # an error that was still on its way would be raised here, outside of the try
    assert 0 <= ended <= 1500


def test_threads_are_limited_each_by_its_own_limit():
    outcome = {}

    def run(name, seconds, work):
        try:
            with deadline(seconds):
                spin(work)
            outcome[name] = "done"
        except OverTime:
            outcome[name] = "over time"

    threads = [threading.Thread(target=run, args=one) for one in (("short", 0.05, 30), ("long", 60, 0.5))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert outcome == {"short": "over time", "long": "done"}


def test_a_limit_inside_of_another_leaves_the_outer_one():
    with deadline(60):
        with pytest.raises(OverTime), deadline(0.02):
            spin(30)
        spin(0.02)
    with pytest.raises(OverTime), deadline(0.05), deadline(60):
        spin(30)
