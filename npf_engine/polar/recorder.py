from npf_engine.recorder import Recorder  # noqa
