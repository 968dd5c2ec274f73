"""Live progress of a run: its stages, the bar of the running one, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.numbers import number, percent
from npf_engine.runs.reading import StageStatus, Status
from npf_engine.studies import kinds
from npf_engine.studies.kind import Stage
from npf_engine.tasks.progress import Place, Tell
from npf_engine.transport.methods import registry
from ui import frame, states

T = TypeVar("T")
STOP_AFTER = 1.0  # seconds until a way to stop is offered
TOLD_AFTER = 0.05  # of a work: from then on its pace says how long the rest will take
ICONS = {
    "waiting": ("gray", ":material/radio_button_unchecked:"),
    "started": ("blue", ":material/pending:"),
    "done": ("green", ":material/check_circle:"),
    "restored": ("green", ":material/history:"),
}
STOPPED = ("failed", "cancelled", "interrupted")


def computed(kept: list[T], what: str, key: str, compute: Callable[[Tell], T]) -> T | None:
    """What ``kept`` has, else ``compute(tell)`` on the page itself, then kept: with a bar, the time left and, after a
    while, a way to stop; None where that was used, until it is asked for again. tell: the share that is done, and of
    what.

    Drawing the bar is where a click on *Stop* ends this run of the page, and the work with it.
    """
    if kept:
        return kept[0]
    stopped = f"stopped_{key}"
    if st.session_state.get(stopped):
        st.info(f"{what} was stopped.", icon=":material/block:")
        st.button("Start again", icon=":material/refresh:", on_click=_forget, args=(stopped,), key=f"again_{key}")
        return None
    shown, button, begun, offered = st.progress(0.0, text=what), st.empty(), time.monotonic(), False

    def tell(share: float, text: str) -> None:
        nonlocal offered
        past = time.monotonic() - begun
        left = past * (1 - share) / share if share > TOLD_AFTER else 0.0
        shown.progress(min(share, 1.0), text=text + (f", about {frame.duration(left)} left" if left >= 1 else ""))
        if past >= STOP_AFTER and not offered:
            offered = True
            button.button("Stop", icon=":material/stop_circle:", on_click=_stop, args=(stopped,), key=f"stop_{key}")

    try:
        found = compute(tell)
    except InputError:
        shown.empty()
        button.empty()
        raise
    shown.empty()
    button.empty()
    kept.append(found)
    return found


def _stop(stopped: str) -> None:
    st.session_state[stopped] = True


def _forget(stopped: str) -> None:
    st.session_state.pop(stopped, None)


def title(stage: str) -> str:
    """A stage's name for people; the stages of the lab are its methods."""
    words = _words()
    if stage in words:
        return words[stage].title
    at = Place.of(stage)
    if at.stage in words:
        return f"{words[at.stage].title}, {at.part}"
    return registry.title(at.stage) + (f", {at.part}" if at.part else "")


def stages(status: Status) -> None:
    """All stages in their order, each with its state and its seconds."""
    with st.container(horizontal=True, gap="xsmall", key="stages"):
        for stage in ordered(status["stages"]):
            state = str(stage["state"])
            if state == "waiting" and status["state"] == "done":
                state = "done"  # a run that came whole, as the gallery's do, has no log of its stages
            colour, icon = ICONS.get(state, ICONS["waiting"])
            if state == "started" and status["state"] in STOPPED:
                colour, icon = "red" if status["state"] == "failed" else "orange", ":material/block:"
            seconds = stage.get("seconds")
            text = title(stage["name"]) + (f"  {frame.duration(seconds)}" if seconds is not None else "")
            st.badge(text, icon=icon, color=colour, help=_about(stage["name"]))  # type: ignore[arg-type]


def _about(stage: str) -> str | None:
    """What a stage does, for the tooltip of its chip."""
    words = _words()
    return (words[stage].about or None) if stage in words else None


def _words() -> dict[str, Stage]:
    """What the stages of all kinds of run are called."""
    return {name: stage for kind in kinds.known().values() for name, stage in kind.words.stages.items()}


def ordered(found: list[StageStatus]) -> list[StageStatus]:
    """The stages with parts of a stage (``u: pairing``) beside it; parts that have not begun are left out, and those
    without a title of their own, such as the seeds of a method, are told by the bar alone."""
    words = _words()
    main = [stage for stage in found if not Place.of(stage["name"]).part]
    out: list[StageStatus] = []
    for stage in main:
        parts = [item for item in found if item["name"] in words and _is_part(item["name"], stage["name"])]
        # A part has no end of its own: it is over as soon as another part, or the stage itself, goes on.
        over = stage["state"] in ("done", "restored")
        out += [{"name": part["name"], "state": "done", "seconds": None} if over else part for part in parts]
        out.append(stage)
    return out


def _is_part(name: str, stage: str) -> bool:
    at = Place.of(name)
    return bool(at.part) and at.stage == stage


def bar(status: Status) -> None:
    """Where the run is: a bar of the stage's steps, steps a second, time left."""
    state, stage = status["state"], status["stage"]
    if state == "queued":
        ahead = status.get("ahead", 0)
        turn = f"{ahead} before it" if ahead else "it is the next"
        text = f"Waiting for a free slot, {turn}"
        st.progress(0.0, text=text)
    elif stage is not None:
        total = status["total"] or 0
        share = min(1.0, status["step"] / total) if total else 0.0
        done = whole(status)
        if done is not None:
            st.progress(done, text=" · ".join(["Whole run", percent(done, 0), *_times(status)]))
        st.progress(share, text=" · ".join(words(status)))
    else:
        st.progress(0.0, text="Starting")


def whole(status: Status) -> float | None:
    """The share of the whole run's time that is over, 0 to 1; None while nothing is known of the rest."""
    left, worked = status["seconds_left"], status["worked"]
    if left is None or worked <= 0:
        return None
    return min(1.0, worked / (worked + left))


def _times(status: Status) -> list[str]:
    """Of the whole run: how long it has worked, and how long it will."""
    done = f"{frame.duration(status['worked'])} of work"
    left = status["seconds_left"]
    return [done] if left is None or status["state"] != "running" else [done, f"about {frame.duration(left)} left"]


def words(status: Status) -> list[str]:
    """What the bar of the stage says, in parts."""
    parts = [title(status["stage"] or "")]
    if status["text"]:
        parts.append(states.plain(str(status["text"])))
    elif status["total"] > 1:
        parts.append(f"step {status['step']:,} of {status['total']:,}")
    if status["state"] == "running" and status["rate"] and not status["text"]:
        parts.append(f"{number(status['rate'])} steps/s")
    if status["state"] == "paused":
        parts.append("paused")
    elif status["state"] == "running" and whole(status) is None and status["seconds_left"] is not None:
        parts.append(f"about {frame.duration(status['seconds_left'])} left")
    return parts
