"""``python -m clusterproof`` is the ``clusterproof`` command."""

from clusterproof.cli import main

if __name__ == "__main__":
    main()
