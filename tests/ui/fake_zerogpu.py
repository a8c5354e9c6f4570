"""A stand-in for the `spaces` package on ZeroGPU, true to version 0.51's zero/wrappers.py in what a page can notice.

A decorated function runs in a fork of this process that is kept for the next call, so that it knows what was in memory
at its first one. Arguments, and what comes back, are pickled. Of an error only the name of its class comes back, unless
it is a gr.Error. A generator that is closed here ends there at its next yield.
"""

import inspect
import multiprocessing
import pickle
from functools import partial, wraps

import gradio as gr

FORK = multiprocessing.get_context("fork")
PLAIN = (type(None), bool, int, float, str, bytes)


class Zero:
    """What `import spaces` gives there. Use it in a `with`, which ends its processes."""

    def __init__(self):
        self.asked: list[tuple[str, float]] = []
        """Each call's function and the seconds that were asked for."""
        self.started = 0
        """How many processes there were."""
        self._idle: dict[object, list] = {}
        self._processes = []

    def __enter__(self) -> "Zero":
        return self

    def __exit__(self, *exception) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def GPU(self, task=None, *, duration=None):  # noqa: N802  (their name)
        """The decorator."""
        if task is None:
            return partial(self.GPU, duration=duration)
        if inspect.iscoroutinefunction(task):
            raise TypeError("ZeroGPU takes functions and generators, no coroutines")
        streams = inspect.isgeneratorfunction(task)

        def messages(args, kwargs):
            seconds = duration(*args, **kwargs) if callable(duration) else duration
            self.asked.append((task.__name__, seconds))
            here = self._worker(task, streams)
            assert_plain((args, kwargs))
            here.send((args, kwargs))
            try:
                while (message := here.recv())[0] == "value":
                    assert_plain(message[1])
                    yield message[1]
                    if streams:
                        here.send(True)  # not stopped
            except GeneratorExit:
                here.send(False)
                assert here.recv()[0] == "end"
                self._idle[task].append(here)
                raise
            self._idle[task].append(here)
            if message[0] == "error":
                raise message[1] if isinstance(message[1], gr.Error) else gr.Error(message[1], print_exception=False)

        if streams:

            @wraps(task)
            def handler(*args, **kwargs):
                yield from messages(args, kwargs)
        else:

            @wraps(task)
            def handler(*args, **kwargs):
                (value,) = messages(args, kwargs)
                return value

        return handler

    def _worker(self, task, streams):
        """This end of the line to a process that is free to run a function."""
        idle = self._idle.setdefault(task, [])
        if idle:
            return idle.pop()
        here, there = FORK.Pipe()
        process = FORK.Process(target=_serve, args=(task, streams, there), daemon=True)
        process.start()
        self._processes.append(process)
        self.started += 1
        return here


def _serve(task, streams: bool, line) -> None:
    """What the fork does until it is killed."""
    while True:
        args, kwargs = line.recv()
        try:
            for value in task(*args, **kwargs) if streams else [task(*args, **kwargs)]:
                line.send(("value", value))
                if streams and not line.recv():
                    break
            line.send(("end", None))
        except gr.Error as error:
            line.send(("error", error))
        except Exception as error:
            line.send(("error", type(error).__name__))


def assert_plain(value) -> None:
    """Raises where a value is not plain Python through and through: it could not cross, or drags much along."""
    if type(value) in (list, tuple):
        for item in value:
            assert_plain(item)
    elif type(value) is dict:
        for key, item in value.items():
            assert_plain(key), assert_plain(item)
    else:
        assert type(value) in PLAIN, f"{type(value).__name__} would cross to ZeroGPU's process"
    pickle.dumps(value)
