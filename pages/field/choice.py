"""The field that the link describes, and how widgets change it. The link holds it; the widgets show it."""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.dotted import with_dotted
from ui.link import FIELD

FETCH = "fetch_asked"  # session: the field whose elevation the visitor asked to fetch
BUILD = "build_asked"  # session: the field that the visitor wants built whatever it costs
PROBLEM = "field_problem"  # session: the sentence about the last choice that was refused
KEPT = (
    "sigma",
    "slope",
    "product",
    "max_samples",
    "split_seed",
    "n_samples",
    "size_km",
)  # when another field is chosen


def current() -> FieldSpec:
    """The field of the link. Raises InputError for a link that describes none."""
    return FIELD.read(st.query_params)


def choose(source: str, **values: object) -> None:
    """Another field: what belonged to the old one alone (bounds, formula, rho) is forgotten."""
    kept = {key: getattr(_or_default(), key) for key in KEPT}
    _write(with_dotted(FieldSpec(source=source), kept | values))


def change(**values: object) -> None:
    """The same field with other options; a value that cannot be is told and changes nothing."""
    try:
        spec = with_dotted(_or_default(), values)
        FIELD.read(FIELD.write(spec))
    except InputError as error:
        st.session_state[PROBLEM] = str(error)
        return
    _write(spec)


def _or_default() -> FieldSpec:
    try:
        return current()
    except InputError:
        return FieldSpec()


def _write(spec: FieldSpec) -> None:
    for key in FIELD.parameters():
        st.query_params.pop(key, None)
    for key, value in FIELD.write(spec).items():
        st.query_params[key] = value
