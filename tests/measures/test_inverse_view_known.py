"""The numbers of the Inverse page by hand: a stub whose draws are known, in units that are not the model's."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.field import Scaling
from npf_engine.fields.lattice import Lattice, sampled
from npf_engine.measures import inverse_view
from npf_engine.measures.inverse_view import preimage_view, relocation_view, trust_view

SCALING = Scaling((10.0, -3.0), (5.0, 2.0))


def user(x_hat: Tensor) -> Tensor:
    return SCALING.to_user(x_hat.double())


def samples(n_test: int = 4, n_train: int = 3, d: int = 2) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(0)
    sizes = {"test": n_test, "train": n_train}
    return {f"{name}_{part}": torch.randn(n, d, generator=g) for name in "xym" for part, n in sizes.items()}


def stub(**changes: Any) -> Any:
    parts: dict[str, Any] = {
        "bridge": object(),
        "m": None,
        "d": 2,
        "rho": "box",
        "scaling": SCALING,
        "function": None,
        "lattice": None,
        "samples": samples(),
        "u": SimpleNamespace(like=torch.zeros(1)),
        "_project": lambda y: y,
    }
    return SimpleNamespace(**(parts | changes))


def knowing(monkeypatch: pytest.MonkeyPatch, evaluate: Any, known: str = "function", spread: float = 1.0) -> None:
    """F as the page's functions see it."""
    monkeypatch.setattr(inverse_view, "evaluator", lambda model: (evaluate, known, spread))


def test_relocated_gradients_of_one_length_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """|F| is 2 everywhere, and at the draws 2, 2.19, 2.21 and 1.7: half are alike, however they are dealt out."""
    turned = torch.tensor([0.0, 60.0, 90.0, 180.0], dtype=torch.float64).deg2rad()
    size = torch.tensor([2.0, 2.19, 2.21, 1.7]).double()
    kept = samples()
    kept["y_test"] = torch.tensor([[2.0, 0.0]] * 4)
    reached = size[:, None] * torch.stack([turned.cos(), turned.sin()], 1)
    asked: list[Any] = []

    def details(f: Tensor, n: int, seed: int) -> Any:
        asked.append((f, n, seed))
        return SimpleNamespace(x=user(reached)[:, None], outside=torch.tensor([True, False, False, False]))

    knowing(monkeypatch, lambda x: x)  # F(x) = x in the model's positions
    view = relocation_view(stub(samples=kept, invert_details=details), 4, seed=5)
    assert torch.equal(asked[0][0], kept["y_test"].double()) and asked[0][1:] == (1, 5)
    np.testing.assert_allclose(view.x, user(kept["x_test"]))
    np.testing.assert_allclose(view.reached, reached, atol=1e-12)
    np.testing.assert_allclose(view.moved, user(reached))
    assert view.alike == view.trivial == 0.5 and view.outside == 0.25 and view.top == 2.0
    assert view.cosine == pytest.approx([1.0, 0.5, 0.0, -1.0], abs=1e-12) and view.known == "function"
    knowing(monkeypatch, lambda x: x, "grid")
    assert relocation_view(stub(samples=kept, invert_details=details), 4).cosine is None


def test_dealt_out_gradients_are_those_of_other_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each draw is right and the lengths are unlike, so that any other one's is wrong; in one dimension no cosine."""
    kept, power = samples(1000, 0, 1), 1.5 ** torch.arange(500, dtype=torch.float64)
    kept["y_test"] = torch.cat([power, -power])[:, None]
    scaling = Scaling((10.0,), (5.0,))
    model = stub(d=1, samples=kept, scaling=scaling)
    model.invert_details = lambda f, n, seed: SimpleNamespace(
        x=scaling.to_user(f)[:, None], outside=torch.zeros(len(f), dtype=torch.bool)
    )
    knowing(monkeypatch, lambda x: kept["y_test"])
    view = relocation_view(model, 1000)
    assert view.cosine is None and view.alike == 1.0 and view.trivial < 0.02
    assert view.top == pytest.approx(float(kept["y_test"].abs().flatten().quantile(0.99)))
    kept["y_test"] = 0 * kept["y_test"]
    still = relocation_view(model, 1000)
    assert still.top == 1.0 and still.alike == 1.0


def opened(**changes: Any) -> Any:
    """What invert_details answers for one gradient: three draws, in the user's units."""
    drawn = user(torch.tensor([[[0.5, 0.0], [0.0, 0.1], [0.0, 0.0]]]))
    parts = {
        "x": drawn,
        "point": user(torch.tensor([[0.25, 0.5]])),
        "residual": torch.tensor([0.125]),
        "outside": torch.tensor([False]),
    }
    return SimpleNamespace(**(parts | changes))


