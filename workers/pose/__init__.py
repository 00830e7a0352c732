"""The pose worker: takes frames, infers, decodes the people, finishes."""
