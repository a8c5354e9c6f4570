"""Jobs beside a training: in order, again after a lost network, given up after anything else, and no thread left."""

import threading
import time

import pytest

from strivelm.hub import background
from strivelm.hub.background import Background
from strivelm.hub.client import HubError, UnreachableError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Little is waited for."""
    monkeypatch.setattr(background, "PAUSE", 0.02)
    monkeypatch.setattr(background, "LONGEST_PAUSE", 0.02)


@pytest.fixture
def jobs():
    """A thread for jobs, what it reported, and what was done; it may not be there any more afterwards."""
    reported, done = [], []
    working = Background(reported.append)
    yield working, reported, done
    working.abandon()
    working._thread.join(5)
    assert not working._thread.is_alive()


def test_jobs_are_done_in_the_order_in_which_they_came(jobs):
    working, reported, done = jobs
    for name in "abc":
        working.put(name, lambda n=name: done.append(n))
    assert working.close() == []
    assert (done, reported) == (["a", "b", "c"], [])


def test_a_newer_job_takes_the_place_of_an_older_one_of_its_name(jobs):
    working, _, done = jobs
    gate = threading.Event()
    working.put("first", gate.wait)
    for number in range(3):
        working.put("state", lambda n=number: done.append(n))
    gate.set()
    assert working.close() == []
    assert done == [2]


def test_a_lost_network_is_reported_once_and_made_up_for(jobs):
    working, reported, done = jobs
    tries = []

    def job():
        tries.append(1)
        if len(tries) < 4:
            raise UnreachableError("no route")
        done.append("a")

    working.put("a", job)
    working.put("b", lambda: done.append("b"))
    while len(done) < 2:
        time.sleep(0.01)
    assert working.close() == []
    assert done == ["a", "b"]
    assert [str(error) for error in reported] == ["no route"]


def test_what_can_not_be_done_at_the_end_is_named_after_one_more_try(jobs, monkeypatch):
    monkeypatch.setattr(background, "PAUSE", 60.0)
    working, _, done = jobs
    tries, gate = [], threading.Event()

    def job():
        tries.append(1)
        gate.set()
        raise UnreachableError("no route")

    working.put("a", job)
    working.put("b", lambda: done.append("b"))
    gate.wait(5)
    begun = time.monotonic()
    assert working.close() == ["a", "b"]
    assert time.monotonic() - begun < 5, "nothing waits for the pause"
    assert len(tries) == 2
    assert done == []


@pytest.mark.parametrize("error", [HubError("the token may only read"), OSError("disk"), KeyError("a bug")])
def test_another_error_ends_all_work(jobs, error):
    working, reported, done = jobs

    def job():
        raise error

    working.put("a", job)
    working.put("b", lambda: done.append("b"))
    assert working.close() == ["a", "b"]
    assert working.refused
    assert reported == [error]
    assert done == []


def test_an_end_without_finishing_waits_for_the_job_at_work_alone(jobs):
    working, _, done = jobs
    gate, begun = threading.Event(), threading.Event()

    def job():
        begun.set()
        gate.wait(5)
        done.append("a")

    working.put("a", job)
    working.put("b", lambda: done.append("b"))
    begun.wait(5)
    threading.Timer(0.1, gate.set).start()
    assert working.close(finish=False) == ["a", "b"]
    assert done == ["a"]
    assert not working._thread.is_alive()


def test_what_is_abandoned_reports_nothing_any_more(jobs):
    working, reported, done = jobs
    gate, begun = threading.Event(), threading.Event()

    def job():
        begun.set()
        gate.wait(5)
        raise OSError("the files are gone")

    working.put("a", job)
    working.put("b", lambda: done.append("b"))
    begun.wait(5)
    assert working.abandon() == ["a", "b"]
    gate.set()
    working._thread.join(5)
    assert (reported, done) == ([], [])


def test_the_client_draws_no_progress_bars_meanwhile(monkeypatch):
    calls = []
    monkeypatch.setattr(background, "are_progress_bars_disabled", lambda: False)
    monkeypatch.setattr(background, "disable_progress_bars", lambda: calls.append("off"))
    monkeypatch.setattr(background, "enable_progress_bars", lambda: calls.append("on"))
    working = Background(lambda error: None)
    working.put("a", lambda: calls.append("job"))
    assert working.close() == []
    assert calls == ["off", "job", "on"]
