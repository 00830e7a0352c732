"""Calibrations: read from files, kept for cameras, and made from pictures of a board and of known points."""
