"""`python -m application`: the shop's command line."""

from application.cli import main
from sagaline.cli.signals import end_process

end_process(main)
