"""Every error that Sagaline raises.

The arguments are attributes of the error, too; a class annotates those that code reads.
"""

from sagaline.errors.base import *
from sagaline.errors.command_line import *
from sagaline.errors.declarations import *
from sagaline.errors.events import *
from sagaline.errors.rows import *
from sagaline.errors.runs import *
from sagaline.errors.stores import *
from sagaline.errors.waiting import *
