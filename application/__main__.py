"""`python -m application`: the shop's command line."""

from application.cli import main

main()
