"""The producer application: frame sources into Redis Streams."""
