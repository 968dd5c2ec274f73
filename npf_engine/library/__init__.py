"""The library's front door: ten names, which npf_engine itself gives. Nothing here is computed anew."""
