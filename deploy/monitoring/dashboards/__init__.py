"""The Grafana dashboards as code: what is in `deploy/monitoring/grafana` is made from here."""
