"""Run an experiment of NPF section 5 on the classifier: ``run_experiment``."""

from __future__ import annotations

from pathlib import Path

import torch

from npf_engine.errors import InputError
from npf_engine.fields.classifier import Classifier
from npf_engine.fields.digits import FOLDER, Digits, load_digits
from npf_engine.studies.classifier.bundling import write_model
from npf_engine.studies.classifier.factorize import run_flow, run_uniform
from npf_engine.studies.classifier.outcome import Outcome
from npf_engine.studies.classifier.result import ExperimentResult
from npf_engine.studies.classifier.sample import run_sampling
from npf_engine.studies.classifier.spec import ExperimentSpec
from npf_engine.tasks.recorder import Recorder
from npf_engine.tasks.restoring import restored

RUNNERS = {"5.3": run_uniform, "5.4": run_flow, "5.5": run_sampling}


def run_experiment(
    spec: ExperimentSpec,
    recorder: Recorder | None = None,
    folder: str | Path | None = None,
    digits: Digits | None = None,
) -> ExperimentResult:
    """Run experiment 5.3, 5.4 or 5.5.

    digits: default those of NPF_MNIST_DIR or the embedded ones; "data" says which. With a folder, particles.npz,
    figures.npz, best-weights.safetensors (a PyTorch state dict), result.json and, for 5.3 and 5.4, the factorization
    as a bundle (npf-....zip) are written there. The recorder keeps checkpoints; a broken experiment goes on from them.
    Raises InputError for a spec that cannot be run here and Cancelled when the recorder says so.
    """
    outcome, result = experiment_outcome(spec, recorder or Recorder(), digits)
    if folder is not None:
        outcome.write(Path(folder), result)
        if outcome.model is not None and outcome.accuracy is not None:
            write_model(outcome.model, outcome.accuracy, spec, Path(folder))
    return result


def experiment_outcome(
    spec: ExperimentSpec, recorder: Recorder, digits: Digits | None = None
) -> tuple[Outcome, ExperimentResult]:
    """As ``run_experiment``, with particles and networks in memory; nothing is written."""
    if spec.device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("No CUDA device can be used here; choose device cpu or the preset quick.")
    begin = recorder.clock()
    digits = digits or load_digits()
    _must_be_the_same(digits, recorder)
    recorder.note(digits.source)
    classifier = Classifier(digits, minibatch=spec.minibatch, device=spec.device)
    for warning in classifier.warnings:
        recorder.note(warning)
    outcome = RUNNERS[spec.experiment](classifier, spec, recorder)
    result = ExperimentResult(
        experiment=spec.experiment,
        preset=spec.preset,
        seed=spec.seed,
        data=digits.source,
        warnings=classifier.warnings,
        metrics=outcome.metrics,
        trivial=outcome.trivial,
        seconds=outcome.seconds | {"total": recorder.clock() - begin},
        samplers=outcome.samplers,
        verdict=outcome.verdict,
        fingerprint=outcome.fingerprint if outcome.model is None else outcome.model.fingerprint(),
    )
    return outcome, result


def _must_be_the_same(digits: Digits, recorder: Recorder) -> None:
    """Raise InputError where the run was begun on other digits: checkpoints of those would go into the answer."""
    kept = restored(recorder, "data", lambda state: str(state["name"]))
    if kept is None:
        recorder.save("data", {"name": digits.name})
    elif kept != digits.name:
        raise InputError(
            f"the experiment was begun on {kept} and cannot go on with {digits.name}: set {FOLDER} as it was, or begin "
            "it anew"
        )
