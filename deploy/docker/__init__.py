"""Images, and what is used to build them."""
