"""The Monge lab: many ways to learn a Brenier map, on the same data, by the same clock and measures."""

from npf_engine.studies.lab.run import run_lab
from npf_engine.studies.lab.spec import LabSpec

__all__ = ["LabSpec", "run_lab"]
