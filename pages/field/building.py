"""From a FieldSpec to a Field on this page: kept in memory, fetched with progress and a way to stop."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.fields.catalog import price
from npf_engine.fields.field import Field
from npf_engine.fields.price import Price
from npf_engine.fields.spec import FieldSpec
from npf_engine.tasks import layout
from pages.field import choice, reading
from ui import states
from ui.link import FIELD

MOST_FIELDS, MOST_BYTES = 4, 1 << 30  # kept for all visitors
WAIT = 0.2  # seconds between two looks whether it is our turn
_large = threading.Lock()  # held by the one visitor whose field is being built that is not small
STOPPED = "building_stopped"  # session: the link of the field whose building was stopped


class Recent:
    """The fields built last, for all visitors. (A build shows its progress, which a cached function cannot.)"""

    def __init__(self) -> None:
        self._fields: OrderedDict[FieldSpec, Field] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, spec: FieldSpec) -> Field | None:
        """The field of ``spec`` where it is still there."""
        with self._lock:
            if spec in self._fields:
                self._fields.move_to_end(spec)
            return self._fields.get(spec)

    def put(self, spec: FieldSpec, field: Field) -> None:
        """Keep a field, and forget the one that was not asked for the longest."""
        with self._lock:
            self._fields[spec] = field
            while len(self._fields) > MOST_FIELDS or (len(self._fields) > 1 and self._bytes() > MOST_BYTES):
                self._fields.popitem(last=False)

    def _bytes(self) -> int:
        return sum(
            part.nbytes
            for field in self._fields.values()
            for part in (field.x_train, field.y_train, field.x_test, field.y_test)
        )


def recent() -> Recent:
    """The one recent of this server's home folder."""
    return _recent(str(layout.home()))


@st.cache_resource(max_entries=2, show_spinner=False)
def _recent(home: str) -> Recent:
    return Recent()


def build(spec: FieldSpec, fetching: bool, instead: Callable[[], None] = lambda: None) -> Field | None:
    """The field, built with a bar of progress; None after its problem was told. ``instead`` draws what else can be had
    where elevation could not be fetched."""
    field = recent().get(spec)
    if field is not None:
        return field
    with st.container(border=True, key="building"):
        if st.session_state.get(STOPPED) == FIELD.write(spec):
            st.info("Building the field was stopped.", icon=":material/block:")
            st.button("Build it", icon=":material/refresh:", on_click=_again, key="build_again")
            return None
        long = fetching or not price(spec).small
        key, after = "stop_fetch" if fetching else "stop_build", 0.0 if long else reading.CANCEL_AFTER
        progress = reading.Progress("Building the field", key, _stop, spec, long, after=after)
        if fetching:
            st.caption("Elevation is fetched once and kept on this machine.")
        try:
            with contextlib.nullcontext() if price(spec).small else _alone(progress):
                field = catalog.resolve(spec, progress)
        except InputError as error:
            st.session_state.pop(choice.FETCH, None)
            progress.empty()
            states.problem(error)
            if fetching:
                st.button("Try again", icon=":material/refresh:", on_click=ask, args=(spec,), key="fetch_again")
                instead()
            return None
    recent().put(spec, field)
    st.rerun()


@contextlib.contextmanager
def _alone(progress: reading.Progress) -> Iterator[None]:
    """One field that is not small at a time: together they would take more memory than there is."""
    while not _large.acquire(timeout=WAIT):
        progress(0.0, 1.0, "waiting for another field to be built")
    try:
        yield
    finally:
        _large.release()


def dear(spec: FieldSpec) -> Price | None:
    """The price of a field that must not be built just because a link was opened; None where it is small, already
    there, or the visitor asked for it. Raises InputError for a field beyond the limits."""
    found = price(spec)
    agreed = st.session_state.get(choice.BUILD) == FIELD.write(spec) and not found.large
    return None if found.small or agreed or recent().get(spec) is not None else found


def agree(spec: FieldSpec) -> None:
    """The visitor wants this field whatever it costs."""
    st.session_state[choice.BUILD] = FIELD.write(spec)


def ask(spec: FieldSpec) -> None:
    """The visitor wants the elevation of this field fetched."""
    st.session_state[choice.FETCH] = FIELD.write(spec)


def asked(spec: FieldSpec) -> bool:
    """Whether the visitor asked for it."""
    return st.session_state.get(choice.FETCH) == FIELD.write(spec)


def _stop(spec: FieldSpec, asked_for: bool) -> None:
    st.session_state.pop(choice.FETCH, None)
    st.session_state.pop(choice.BUILD, None)
    if not asked_for:  # nothing else would keep the page from building it again at once
        st.session_state[STOPPED] = FIELD.write(spec)


def _again() -> None:
    st.session_state.pop(STOPPED, None)
