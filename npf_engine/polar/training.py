"""The stages that make a PolarFactorization: u, v, m, inverse (NPF sections 3 and 4).

Each finished stage is kept by the recorder and restored on a resume; each loop keeps its own checkpoints. All random
draws come from the spec's seed, so that a run repeated on the same machine gives the same numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.fields.field import Field
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.framed import FramedPotential
from npf_engine.networks.icnn import ConvexPotential, count_parameters
from npf_engine.networks.mlp import MLP
from npf_engine.networks.value_bridge import ValueBridge
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.polar.watching import Watch
from npf_engine.settings.stages import ValueInverseConfig
from npf_engine.tasks.memory import keep_freed_memory
from npf_engine.tasks.recorder import Recorder
from npf_engine.tasks.restoring import check, fit, load_weights, restored
from npf_engine.transport.conjugate import conjugate
from npf_engine.transport.dual import DUAL, REGRESSION, collect_pairs, fit_dual, fit_published, fit_to_pairs
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.loop import Loop
from npf_engine.transport.pairing import LOOKUP_MAX_D, Stratifier, lookup, neighbours, source_of_nearest
from npf_engine.transport.validation import HeldOut

if TYPE_CHECKING:  # runs is a floor above; the spec is passed in, not imported
    from npf_engine.studies.factorization.spec import TrainingSpec

HELD_OUT, HELD_OUT_SHARE = 4096, 0.1  # training samples on which the end of u is decided; at most that share of them
KEPT_SAMPLES = 16_384
CONJUGATE_CHUNK = 16_384
KEPT_NUMBERS = 400_000  # at most so many numbers a kept array, whatever d


@dataclasses.dataclass
class _Job:
    """What all stages share."""

    field: Field
    spec: TrainingSpec
    recorder: Recorder
    device: torch.device
    dtype: torch.dtype
    x: Tensor
    y: Tensor
    networks: dict[str, dict[str, Any]]
    seconds: dict[str, float]
    info: dict[str, Any]

    def build(self, name: str, kind: type[nn.Module], **arguments: Any) -> Any:
        """A network, remembered with the arguments that build it again."""
        self.networks[name] = arguments
        return kind(**arguments).to(self.device, self.dtype)


@dataclasses.dataclass(frozen=True)
class Trained:
    """The model, and M_theta of all training (n, d) and test samples (m, d), which the training has solved."""

    model: PolarFactorization
    m_train: Tensor
    m_test: Tensor

    @property
    def solved(self) -> tuple[Tensor, Tensor]:
        """Of the training and of the test samples."""
        return self.m_train, self.m_test


def train(field: Field, spec: TrainingSpec, recorder: Recorder | None = None) -> PolarFactorization:
    """The model of ``trained``."""
    return trained(field, spec, recorder).model


def trained(field: Field, spec: TrainingSpec, recorder: Recorder | None = None) -> Trained:
    """Train u_theta, V_phi, M_xi and X_psi on the field's training samples.

    spec.device must be resolved (cpu, cuda, mps; ``auto`` is taken as cpu). model.info holds seconds per stage,
    convergence figures and parameter counts. Raises TrainingDiverged where going back with smaller rates did not help.
    """
    keep_freed_memory()
    recorder = recorder or Recorder()
    device = torch.device("cpu" if spec.device == "auto" else spec.device)
    dtype = torch.float64 if spec.dtype == "float64" else torch.float32
    job = _Job(
        field,
        spec,
        recorder,
        device,
        dtype,
        field.x_train.to(device, dtype),
        field.y_train.to(device, dtype),
        {},
        {},
        {},
    )
    u, published = _stage(job, "u", _train_u)
    v, m_train, m_test = _stage(job, "v", _train_v, u, published)
    m = _stage(job, "m", _train_m, m_train)
    bridge = _stage(job, "inverse", _train_inverse, m_train, u)
    return Trained(_assemble(job, u, v, m, bridge, m_train, m_test), m_train, m_test)


def _stage(job: _Job, name: str, work: Any, *inputs: Any) -> Any:
    """Run one stage; its seconds include those before an interruption (the loops keep theirs, ``work`` returns the
    sum)."""
    job.recorder.check()
    job.recorder.stage(name, "started")
    result, seconds = work(job, *inputs)
    job.seconds[name] = seconds
    job.recorder.stage(name, "done", seconds)
    return result


def _kept(job: _Job, name: str, put: Callable[[dict[str, Any]], Any]) -> Any:
    """What ``put`` makes of the finished stage that was kept; None where there is none that fits."""
    done = restored(job.recorder, f"{name}.done", put)
    if done is not None:
        job.recorder.stage(name, "restored")
    return done


# -- u ----------------------------------------------------------------------------------------------------------------


def _train_u(job: _Job) -> tuple[tuple[ConvexPotential, MLP | None], float]:
    """u, and the amortizer V that the published algorithm trains with it."""
    config, spec = job.spec.u, job.spec
    begin = job.recorder.clock()
    S, mean = gaussian_map(job.field.x_train, job.field.y_train)  # in float64, which MPS does not have: on the CPU
    scale = float((job.y - job.y.mean(0)).square().sum(1).mean().sqrt())
    common: dict[str, Any] = {"d": job.field.d, "hidden": list(config.hidden), "seed": seeds.child(spec.seed, "u")}
    if config.network == "wide":
        u = job.build("u", FramedPotential, pieces=config.pieces, rank=config.rank, **common)
        u.set_gaussian_start(S, mean, scale, job.x)
    else:
        u = job.build(
            "u", ConvexPotential, rank=config.rank, activation=config.activation,
            output_activation=spec.solver == "published", **common,
        )  # fmt: skip
        if config.start == "gaussian":
            u.set_gaussian_start(S.to(job.dtype), mean.to(job.dtype), scale)
        else:
            u.set_identity_start(scale)
    job.info |= {"u_parameters": count_parameters(u), "gaussian": {"S": S.tolist(), "m": mean.tolist()}}
    v = _amortizer(job) if spec.solver == "published" else None
    networks: dict[str, nn.Module] = {"u": u} | ({} if v is None else {"v": v})

    def put(done: dict[str, Any]) -> float:
        for name, network in networks.items():
            fit(done[name], network.state_dict())
        for name, network in networks.items():
            network.load_state_dict(done[name])
        return float(done["seconds"])

    kept = _kept(job, "u", put)
    if kept is not None:
        return (u, v), kept
    watch = Watch(u, job.field, job.recorder, spec.seed, spec.report.n)
    prepared = job.recorder.clock() - begin
    seconds, stage = _fit_u(job, u, v, watch)
    seconds += prepared
    job.recorder.progress(stage, 1, 1, **watch.look())
    weights = {name: network.state_dict() for name, network in networks.items()}
    job.recorder.save("u.done", weights | {"seconds": seconds})
    return (u, v), seconds


def _fit_u(job: _Job, u: ConvexPotential, v: MLP | None, watch: Watch) -> tuple[float, str]:
    """Its seconds, and what progress calls the way that ended it."""
    config, spec, recorder = job.spec.u, job.spec, job.recorder
    begin = job.recorder.clock()
    if v is not None:
        seconds = fit_published(
            u, v, job.x, job.y, config, spec.conjugate, spec.v.lr, spec.seed, recorder, watch=watch.loss
        )
        return seconds, DUAL
    if config.method == "dual":
        seconds = fit_dual(
            u, job.x, job.y, config.dual_steps, config.dual_lr, config, spec.conjugate, spec.seed, recorder,
            watch=watch.loss,
        )  # fmt: skip
        return seconds, DUAL
    fitted, kept_apart = _split(job)
    x, y = job.field.x_train[fitted], job.field.y_train[fitted]
    kept = restored(recorder, "u.pairs", lambda state: _pairs(state, x, y))
    if kept is None:
        source, target = collect_pairs(x, y, config.pair_size, config.pairings, spec.seed, recorder)
        kept = {"source": source, "target": target, "seconds": job.recorder.clock() - begin}
        recorder.save("u.pairs", kept)
    begin = job.recorder.clock()
    source, target = kept["source"].to(job.x), kept["target"].to(job.y)
    x, y, x_check, y_check = (side[part] for part in (fitted, kept_apart) for side in (job.x, job.y))
    near = job.field.d <= LOOKUP_MAX_D
    held_out = None
    if len(x_check):
        first = source_of_nearest(source, target, y_check) if near else None
        held_out = HeldOut(u, x_check, y_check, first, _exact(spec.conjugate.method))
    seconds = float(kept["seconds"]) + job.recorder.clock() - begin
    seconds += fit_to_pairs(u, source, target, config, spec.seed, recorder, watch.loss, held_out)
    if config.polish_steps:
        begin = job.recorder.clock()
        start = source_of_nearest(source, target, y) if near else None
        seconds += job.recorder.clock() - begin
        seconds += fit_dual(
            u, x, y, config.polish_steps, config.polish_lr, config, spec.conjugate, spec.seed, recorder,
            key="u.polish", watch=watch.loss, start=start, held_out=held_out,
        )  # fmt: skip
    return seconds, DUAL if config.polish_steps else REGRESSION


def _pairs(state: dict[str, Any], x: Tensor, y: Tensor) -> dict[str, Any]:
    """Kept pairs. Raises where they are not of such samples."""
    count = len(state["source"])
    for name, like in (("source", x), ("target", y)):
        check(name, state[name], like.new_empty(count, like.shape[1]))
    return state | {"seconds": float(state["seconds"])}


def _split(job: _Job) -> tuple[Tensor, Tensor]:
    """Indices of the training samples that u is fitted to, and of those kept apart to see when it is done: none where
    all steps are taken. Those kept apart are stratified, or their own chance would outweigh the last gains."""
    n = len(job.field.x_train)
    count = min(HELD_OUT, int(HELD_OUT_SHARE * n)) if job.spec.u.patience else 0
    if not count:
        return torch.arange(n), torch.arange(0)
    generator = seeds.generator(job.spec.seed, "u.split")
    apart = Stratifier(job.field.x_train, count).draw(generator)
    fitted = torch.ones(n, dtype=torch.bool)
    fitted[apart] = False
    return fitted.nonzero()[:, 0], apart


# -- v: the conjugate of every sample, and its amortizer --------------------------------------------------------------


def _amortizer(job: _Job) -> MLP:
    config = job.spec.v
    v = job.build(
        "v", MLP, d_in=job.field.d, d_out=job.field.d, hidden=list(config.hidden), activation=config.activation,
        seed=seeds.child(job.spec.seed, "v"),
    )  # fmt: skip
    v.centre.copy_(job.y.mean(0))
    v.spread.copy_(job.y.std(0).clamp(min=1e-12))
    return v


def _train_v(job: _Job, u: ConvexPotential, published: MLP | None) -> tuple[tuple[MLP, Tensor, Tensor], float]:
    """V and M_theta of every sample; ``published``: V as the published algorithm has trained it beside u."""
    config, recorder = job.spec.v, job.recorder
    v = published or _amortizer(job)

    def put(done: dict[str, Any]) -> dict[str, Any]:
        solved = _solved(job, done) | {"info": dict(done["info"])}
        load_weights(v, done["v"])
        return solved

    done = _kept(job, "v", put)
    if done is not None:
        job.info |= done["info"]
        return (v, done["m_train"].to(job.x), done["m_test"].to(job.x)), done["seconds"]
    kept = restored(recorder, "v.conjugates", lambda state: _solved(job, state) | {"info": dict(state["info"])})
    if kept is None:
        kept = _conjugates(job, u)
        recorder.save("v.conjugates", kept)
    m_train = kept["m_train"].to(job.x)
    if published is not None:
        seconds = float(kept["seconds"])
    else:

        def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
            pick = torch.randint(job.x.shape[0], (config.batch,), generator=generator).to(job.device)
            return (v(job.y[pick]) - m_train[pick]).square().sum(1).mean(), {}

        loop = Loop("v", "v.fit", {"v": v}, config.steps, config.lr, job.spec.seed, recorder, ema=0.99)
        seconds = float(kept["seconds"]) + loop.run(loss)
    info = {"conjugate": kept["info"]}
    job.info |= info
    recorder.save(
        "v.done", {"v": v.state_dict(), "m_train": m_train, "m_test": kept["m_test"], "seconds": seconds, "info": info}
    )
    return (v, m_train, kept["m_test"].to(job.x)), seconds


def _solved(job: _Job, state: dict[str, Any]) -> dict[str, Any]:
    """Kept M_theta of every sample. Raises where it is not of these samples."""
    return {
        "m_train": check("m_train", state["m_train"], job.x),
        "m_test": check("m_test", state["m_test"], job.field.y_test.to(job.x)),
        "seconds": float(state["seconds"]),
    }


def _exact(method: str) -> str:
    """Adam as released leaves a tenth of the points unsolved: no method to judge by."""
    return "auto" if method == "adam" else method


def _conjugates(job: _Job, u: ConvexPotential) -> dict[str, Any]:
    """M_theta of every training and test sample, once. The first samples are solved from the quadratic model; every
    later
    one starts at the answer for the nearest value among those, which halves the work."""
    begin = job.recorder.clock()
    method = _exact(job.spec.conjugate.method)
    y = torch.cat([job.y, job.field.y_test.to(job.y)])
    parts: list[Tensor] = []
    residuals: list[Tensor] = []
    converged = evaluations = 0.0
    tree = None
    for part in y.split(CONJUGATE_CHUNK):
        job.recorder.check()
        start = None if tree is None else parts[0][torch.as_tensor(tree.query(part.cpu().numpy())[1]).to(job.device)]
        result = conjugate(u, part, start, method=method, tolerance=1e-5)
        parts.append(result.x)
        residuals.append(result.residual)
        converged += float(result.converged.float().sum())
        evaluations += result.evaluations * part.shape[0]
        if tree is None and job.field.d <= LOOKUP_MAX_D:
            tree = lookup(part)
        solved = sum(len(r) for r in residuals)
        job.recorder.progress("v: conjugates", solved, len(y), converged=converged / solved)
    x_hat = torch.cat(parts)
    info = {
        "points": len(y),
        "converged": converged / len(y),
        "max_residual": float(torch.cat(residuals).max()),
        "evaluations": evaluations / len(y),
    }
    n = job.x.shape[0]
    return {"m_train": x_hat[:n], "m_test": x_hat[n:], "info": info, "seconds": job.recorder.clock() - begin}


# -- m and inverse ----------------------------------------------------------------------------------------------------


def _train_m(job: _Job, m_train: Tensor) -> tuple[MLP, float]:
    config = job.spec.m
    m = job.build(
        "m", MLP, d_in=job.field.d, d_out=job.field.d, hidden=list(config.hidden), activation=config.activation,
        fourier=config.fourier, seed=seeds.child(job.spec.seed, "m"),
    )  # fmt: skip

    def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        pick = torch.randint(job.x.shape[0], (config.batch,), generator=generator).to(job.device)
        return (m(job.x[pick]) - m_train[pick]).square().sum(1).mean(), {}

    loop = Loop("m", "m.fit", {"m": m}, config.steps, config.lr, job.spec.seed, job.recorder, ema=0.99)
    return m, _finish(job, "m", m, loop, loss)


def _train_inverse(job: _Job, m_train: Tensor, u: ConvexPotential) -> tuple[Bridge, float]:
    config = job.spec.inverse
    region = {"box": "box", "land": "box", "disc": "disc"}.get(job.field.rho, "free")
    common: dict[str, Any] = {
        "d": job.field.d, "hidden": list(config.hidden), "sigma": config.sigma, "region": region,
        "grid_power": config.grid_power, "seed": seeds.child(job.spec.seed, "inverse"),
    }  # fmt: skip
    if isinstance(config, ValueInverseConfig):
        bridge = job.build("bridge", ValueBridge, blocks=list(config.blocks or (job.field.d,)), **common).attach(u)
    else:
        bridge = job.build("bridge", Bridge, fourier=config.fourier, **common)
    # M_theta may leave Omega by the error of u; the sampler starts inside, so the training does too.
    start = torch.cat([bridge.project(part) for part in m_train.split(65_536)])

    peers = neighbours(start, config.peers) if job.field.d <= LOOKUP_MAX_D and config.peers > 1 else None

    def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        pick = torch.randint(job.x.shape[0], (config.batch,), generator=generator).to(job.device)
        # One t from each of batch equal intervals: the same law with less variance than independent draws.
        uniform = (torch.arange(config.batch) + torch.rand(config.batch, generator=generator)) / config.batch
        t = (1 - (1 - uniform) ** config.time_power)[:, None].to(job.x)
        noise = torch.randn(config.batch, job.field.d, generator=generator).to(job.x)
        near = None if peers is None else job.x[peers[pick]]
        return bridge.loss(job.x[pick], start[pick], t, noise, near), {}

    loop = Loop(
        "inverse", "inverse.fit", {"bridge": bridge}, config.steps, config.lr, job.spec.seed, job.recorder,
        ema=config.ema,
    )  # fmt: skip
    return bridge, _finish(job, "inverse", bridge, loop, loss)


def _finish(job: _Job, name: str, module: nn.Module, loop: Loop, loss: Any) -> float:
    def put(done: dict[str, Any]) -> float:
        seconds = float(done["seconds"])
        load_weights(module, done["module"])
        return seconds

    kept = _kept(job, name, put)
    if kept is not None:
        return float(kept)
    seconds = loop.run(loss)
    job.recorder.save(f"{name}.done", {"module": module.state_dict(), "seconds": seconds})
    return seconds


def _assemble(
    job: _Job, u: ConvexPotential, v: MLP, m: MLP, bridge: Bridge, m_train: Tensor, m_test: Tensor
) -> PolarFactorization:
    field = job.field
    keep = max(256, min(KEPT_SAMPLES, KEPT_NUMBERS // field.d))
    samples = {
        "x_train": field.x_train[:keep], "y_train": field.y_train[:keep], "m_train": m_train[:keep].cpu().float(),
        "x_test": field.x_test[:keep], "y_test": field.y_test[:keep], "m_test": m_test[:keep].cpu().float(),
    }  # fmt: skip
    info = job.info | {
        "seconds": job.seconds, "networks": job.networks, "kind": field.kind, "n": field.n,
        "warnings": field.warnings, "provenance": field.provenance,
    }  # fmt: skip
    for module in (u, v, m, bridge):
        module.eval().requires_grad_(False)
    lattice = field.lattice.thinned() if field.lattice else None
    if lattice is not field.lattice and lattice is not None and field.lattice is not None:
        (rows, cols), (of_rows, of_cols) = lattice.shape, field.lattice.shape
        job.recorder.note(f"the bundle keeps F on {rows} x {cols} nodes of its grid of {of_rows} x {of_cols}")
        info["grid"] = [of_rows, of_cols]
    return PolarFactorization(
        u=u, v=v, m=m, bridge=bridge, scaling=field.scaling, units=field.units, rho=field.rho, low=field.low,
        high=field.high, field_name=field.name, field_spec=dataclasses.asdict(job.spec.field), samples=samples,
        info=info, function=field.function, sampler=job.spec.inverse.sampler,
        sampler_steps=job.spec.inverse.sampler_steps, guide_steps=job.spec.inverse.guide_steps,
        redraws=job.spec.inverse.redraws, lattice=lattice,
    )  # fmt: skip
