"""What the lab's methods are asked to transport: two laws, what is known of the map, and how an answer is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields import clouds
from npf_engine.fields.stored_files import path_of
from npf_engine.networks.classical_icnn import ClassicalICNN
from npf_engine.studies.lab.laws import drawn_from, drift_source, mixture, normal, seven_means
from npf_engine.tasks import child
from npf_engine.transport.functionals import standard_normal_gradient
from npf_engine.transport.gaussian import gaussian_map_of_moments
from npf_engine.transport.methods.method import Draw, Law, Map

NAMES = (
    "drift-mixture",
    "gaussian",
    "mixtures",
    "four-to-normal",
    "seven-gaussians",
    "convex",
    "digits",
    "digit-pixels",
)
FILES = (".csv", ".npz")
PIXELS = "digit-pixels"
FAILED_MMD = 0.03
FEWEST = 2
MAX_D = 128
TEST_SHARE = 0.15


@dataclass(frozen=True)
class Task:
    """Laws by samplers (n, generator) -> (n, d); ``test_*`` draw what no method has seen (other points of a cloud).

    true_map: known, then the metric is L2-UVP. grad_V: gradient of the target's potential V = -log density, where
    known. metric: l2_uvp, s_eps or mmd. failed_above: a run with a larger value failed; None: one that is no better
    than moving the mean. published: it is the experiment of a method's paper, which methods meet with the settings they
    were published with.
    """

    name: str
    title: str
    d: int
    source: Draw
    target: Draw
    metric: str = "s_eps"
    true_map: Map | None = None
    grad_V: Map | None = None
    failed_above: float | None = None
    test_source: Draw | None = None
    test_target: Draw | None = None
    cloud: int | None = None  # points of the smaller of two clouds
    identical: bool = False
    notes: tuple[str, ...] = ()  # what was done to the clouds of two files
    published: bool = False

    @property
    def laws(self) -> tuple[Law, Law]:
        """Source and target, as a method sees them."""
        return Law(self.source, self.cloud), Law(self.target, self.cloud, grad_V=self.grad_V)

    def test(self, n: int, seed: int) -> tuple[Tensor, Tensor]:
        """n unseen points of each law, (n, d) both."""
        # Far from the seeds of trainings, so that no draw repeats one of theirs.
        generator = seeds.generator(seed, "lab.test")
        return (self.test_source or self.source)(n, generator), (self.test_target or self.target)(n, generator)


def build_task(name: str, second: str | None = None, d: int | None = None) -> Task:
    """The task of a name, of a field of the app (``field:NAME``), or of two files. Raises InputError."""
    if second is not None:
        joined = clouds.pair(read_cloud(path_of(name)), read_cloud(path_of(second)))
        x, y = torch.from_numpy(joined.source), torch.from_numpy(joined.target)
        return replace(clouds_task(x, y, (Path(name).name, Path(second).name)), notes=joined.notes)
    if name.startswith("field:"):
        return _field_task(name.removeprefix("field:"))
    if name.lower().endswith(FILES):
        raise InputError(f"a transport needs two files, source and target; only {name} was given")
    makers = {
        "drift-mixture": _drift_mixture,
        "gaussian": _gaussian,
        "mixtures": _mixtures,
        "convex": _convex,
        "four-to-normal": _four_to_normal,
        "seven-gaussians": _seven_gaussians,
    }
    if name == "digits":
        return _digits()
    if name == PIXELS:
        return _digits(PIXELS)
    if name not in makers:
        raise InputError(
            f"there is no task {name!r}; it is one of {', '.join(NAMES)}, field:NAME (any field of the app), "
            "or two files"
        )
    if d is not None and not 1 <= d <= MAX_D:
        raise InputError(f"the dimension must lie between 1 and {MAX_D}, not {d}")
    if d not in (None, 2) and name in ("drift-mixture", "mixtures", "four-to-normal"):
        raise InputError(f"the task {name} lives in two dimensions; choose gaussian, convex or seven-gaussians for {d}")
    return makers[name](d or 2)


def _drift_mixture(d: int) -> Task:
    return Task(
        "drift-mixture",
        "Four modes to a normal, as in constrained drifting",
        2,
        drift_source(),
        normal(2),
        metric="mmd",
        grad_V=standard_normal_gradient,
        failed_above=FAILED_MMD,
        published=True,
    )


def _four_to_normal(d: int) -> Task:
    return Task(
        "four-to-normal", "Four modes to a normal", 2, drift_source(), normal(2), grad_V=standard_normal_gradient
    )


def _gaussian(d: int) -> Task:
    """d = 1: another mean and scale; d = 2: two correlated Gaussians; beyond: N(0, I) to N(0, diag(1..d)) (NPF 5.6)."""
    mean, target_mean = torch.zeros(d), torch.zeros(d)
    cov, target_cov = torch.eye(d), torch.diag(torch.arange(1.0, d + 1))
    if d == 1:
        target_mean, target_cov = torch.ones(1), torch.full((1, 1), 4.0)
    if d == 2:
        cov = torch.tensor([[1.0, 0.6], [0.6, 1.0]])
        target_mean, target_cov = torch.tensor([1.0, -0.5]), torch.tensor([[1.5, -0.7], [-0.7, 0.6]])
    S, m = gaussian_map_of_moments(mean.double(), cov.double(), target_mean.double(), target_cov.double())
    S, m, precision = S.float(), m.float(), torch.linalg.inv(target_cov)
    one = torch.ones(1)
    return Task(
        "gaussian",
        "Gaussian to Gaussian",
        d,
        mixture(mean[None], cov[None], one),
        mixture(target_mean[None], target_cov[None], one),
        metric="l2_uvp",
        true_map=lambda x: x @ S + m,
        grad_V=lambda y: (y - target_mean) @ precision,
    )


def _mixtures(d: int) -> Task:
    """Two to three components (seed 004), each of covariance 0.3 I."""

    def blobs(means: list[list[float]]) -> Draw:
        k = len(means)
        return mixture(torch.tensor(means), 0.3 * torch.eye(2).expand(k, 2, 2), torch.full((k,), 1.0 / k))

    source, target = blobs([[-2.0, 0.0], [2.0, 0.0]]), blobs([[-3.0, 1.0], [0.0, -1.0], [3.0, 1.0]])
    return Task("mixtures", "Two components to three", 2, source, target)


def _seven_gaussians(d: int) -> Task:
    """N(0, I) to seven Gaussians of covariance I .. 7 I (``seven_means``)."""
    covariances = torch.arange(1.0, 8.0)[:, None, None] * torch.eye(d)
    return Task(
        "seven-gaussians",
        "A normal to seven Gaussians",
        d,
        normal(d),
        mixture(seven_means(d), covariances, torch.full((7,), 1 / 7)),
    )


def _convex(d: int) -> Task:
    """The gradient of a random convex function, fixed for a dimension, is the map."""
    u = ClassicalICNN(d, [32, 32], spread=3.0, strong_convexity=0.3, seed=4)

    def true_map(x: Tensor) -> Tensor:
        with torch.no_grad():
            return u.gradient(x)

    source = normal(d)
    return Task(
        "convex",
        "Gradient of a random convex function",
        d,
        source,
        lambda n, generator: true_map(source(n, generator)),
        metric="l2_uvp",
        true_map=true_map,
    )


def _digits(name: str = "digits") -> Task:
    """Noise to handwritten digits: to their principal components, or pixel by pixel (seed 004, section 5)."""
    from npf_engine.fields.digits import load_digit_images
    from npf_engine.studies.lab.digit_codes import COMPONENTS, CodeSpace, noise

    images = load_digit_images()
    points, what = images.pixels, f"{images.pixels.shape[1]} pixels"
    if name != PIXELS:
        points, what = CodeSpace.of(points).encode(points), f"{COMPONENTS} principal components"
    train, test = _split(points)
    d = points.shape[1]
    law, unseen = drawn_from(train), drawn_from(test)
    return Task(name, f"Noise to {images.name}, {what}", d, noise(d), law, test_target=unseen, cloud=len(train))


def _field_task(name: str) -> Task:
    """rho to F#rho of a field; positions in model units, values in the field's."""
    from npf_engine.fields.catalog import resolve
    from npf_engine.fields.spec import FieldSpec

    found = resolve(FieldSpec(source=name))
    return Task(
        f"field:{name}",
        f"rho to F#rho of {found.name}",
        found.d,
        drawn_from(found.x_train),
        drawn_from(found.y_train),
        test_source=drawn_from(found.x_test),
        test_target=drawn_from(found.y_test),
        cloud=len(found.x_train),
    )


