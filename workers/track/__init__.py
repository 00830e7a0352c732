"""The tracker: puts the results of each camera back in order and publishes them."""
