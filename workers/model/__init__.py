"""The model tool: fetches, converts and describes pose networks, without torch."""
