"""Work done ahead of its consumer, in a thread: Arrow and DuckDB leave the interpreter free while they work."""

from collections.abc import Iterable, Iterator
from queue import Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item], most: int = 2) -> Iterator[Item]:
    """Yield the items of an iterable that is read in a thread, at most `most` ahead; errors are raised here."""
    waiting: Queue[tuple[Item] | Exception | None] = Queue(most)
    abandoned = Event()

    def read() -> None:
        try:
            for item in items:
                waiting.put((item,))
                if abandoned.is_set():
                    return
            waiting.put(None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the consumer must see it
            waiting.put(error)

    thread = Thread(target=read, name="ahead", daemon=True)
    thread.start()
    try:
        while (found := waiting.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found[0]
    finally:
        abandoned.set()
        while thread.is_alive():
            while not waiting.empty():
                waiting.get_nowait()
            thread.join(0.01)
