"""What a page computes by itself: its bar, the way to stop it, and the way to begin again."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from ui import progress


def _page() -> None:
    import streamlit as st

    from npf_engine.errors import InputError
    from ui import progress

    progress.STOP_AFTER = -1.0

    def compute(tell: progress.Tell) -> int:
        tell(0.5, "half of it")
        if st.session_state.get("broken"):
            raise st.session_state["broken"]
        return 7

    try:
        st.markdown(f"found {progress.computed([], 'Counting', 'k', compute)}")
    except InputError as error:
        st.markdown(f"told {error}")


def _labels(app: AppTest) -> list[str]:
    return [item.label for item in app.button]


def test_what_is_done_leaves_neither_bar_nor_button() -> None:
    app = AppTest.from_function(_page).run()
    assert not app.exception and not _labels(app) and [item.value for item in app.markdown] == ["found 7"]


def test_what_is_kept_is_not_computed_again() -> None:
    kept: list[int] = []
    for made in (7, 8):
        assert progress.computed(kept, "Counting", "k", lambda tell, made=made: made) == 7
    assert kept == [7]


def test_a_work_that_is_stopped_waits_until_it_is_asked_for_again() -> None:
    app = AppTest.from_function(_page)
    app.session_state["broken"] = RuntimeError("a look at the page while it works")
    app.run()
    assert _labels(app) == ["Stop"]
    app.session_state["broken"] = None
    app.button(key="stop_k").click().run()
    assert _labels(app) == ["Start again"] and [item.value for item in app.info] == ["Counting was stopped."]
    assert [item.value for item in app.markdown] == ["found None"]
    app.button(key="again_k").click().run()
    assert not _labels(app) and [item.value for item in app.markdown] == ["found 7"]


def test_a_refusal_leaves_its_sentence_alone() -> None:
    from npf_engine.errors import InputError

    app = AppTest.from_function(_page)
    app.session_state["broken"] = InputError("there is none")
    app.run()
    assert not app.exception and not _labels(app) and [item.value for item in app.markdown] == ["told there is none"]
