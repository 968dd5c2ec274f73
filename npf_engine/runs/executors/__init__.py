"""Where workers run: on this machine or as jobs of a cluster, all by one protocol."""

from npf_engine.runs.executors import command as command
from npf_engine.runs.executors import jobs as jobs
from npf_engine.runs.executors.executor import Executor as Executor
from npf_engine.runs.executors.executor import Loss as Loss
from npf_engine.runs.executors.executor import NotNow as NotNow
from npf_engine.runs.executors.executor import Worker as Worker
from npf_engine.runs.executors.registry import Executors as Executors
from npf_engine.runs.executors.registry import names as names
from npf_engine.runs.executors.registry import register as register
