"""What travels in a bundle and runs without the engine. npf_model.py is assembled there, see assemble.py."""
