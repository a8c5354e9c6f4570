"""The page's queue: room for each kind of call, few slow ones at a time, and no answers kept that nobody fetches.

Gradio's queue (gradio 6.31, queueing.py) counts all waiting calls together, so that looks would keep out writing and
opening; it starts the calls of one `concurrency_id` in their order, so that slow ones would keep out quick ones; it
tells a running function of its visitor's leaving only at its next piece; and it keeps answers that were never fetched.
"""

import asyncio
import math
import time
from collections import deque
from contextlib import suppress
from weakref import WeakKeyDictionary

from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage

from strivelm.ui import limits
from strivelm.ui.core.deadline import Visit
from strivelm.ui.core.questions import size_of

ROOM = {"writing": limits.WAITING_WRITERS}
"""How many calls of a lane may wait, where that is not `limits.QUEUE`."""
ASK_AGAIN = 0.5
"""Seconds after which a waiting call is judged anew."""
UNREAD_SECONDS = 300.0
"""For how long an answer waits for its visitor to fetch it."""


class Lanes(Queue):
    """Gradio's queue, in which each lane (`concurrency_id`) has room of its own.

    A function whose `slow(data)` is true for a call is started only while fewer than `limits.SLOW` of its lane are.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.ANALYTICS_MAX_EVENTS = 100
        self._visits: dict[str, Visit] = {}
        self._unread: dict[str, deque[tuple[float, int]]] = {}
        # Whether a call is slow, and until when that holds
        self._judged: WeakKeyDictionary[Event, tuple[bool, float]] = WeakKeyDictionary()

    def visit(self, event_id: str | None) -> Visit:
        """The visit of a running call, by which work for it ends when its visitor leaves."""
        found = Visit()
        if event_id is not None:
            self._visits[event_id] = found
        return found

    def compute_analytics_summary(self, records):
        """The summary as it was: Gradio makes tables of all calls after each one, for a page that is closed here."""
        return self.cached_event_analytics_summary

    async def push(self, body, request, username):
        """Adds a call, if its lane has room."""
        function = self.blocks.fns.get(body.fn_index) if body.fn_index is not None else None
        lane = self.event_queue_per_concurrency_id.get(function.concurrency_id) if function else None
        if lane is not None and len(lane.queue) >= ROOM.get(lane.concurrency_id, limits.QUEUE):
            return False, "The page is busy: too many calls wait already. Try again in a moment.", "queue_full"
        return await super().push(body, request, username)

    def get_events(self):
        """The next call that may start: of each lane the first one, but slow ones stand back."""
        lanes = list(self.event_queue_per_concurrency_id.values())
        lanes.sort(key=lambda lane: lane.queue[0].enqueue_time if lane.queue else 0.0)
        for lane in lanes:
            if not lane.queue or (lane.concurrency_limit or len(self.active_jobs)) <= lane.current_concurrency:
                continue
            running = [
                event
                for job in self.active_jobs
                if job
                for event in job
                if event.fn.concurrency_id == lane.concurrency_id
            ]
            room = sum(map(self._is_slow, running)) < limits.SLOW
            found = next((event for event in lane.queue if room or not self._is_slow(event)), None)
            if found:
                self._judged[found] = self._is_slow(found), math.inf  # once it runs, whatever becomes of its model
                lane.queue.remove(found)
                return [found], False, lane.concurrency_id
        return None

    def _is_slow(self, event: Event) -> bool:
        """Whether a call may take long, which its function says of what it is called with.

        It is asked again while the call waits: its model may have been opened for another one.
        """
        now = time.monotonic()
        slow, until = self._judged.get(event, (False, 0.0))
        if now >= until:
            says, slow = getattr(event.fn.fn, "slow", None), False
            with suppress(Exception):  # an error here would end the queue for everybody
                slow = bool(says and event.data and says(event.data.data))
            self._judged[event] = slow, now + ASK_AGAIN if slow else math.inf
        return slow

    async def clean_events(self, *, session_hash: str | None = None, event_id: str | None = None) -> None:
        """Drops a visitor's calls; what is computed for them ends at its next line."""
        for event in (event for job in self.active_jobs if job for event in job):
            if event.session_hash == session_hash or event._id == event_id:
                self._leave(event._id)
        await super().clean_events(session_hash=session_hash, event_id=event_id)

    async def process_events(self, events, batch, begin_time, fn) -> None:
        """Answers a call. If it is cancelled, its work ends at the next line; Gradio alone waits for the next piece."""
        work = asyncio.ensure_future(super().process_events(events, batch, begin_time, fn))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            for event in events:
                self._leave(event._id)
            work.cancel()
            await asyncio.wait([work])
            raise
        finally:
            for event in events:
                self._visits.pop(event._id, None)

    def _leave(self, event_id: str) -> None:
        if visit := self._visits.get(event_id):
            visit.leave()

    # -- answers that wait to be fetched -------------------------------------------------------------------------------

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Puts a message where its visitor fetches it, and drops the oldest of others if they are too many."""
        super().send_message(event, event_message)
        output = getattr(event_message, "output", None)
        if event.alive and isinstance(output, dict):
            sizes = self._unread.setdefault(event.session_hash, deque())
            sizes.append((time.monotonic(), size_of(output.get("data"))))
        self._drop_unread()

    def _drop_unread(self) -> None:
        """Forgets what was fetched; drops what nobody fetched for long, and the oldest where all are too large."""
        for session, sizes in list(self._unread.items()):
            messages = self.pending_messages_per_session.get(session)
            unread = min(messages.qsize(), len(sizes)) if messages is not None else 0
            while len(sizes) > unread:
                sizes.popleft()
            if not sizes:
                del self._unread[session]
                if messages is None:  # Gradio forgot the session, but not its calls
                    self.pending_event_ids_session.pop(session, None)
            elif time.monotonic() - sizes[0][0] > UNREAD_SECONDS:
                self._drop(session)
        while self.unread > limits.UNREAD_BYTES and len(self._unread) > 1:
            self._drop(min(self._unread, key=lambda session: self._unread[session][0][0]))

    @property
    def unread(self) -> int:
        """How many bytes of answers wait for their visitors."""
        return sum(size for sizes in self._unread.values() for _, size in sizes)

    def _drop(self, session: str) -> None:
        for event in (event for job in self.active_jobs if job for event in job if event.session_hash == session):
            event.alive = False
            self._leave(event._id)
        with suppress(KeyError):
            del self.pending_messages_per_session[session]
        self.pending_event_ids_session.pop(session, None)
        self._unread.pop(session, None)
