"""`python -m posestream.cli` is `posestream`."""

from posestream.cli import main

if __name__ == "__main__":
    main()
