"""What `python -m producer calibrate` does, a module for each command."""