def test_the_ladder_of_one_gradient_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """F(x) = 10 x + (3, 4), asked for (3, 4): the draws miss by 5, 1 and 0; the spread is 4."""
    kept = samples()
    kept["m_train"] = torch.tensor([[0.25, 0.4], [0.2, 0.5], [3.0, 3.0]])
    kept["m_test"] = torch.full((4, 2), -4.0)
    kept["y_train"] = torch.tensor([[3.0, 5.0], [6.0, 4.0], [3.0, 12.0]])
    kept["y_test"] = torch.tensor([[9.0, 12.0]] * 4)
    model = stub(samples=kept, invert_details=lambda y, n, seed: opened())
    model.invert_exact = lambda y, n, seed: SimpleNamespace(error=torch.tensor([0.4, 0.0]), asked=(y.tolist(), n, seed))
    knowing(monkeypatch, lambda x: 10 * x + torch.tensor([3.0, 4.0]), spread=4.0)
    monkeypatch.setattr(inverse_view, "_levels", lambda model, wanted: "lines")
    assert preimage_view(model, np.array([[3, 4]]), n=2).ladder["nearest"] == pytest.approx(3.0 / 4), "one of seven"
    monkeypatch.setattr(inverse_view, "near_ones", min)
    view = preimage_view(model, np.array([[3, 4]]), n=2, seed=7)
    np.testing.assert_allclose(view.error, [5.0, 1.0, 0.0], atol=1e-6)
    assert view.ladder == {
        "exact": pytest.approx(0.2 / 4),
        "ours": pytest.approx(2.0 / 4),
        "nearest": pytest.approx((1.0 + 3.0) / 2 / 4),
        "random": pytest.approx((1 + 3 + 8 + 4 * 10) / 7 / 4),
    }
    assert next(iter(view.ladder)) == "exact" and view.levels == "lines"  # type: ignore[comparison-overlap]
    assert view.exact is not None and view.exact.asked == ([3.0, 4.0], 2, 7)  # type: ignore[attr-defined]
    np.testing.assert_allclose(view.point, user(torch.tensor([0.25, 0.5])))
    np.testing.assert_allclose(view.x, opened().x[0])
    assert view.inside and view.residual == 0.125 and 0 <= view.seconds < 60
    assert view.gradient.tolist() == [3.0, 4.0]
    all_of_them = preimage_view(model, np.array([3.0, 4.0]), n=500)
    assert all_of_them.ladder["nearest"] == pytest.approx(all_of_them.ladder["random"])
    model.invert_details = lambda y, n, seed: opened(outside=torch.tensor([True]))
    knowing(monkeypatch, lambda x: x, "network")
    other = preimage_view(model, np.array([3.0, 4.0]), n=2)
    assert not other.inside and other.exact is None and other.levels is None and "exact" not in other.ladder
    for bad in ([3.0], [3.0, math.inf]):
        with pytest.raises(InputError, match="2 finite numbers"):
            preimage_view(model, np.array(bad))


