"""The papers' numbered tables and figures, each as a run: what is drawn, the papers' numbers, and ours beside them."""
