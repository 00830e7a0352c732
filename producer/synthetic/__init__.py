"""Synthetic people in a room, seen by cameras that are known: pictures, and the truth about them."""
