"""What the applications share: settings, logging, metrics, health and backoff. Not imported by the SDK."""
