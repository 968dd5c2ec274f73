"""What several pages share: run picker, live progress, empty and error states."""
