"""What a Ray cluster says of our jobs: one question for all of them every few seconds, a sentence where it fails."""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from npf_engine.errors import InputError
from npf_engine.runs import location
from npf_engine.runs.executors.executor import NotNow
from npf_engine.runs.executors.node import Node
from npf_engine.tasks import steady

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

T = TypeVar("T")
ADDRESS = "RAY_ADDRESS"
FRESH, AFTER_FAILURE = 2.0, 5.0  # seconds for which an answer, or the lack of one, is good
TIMEOUT = 15.0  # seconds that the cluster has to answer
WANTED = 30.0  # seconds after the last question about a job for which the list is kept up to date
INSTALL = (
    "the Ray client is not installed; python -m pip install '.[ray]' in the project's folder, or set NPF_EXECUTOR=local"
)
log = logging.getLogger(__name__)


class NoAnswer(NotNow):
    """The cluster said nothing in time: what was asked of it may be done all the same."""


@dataclass(frozen=True)
class Seen:
    """A job as the cluster lists it: its state, what Ray says of it, the exit code of the worker, where it is."""

    state: str
    message: str
    code: int | None
    host: str


def address() -> str:
    """Where the cluster's job server is. Raises InputError where RAY_ADDRESS does not say."""
    told = os.environ.get(ADDRESS, "").strip()
    if not told.startswith(("http://", "https://")):
        raise InputError(
            f"{ADDRESS} must be the address of the cluster's job server, such as http://ray-head:8265, not "
            f"{location.shown(told) if '://' in told else told[:60]!r}"
        )
    return told


def client(at: str) -> JobSubmissionClient:
    """Ray's own client, which alone would wait for ever. Raises InputError where it is not installed."""
    try:
        from ray.job_submission import JobSubmissionClient
    except ImportError:
        raise InputError(INSTALL) from None

    class Client(JobSubmissionClient):
        def _do_request(self, *given: object, **more: object) -> object:
            return super()._do_request(*given, **{"timeout": TIMEOUT} | more)

    return Client(at)


class Cluster:
    """The jobs of one cluster, as they were a moment ago. One object a process and address (``cluster``)."""

    def __init__(self, at: str) -> None:
        self.shown = location.shown(at)
        self.at: float | None = None  # unix seconds at which the last answer was asked for
        self._address = at
        self._client: JobSubmissionClient | None = None
        self._silent: float | None = None  # steady seconds since which it has not answered
        self._next, self._wanted = -1.0, -WANTED
        self._jobs: dict[str, Seen] = {}
        self._over: dict[str, float] = {}  # steady seconds at which a job was first seen to be over
        self._lock = threading.Lock()

    def look(self) -> None:
        """Ask anew where somebody wants to know and the answer is old."""
        if steady.seconds() - self._wanted < WANTED:
            self._refresh()

    def job(self, name: str) -> Seen | None:
        """The job of this id; None where the last answer has none."""
        self.want()
        return self._jobs.get(name)

    def want(self) -> None:
        """Keep the list up to date for a while."""
        self._wanted = steady.seconds()
        if self.at is None:
            self._refresh()

    def knows_of(self, moment: float) -> bool:
        """Whether the last answer is younger than this moment (unix seconds): what it lacks is then gone."""
        return self.at is not None and self.at > moment

    def over_for(self, name: str) -> float:
        """Seconds since this was first asked of a job."""
        return steady.seconds() - self._over.setdefault(name, steady.seconds())

    def silent_for(self) -> float:
        """Seconds since it stopped answering; 0 while it answers."""
        return 0.0 if self._silent is None else steady.seconds() - self._silent

    def ask(self, what: Callable[[JobSubmissionClient], T]) -> T:
        """What the client answers. Raises NotNow where the cluster cannot be reached now, NoAnswer where it was asked
        all the same, and InputError where it refuses."""
        silent = f"the Ray cluster at {self.shown} does not answer; the run waits for it"
        if self._silent is not None and steady.seconds() < self._next:
            raise NotNow(silent)  # nobody waits for it again so soon
        try:
            if self._client is None:
                self._client = client(self._address)
            answer = what(self._client)
        except InputError:
            raise
        except (OSError, EOFError) as error:  # requests' own are OSErrors
            self._client = None
            self._silent = steady.seconds() if self._silent is None else self._silent
            self._next = steady.seconds() + AFTER_FAILURE
            log.info("Ray: %s", error)
            raise NoAnswer(silent) from None
        except Exception as error:  # RuntimeError with a trace of the server's in it
            said = " ".join(str(error).split())[:200]
            raise InputError(f"the Ray cluster at {self.shown} refuses: {said}") from None
        self._silent = None
        return answer

    def changed(self) -> None:
        """Something was done to a job: the next look asks anew."""
        self._next = -1.0

    def _refresh(self) -> None:
        with self._lock:
            if steady.seconds() < self._next:
                return
            asked = time.time()
            try:
                found = self.ask(lambda ray: ray.list_jobs())
            except InputError as error:  # what was known stays known, for a while
                log.info("%s", error)
                self._next = steady.seconds() + AFTER_FAILURE
                return
            self._jobs = {
                job.submission_id: Seen(
                    str(getattr(job.status, "value", job.status)),
                    job.message or "",
                    job.driver_exit_code,
                    (job.driver_agent_http_address or "").rpartition("/")[2].rpartition(":")[0],
                )
                for job in found
                if job.submission_id
            }
            self.at, self._next = asked, steady.seconds() + FRESH

    def nodes(self) -> list[Node]:
        """Its computers. Raises InputError."""
        self.ask(lambda ray: ray.get_version())  # which has a limit of time
        from ray.util.state import list_nodes

        found = self.ask(lambda _: list_nodes(address=self._address, timeout=int(TIMEOUT)))
        return [_node(node) for node in found]


def _node(node: object) -> Node:
    total = dict(getattr(node, "resources_total", None) or {})
    kinds = [key.partition(":")[2] for key in total if key.startswith("accelerator_type:")]
    name = str(getattr(node, "node_name", "") or getattr(node, "node_ip", ""))
    gpus = (kinds[0] if kinds else "GPU",) * int(total.get("GPU", 0))
    memory = int(total["memory"]) if "memory" in total else None
    cores = int(total["CPU"]) if "CPU" in total else None
    return Node(name, str(getattr(node, "state", "")).lower(), cores, memory=memory, gpus=gpus)


@functools.lru_cache(maxsize=8)
def _cluster(at: str) -> Cluster:
    return Cluster(at)


def cluster() -> Cluster:
    """The one that RAY_ADDRESS names. Raises InputError where it names none."""
    return _cluster(address())
