"""Manifests for Kubernetes (Kustomize), and what makes some of them."""
