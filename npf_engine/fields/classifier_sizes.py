"""The numbers of the small classifier of fields/classifier.py, without torch: settings are made by them alone."""

from __future__ import annotations

SIZES = (25, 1, 25, 1, 160, 10)  # weights of each part
NAMES = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "dense.weight", "dense.bias")
SHAPES = ((1, 1, 5, 5), (1,), (1, 1, 5, 5), (1,), (10, 16), (10,))
DIMENSION = sum(SIZES)  # 222
MINIBATCH = 128  # images (NPF 5.3)
