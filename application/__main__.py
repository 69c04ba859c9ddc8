"""`python -m application`: the shop's command line."""

from sagaline.cli import run_process


def main() -> None:
    """Import it and run it."""
    from application.cli import main

    main()


run_process(main)
