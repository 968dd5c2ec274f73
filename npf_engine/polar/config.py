from npf_engine.settings import *  # noqa
