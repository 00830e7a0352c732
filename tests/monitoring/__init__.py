"""posestream watched by a real Prometheus: for the tests of dashboards and alerts, and for the pictures in the docs."""