@pytest.mark.parametrize(("d", "solved"), [(1, True), (16, True), (17, False)])
def test_exact_pre_images_are_for_few_dimensions_and_lines_for_two(
    d: int, solved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaling = Scaling((0.0,) * d, (1.0,) * d)
    zero = torch.zeros(1, 3, d).double()
    model = stub(d=d, samples=samples(60, 3, d), scaling=scaling)
    model.invert_details = lambda y, n, seed: opened(x=zero, point=zero[0, :1])
    model.invert_exact = lambda y, n, seed: SimpleNamespace(error=torch.zeros(3))
    monkeypatch.setattr(inverse_view, "_levels", lambda model, wanted: "lines")
    knowing(monkeypatch, lambda x: x)
    view = preimage_view(model, np.zeros(d), n=3)
    assert (view.exact is not None) is solved and view.levels is None


def test_trust_is_the_median_of_the_draws_over_the_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """At place k the draws miss by k, 2 k and 9 k; the spread is 4."""
    kept = samples(11, 0)
    kept["y_test"] = torch.tensor([[3.0, -4.0]]).repeat(11, 1)
    steps = torch.arange(11.0)[:, None] * torch.tensor([1.0, 9.0, 2.0])
    model = stub(samples=kept)
    model.invert_details = lambda f, draws, seed: SimpleNamespace(
        x=user((f[:, None] + torch.stack([0.6 * steps, 0.8 * steps], 2)).reshape(-1, 2)).reshape(11, 3, 2)
    )
    knowing(monkeypatch, lambda x: x, "grid", spread=4.0)
    view = trust_view(model, 99, draws=3)
    np.testing.assert_allclose(view.miss, 2 * np.arange(11) / 4, atol=1e-6)
    assert view.worst == pytest.approx(2 * 9 / 4) and view.known == "grid"
    np.testing.assert_allclose(view.x, user(kept["x_test"]))


def test_unseen_samples_come_first() -> None:
    model = stub()
    x, y = inverse_view._unseen_first(model, 5)
    assert torch.equal(x, torch.cat([model.samples["x_test"], model.samples["x_train"][:1]]).double())
    assert torch.equal(y, torch.cat([model.samples["y_test"], model.samples["y_train"][:1]]).double())


def test_what_says_what_f_is() -> None:
    """M_xi and u where nothing else does, measured by the spread of all kept values."""
    model = stub(m=lambda x: 2 * x, u=SimpleNamespace(like=torch.zeros(1), gradient=lambda y: y + 1))
    evaluate, known, spread = inverse_view.evaluator(model)
    y = torch.cat([model.samples["y_train"], model.samples["y_test"]]).double()
    assert known == "network" and spread == pytest.approx(float((y - y.mean(0)).norm(dim=1).mean()))
    torch.testing.assert_close(evaluate(torch.ones(2, 2).double()), torch.full((2, 2), 3.0).double())
    small = {key: 1e-3 * value for key, value in model.samples.items()}
    assert inverse_view.evaluator(stub(m=model.m, u=model.u, samples=small))[2] == pytest.approx(1e-3 * spread)
    with pytest.raises(InputError, match="no M_xi"):
        inverse_view.evaluator(stub())
    with pytest.raises(InputError, match="no I_psi"):
        inverse_view.evaluator(stub(bridge=None))


def nodes(rows: int = 21, cols: int = 41) -> Lattice:
    """F(x, y) = (x, 3 y) on a grid that is no square; the west is not land."""
    y, x = torch.meshgrid(torch.linspace(1, -1, rows), torch.linspace(-1, 1, cols), indexing="ij")
    return Lattice(torch.stack([x, 3 * y], 2), x > -0.5)


def test_level_lines_run_where_a_component_has_the_value() -> None:
    first, second = (inverse_view._level(nodes(), k, level, stub()) for k, level in ((0, 0.32), (1, -1.5)))
    lines = [SCALING.to_model(torch.from_numpy(line[np.isfinite(line).all(1)])) for line in (first, second)]
    torch.testing.assert_close(lines[0][:, 0], torch.full_like(lines[0][:, 0], 0.32), atol=1e-6, rtol=0)
    assert sorted({round(float(y), 6) for y in lines[0][:, 1]})[:: len(lines[0]) - 1] == [-1.0, 1.0]
    torch.testing.assert_close(lines[1][:, 1], torch.full_like(lines[1][:, 1], -0.5), atol=1e-6, rtol=0)
    assert -0.5 < float(lines[1][:, 0].min()) < -0.4 and float(lines[1][:, 0].max()) == pytest.approx(1.0)
    assert np.isnan(first[-1]).all(), "a piece ends in a gap"
    assert np.isnan(inverse_view._level(nodes(), 0, 7.0, stub())).tolist() == [[True, True]], "there is none"
    disc = inverse_view._level(nodes(), 1, -1.5, stub(rho="disc"))
    radius = SCALING.to_model(torch.from_numpy(disc[np.isfinite(disc).all(1)])).norm(dim=1)
    assert 0.95 < float(radius.max()) <= 1.0
    wide = sampled(lambda x: x, 4.0, 33)
    far = inverse_view._level(wide, 0, 2.6, stub())
    places = SCALING.to_model(torch.from_numpy(far[:-1]))
    torch.testing.assert_close(places[:, 0], torch.full_like(places[:, 0], 2.6), atol=1e-6, rtol=0)
    assert float(places[:, 1].min()) == pytest.approx(-4) and float(places[:, 1].max()) == pytest.approx(4)


def test_both_lines_are_of_the_wanted_gradient() -> None:
    found = inverse_view._levels(stub(lattice=nodes()), np.array([0.32, -1.5]))
    assert found is not None
    for line, (component, level) in zip(found, ((0, 0.32), (1, -1.5)), strict=True):
        np.testing.assert_allclose(line, inverse_view._level(nodes(), component, level, stub()), atol=1e-9)
    assert inverse_view._levels(stub(), np.zeros(2)) is None
    line = stub(d=1, function=lambda x: x, samples=samples(4, 3, 1))
    assert inverse_view._levels(line, np.zeros(1)) is None
