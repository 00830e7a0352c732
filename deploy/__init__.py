"""Ways to run posestream: on one machine, in containers, on Kubernetes."""
