"""Watching posestream with Prometheus and Grafana: rules and alerts, dashboards and the code that makes them."""
