"""The t-SNE of the laws: no sample is in both clouds, and its rows are the first samples of a run."""

from __future__ import annotations

import numpy as np

from npf_engine import resources
from npf_engine.bundle.package import read_bundle
from npf_engine.measures import embedded
from npf_engine.measures.linked import Evaluation


def test_no_sample_is_in_both_clouds_of_an_embedding() -> None:
    found = Evaluation.of_kept(read_bundle(resources.gallery() / "npf-himmelblau.zip").model())
    found.advance(found.quick)
    clouds, job = found.result().view.clouds, embedded.embeddings(found)["tsne_values"]
    half = embedded.POINTS // 2
    np.testing.assert_array_equal(job.a, clouds["field"][:half].astype(np.float32))
    np.testing.assert_array_equal(job.b, clouds["grad_u"][half : 2 * half].astype(np.float32))
    np.testing.assert_array_equal(embedded.laws(2 * half), np.repeat([0, 1], half))