def clouds_task(x: Tensor, y: Tensor, names: tuple[str, str] = ("source", "target")) -> Task:
    """Two clouds (n, d), (m, d); 15 % of each are kept for the test where they have 40 points or more.

    Raises InputError for clouds that no map can be learned between. Identical clouds are transported by the identity:
    that is then the known map.
    """
    for cloud, name in ((x, names[0]), (y, names[1])):
        if cloud.shape[0] < FEWEST:
            raise InputError(f"{name} has {cloud.shape[0]} point{'s' * (cloud.shape[0] != 1)}; at least 2 are needed")
        if not torch.isfinite(cloud).all():
            raise InputError(f"{name} holds values that are empty or not finite; remove those rows")
    if x.shape[1] != y.shape[1]:
        raise InputError(
            f"{names[0]} has {x.shape[1]} columns and {names[1]} {y.shape[1]}; a map needs clouds of one dimension"
        )
    if x.shape[1] > MAX_D:
        raise InputError(f"the clouds have {x.shape[1]} columns; at most {MAX_D} are taken")
    for cloud, name in ((x, names[0]), (y, names[1])):
        if (cloud == cloud[0]).all():
            raise InputError(f"all points of {name} are the same; a map needs a cloud that varies")
    identical = x.shape == y.shape and bool(torch.equal(x, y))
    x_train, x_test = _split(x)
    y_train, y_test = _split(y)
    return Task(
        "clouds",
        f"{names[0]} to {names[1]}",
        x.shape[1],
        drawn_from(x_train),
        drawn_from(y_train),
        metric="l2_uvp" if identical else "s_eps",
        true_map=(lambda z: z) if identical else None,
        test_source=drawn_from(x_test),
        test_target=drawn_from(y_test),
        cloud=min(len(x_train), len(y_train)),
        identical=identical,
    )


def _split(x: Tensor) -> tuple[Tensor, Tensor]:
    """Training and test points; both are all of them where there are few."""
    if len(x) < 40:
        return x, x
    order = torch.randperm(len(x), generator=seeds.generator(0, "lab.order"))
    kept = round(TEST_SHARE * len(x))
    return x[order[kept:]], x[order[:kept]]


def read_cloud(path: Path) -> clouds.Cloud:
    """The points of a .csv (all columns of numbers, a header) or an .npz (array ``x``, or its only one).

    The file is parsed in a child with limits. Raises InputError for what cannot be read.
    """
    if not path.is_file():
        raise InputError(f"there is no file at {path}; check the path")
    return child.call(clouds.read_points, path, what=path.name, returns=(clouds.Cloud,))
