"""Samplers are registered: a file each here, and one from outside the package on the command line and in the form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from npf_engine import extensions
from npf_engine.cli import main
from npf_engine.errors import InputError
from npf_engine.sampling import sampler
from npf_engine.sampling.sampler import Sampler
from npf_engine.settings.dotted import with_dotted
from npf_engine.studies import kinds
from npf_engine.studies.landscape.spec import LandscapeSpec

OWN = ("lmc-npf-corrected", "lmc-npf", "lmc", "tempering", "nuts", "lmc-preconditioned")
WALK = '''
"""A walk that takes Langevin's step and forgets the slope."""

from npf_engine.sampling.sampler import Sampler, register


def run(setting, chains):
    from npf_engine.sampling.langevin import Langevin
    from npf_engine.sampling.setting import one_chain

    one_chain("walk", Langevin(setting.oracle, setting.settings, setting.region), setting, setting.steps_left(), chains)


register(Sampler("walk", "A walk", "It only walks.", run, stages={"stroll": "Strolling"}))
'''


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of a sampler that NPF_EXTENSIONS names."""
    path = tmp_path / "walk.py"
    path.write_text(WALK)
    monkeypatch.setenv(extensions.VARIABLE, str(path))
    monkeypatch.setattr(extensions, "_loaded", False)
    monkeypatch.setattr(sampler, "_known", {})
    monkeypatch.delitem(sys.modules, "walk", raising=False)


def test_the_projects_own_are_known_in_the_order_of_the_choices() -> None:
    assert sampler.names()[: len(OWN)] == OWN
    for name, item in sampler.known().items():
        assert item.name == name and item.title and item.about.endswith(".")
    assert [name for name, item in sampler.known().items() if item.own_law] == ["lmc-npf", "lmc-preconditioned"]
    with pytest.raises(InputError, match="there is no sampler 'gibbs'; the samplers are lmc-npf-corrected, lmc-npf"):
        sampler.get("gibbs")


def test_a_name_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "_known", {})
    mine = Sampler("mine", "Mine", "Mine.", print)
    sampler.register(mine)
    sampler.register(mine)
    for name in ("mine", "lmc"):
        with pytest.raises(ValueError, match="already"):
            sampler.register(Sampler(name, "Other", "Other.", print))


def test_no_torch_is_needed_to_know_them() -> None:
    asked = "import sys; from npf_engine.sampling import sampler; sampler.names(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.usefixtures("outside")
def test_one_from_outside_is_a_choice_with_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert sampler.names() == (*OWN[:3], "walk", *OWN[3:])
    stages = kinds.get("landscape").words.stages
    assert stages["walk"].title == "A walk" and stages["stroll"].title == "Strolling" and "tempering" in stages
    spec = with_dotted(LandscapeSpec(), {"method": "walk"})
    assert spec.method == "walk"
    with pytest.raises(InputError, match="only lmc-npf and lmc-preconditioned have a law of their own; walk is"):
        LandscapeSpec(method="walk", law="own")
    words = ["landscape", "double-well", "--particles", "4", "--steps", "20", "--json", "--method"]
    assert main([*words, "walk"]) == 0
    walked = json.loads(capsys.readouterr().out)
    assert main([*words, "lmc"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert walked["method"] == "walk" and walked["gradient_evaluations"] == plain["gradient_evaluations"] == 80
    assert main([*words, "gibbs"]) == 2
    assert "walk" in capsys.readouterr().err


@pytest.mark.usefixtures("outside")
def test_npf_sample_takes_it_in_a_box() -> None:
    import npf_engine as npf

    box: dict[str, Any] = {"low": [-1.0, -1.0], "high": [1.0, 1.0], "steps": 20}
    draws = npf.sample(lambda x: x.square().sum(1), 10, method="walk", **box)
    assert isinstance(draws, torch.Tensor) and draws.shape == (10, 2) and float(draws.abs().max()) <= 1
    with pytest.raises(InputError, match="walk takes up to 3 dimensions, not 4"):
        npf.sample(lambda x: x.square().sum(1), 10, method="walk", low=[-1.0] * 4, high=[1.0] * 4)


def test_no_network_is_spoken_of_where_the_factorization_is_known() -> None:
    for name in ("lmc-npf-corrected", "lmc-npf", "lmc-preconditioned"):
        about, law = sampler.get(name).texts(known=True)
        for word in ("network,", "networks", "fit", "Iψ", "learned"):
            assert word not in about and word not in law, (name, word)
    assert "networks" in sampler.get("lmc-npf-corrected").texts(known=False)[0]
    assert sampler.get("lmc").warning == "" and "1/|det Hessian|" in sampler.get("lmc-npf").warning
