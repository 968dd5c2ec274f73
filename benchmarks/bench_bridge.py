"""The sampler of I_psi: exact bridge steps against torchsde's Heun, on one trained bridge.

    python benchmarks/bench_bridge.py [--json] [--steps N]

Quality: S_eps between I_psi(M(B_k)) and B_k over 64 neighbourhoods of test points, divided by the sharp reference
(see npf_engine/evaluation/inverse.py). Time: 2048 pre-images.
"""

from __future__ import annotations

from benchmarks.common import arguments, median_seconds, set_threads, show, tell
from npf_engine.evaluation.inverse import inverse_metric
from npf_engine.fields.catalog import resolve
from npf_engine.polar.training import train
from npf_engine.runs.spec import preset, with_values
from npf_engine.settings import ReportConfig


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--steps", type=int, default=4000, help="training steps of X_psi")
    options = parser.parse_args()
    set_threads(options.threads)
    settings = {"field.source": "jacksboro", "device": "cpu", "m.steps": 1, "inverse.steps": options.steps}
    spec = with_values(preset("quick"), settings)
    field = resolve(spec.field)
    tell(f"training jacksboro with {options.steps} steps of X_psi")
    model = train(field, spec)
    m_test = model.solve(field.y_test).x
    train_pairs = (field.x_train, model.solve(field.y_train).x)
    rows = []
    for sampler, steps in (("bridge", 20), ("bridge", 50), ("bridge", 100), ("heun", 100), ("heun", 950)):
        tell(f"{sampler} {steps}")
        model.sampler, model.sampler_steps = sampler, steps
        row = inverse_metric(model, field.x_test, m_test, train_pairs, ReportConfig(), 0)
        assert row is not None
        start = model.samples["m_test"][:2048].clamp(-1, 1)
        seconds, _ = median_seconds(lambda: model.sample_inverse(start, 0), options.runs)  # noqa: B023
        rows.append({
            "sampler": sampler, "steps": steps, "seconds for 2048": seconds, "S_eps": row["value"],
            "ratio": row["ratio"], "se": row["se"],
        })  # fmt: skip
    best = {row["sampler"]: row["ratio"] for row in reversed(rows) if row["steps"] in (100, 950)}
    show("Sampler of I_psi, d = 2", rows, {"ratio by sampler": best}, options.json)


if __name__ == "__main__":
    main()
