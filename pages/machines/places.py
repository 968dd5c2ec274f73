"""The executors: their slots, and their nodes."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from npf_engine.numbers import number
from npf_engine.runs.executors.node import Node
from npf_engine.runs.machines import Machines, Place
from ui import cards, frame, states
from ui.cards import Card

HEAD = ("node", "state", "cores", "cores busy", "memory free", "GPUs")


def show(found: Machines) -> None:
    """Each with how many of its slots are free."""
    for place in found.places:
        with st.container(border=True, gap="small", key=f"place_{frame.key_of(place.name)}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"## :material/dns: {states.plain(place.title)}", width="content")
                if place.usual and len(found.places) > 1:
                    st.badge("the usual one", icon=":material/star:", color="blue", help="Runs go here by themselves.")
            if place.problem:
                states.problem(place.problem)
            _slots(place)
            _nodes(place)
    if len(found.places) == 1:
        st.caption(
            "More machines: name executors in NPF_EXECUTOR (docs/operations.md), and each form asks where to run."
        )


def _slots(place: Place) -> None:
    if not place.slots:
        return
    with st.container(horizontal=True):
        st.metric(
            "Slots free",
            f"{place.free} of {len(place.slots)}",
            width="content",
            border=True,
            help="A run takes one; a training that is divided over GPUs takes one for each of them.",
        )
        cores = [node.cores for node in place.nodes if node.cores is not None]
        gpus = sum(len(node.gpus) for node in place.nodes)
        if cores and len(place.nodes) > 1:  # of one the table tells
            st.metric("Cores", str(sum(cores)), width="content", border=True, help="Of all nodes that are told of.")
            st.metric("GPUs", str(gpus), width="content", border=True, help="Of all nodes that are told of.")


def _nodes(place: Place) -> None:
    if not place.nodes:
        return
    key = frame.key_of(place.name)
    rows = [_row(node) for node in place.nodes]
    with cards.wide(f"nodes_{key}"):
        st.table({name: [states.plain(row[column]) for row in rows] for column, name in enumerate(HEAD)})
    with cards.narrow(f"nodes_{key}"):
        cards.show(
            Card(row[0], row[1], [f"{name} {row[column]}" for column, name in enumerate(HEAD) if column > 1])
            for row in rows
        )


def _row(node: Node) -> tuple[str, ...]:
    """The cells of a node; a dash for what is not told."""
    return (
        node.name,
        node.state,
        "–" if node.cores is None else str(node.cores),
        "–" if node.busy is None else number(node.busy, 2),
        "–" if node.free is None else f"{node.free / 2**30:.1f} GB",
        ", ".join(f"{count} × {name}" if count > 1 else name for name, count in Counter(node.gpus).items()) or "none",
    )
