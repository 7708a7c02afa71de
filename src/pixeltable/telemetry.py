"""What the system says about itself while it runs."""

import logging

log = logging.getLogger("pixeltable")
log.addHandler(logging.NullHandler())
