"""``invert``: positions where the field takes a value, as the model draws them and, with --exact, as F has them."""

from __future__ import annotations

import argparse
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.cli import flags
from npf_engine.cli.options import InvertOptions
from npf_engine.cli.output import Answer, number
from npf_engine.errors import InputError
from npf_engine.settings import limits
from npf_engine.settings.dotted import with_dotted

if TYPE_CHECKING:
    from torch import Tensor

    from npf_engine.polar import PolarFactorization
    from npf_engine.polar.constant import WithConstant
    from npf_engine.polar.inversion import ExactInversion


def invert(args: argparse.Namespace) -> Answer:
    """Draw pre-images of one value and write them; with ``--exact`` also where F really takes it."""
    import numpy as np
    import torch

    from npf_engine.cli.commands import load_model
    from npf_engine.polar.constant import WithConstant
    from npf_engine.tasks import layout

    options = with_dotted(InvertOptions(), flags.typed(InvertOptions, args))
    if not all(map(math.isfinite, args.gradient)):
        raise InputError(f"--gradient must be finite numbers, not {' '.join(map(str, args.gradient))}")
    model = load_model(args.bundle)
    limits.check_samples(options.samples, model.d)
    if options.threads:
        torch.set_num_threads(options.threads)
    if len(args.gradient) != model.d:
        raise InputError(f"--gradient has {len(args.gradient)} numbers and the bundle's field {model.d} components")
    gradient = torch.tensor(args.gradient, dtype=torch.float64)
    model = WithConstant.of(model)  # what is typed and told is F itself
    x = model.invert(gradient, options.samples, options.seed)
    arrays = {"x": x.detach().cpu().numpy(), "gradient": gradient.numpy()}
    error = _error(model, x, gradient)
    text = [f"{options.samples} positions in {args.out}"]
    if error:
        text.append(f"|F(x) - gradient|: mean {number(error['mean'])}, max {number(error['max'])}")
    exact = None
    if args.exact:
        ends, why = _exact(model, gradient, options)
        text.append(why if ends is None else _sentence(ends, gradient))
        if ends is not None:
            exact = _summary(ends, gradient)
            arrays |= {"exact": ends.x.numpy(), "places": ends.places.numpy(), "weights": ends.weights.numpy()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    path = Path(args.out)
    with layout.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    layout.write_atomic(path, buffer.getvalue())
    return Answer(
        {"out": str(path), "n": options.samples, "gradient_error": error, "exact": exact},
        "\n".join(text),
    )


def _error(model: WithConstant, x: Tensor, gradient: Tensor) -> dict[str, float] | None:
    """|F(x) - gradient| where F is known beyond its samples, in its units."""
    from npf_engine.polar.known_field import KnownField

    known = KnownField.of(model)
    if known is None:
        return None
    distance = (known.value(model.scaling.to_model(x.double())) + model.shift - gradient).norm(dim=1)
    return {"mean": float(distance.mean()), "max": float(distance.max())}


def _exact(model: PolarFactorization, gradient: Tensor, options: InvertOptions) -> tuple[ExactInversion | None, str]:
    """The exact pre-images, or None and why there are none."""
    try:
        return model.invert_exact(gradient, options.samples, options.seed), ""
    except InputError as error:
        return None, f"no exact pre-images: {error}"


def _summary(ends: ExactInversion, gradient: Tensor) -> dict[str, object]:
    """The contract's object, with ``nearest`` where the gradient was found nowhere."""
    nearest = None
    if not ends.occurs:
        nearest = {
            "value": ends.nearest.tolist(),
            "place": ends.nearest_place.tolist(),
            "distance": float((ends.nearest - gradient).norm()),
        }
    return {
        "found": float(ends.found.double().mean()),
        "places": len(ends.places),
        "error": {"mean": float(ends.error.mean()), "max": float(ends.error.max())},
        "nearest": nearest,
    }


def _sentence(ends: ExactInversion, gradient: Tensor) -> str:
    if not ends.occurs:
        distance = float((ends.nearest - gradient).norm())
        return (
            f"no place was found where F is this value; the nearest value found is {_point(ends.nearest)}, "
            f"{number(distance)} away, at {_point(ends.nearest_place)}"
        )
    rows = [
        f"  {_point(place)}  {100 * float(share):.1f} %" for place, share in zip(ends.places, ends.weights, strict=True)
    ]
    more = f"\n  and {len(rows) - 20} more" if len(rows) > 20 else ""
    found, moved = (100 * float(part.double().mean()) for part in (ends.found, ends.restarted & ends.found))
    carried = f" ({moved:.3g} % stopped elsewhere and were carried there)" if moved else ""
    alone = " that came to one by themselves" if moved and moved < found else ""
    level = int(ends.level.sum())
    along = f" ({level} of them on a line or patch where F is level)" if level else ""
    return (
        f"{found:.4g} % of the draws end where F is within 1 % of its spread of the value{carried}; distinct places "
        f"where it is the value{along} and their shares of the draws{alone}:\n" + "\n".join(rows[:20]) + more
    )


def _point(x: Tensor) -> str:
    return "(" + ", ".join(f"{float(v):.8g}" for v in x) + ")"
