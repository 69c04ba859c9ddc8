"""Logs the rebuild of a read table: its start, how far it is, and its end."""

from time import monotonic

from sagaline.messaging.logbook import fields, logger_of
from sagaline.rebuilding.progress import Progress, Rebuilt

PROGRESS_LOG_INTERVAL = 5.0
"""Seconds between two lines about the progress of one rebuild."""

log = logger_of(__name__)


class RebuildLog:
    """Logs the rebuild, or the verification, of one read table, and passes its progress on."""

    def __init__(self, view: str, verify: bool, progress: Progress) -> None:
        self._view = view
        self._verify = verify
        self._pass_on = progress
        self._logged_at = monotonic()
        text = "Compares %s with the logs" if verify else "Rebuilds %s from the logs"
        log.info(text, view, extra=fields(follower=view))

    def progress(self, view: str, passed: int, total: int) -> None:
        """Logs how far it is, from time to time."""
        if monotonic() - self._logged_at >= PROGRESS_LOG_INTERVAL:
            self._logged_at = monotonic()
            extra = fields(follower=view, passed=passed, total=total)
            log.info("%s: %d of %d log positions passed", view, passed, total, extra=extra)
        self._pass_on(view, passed, total)

    def end(self, result: Rebuilt) -> Rebuilt:
        """Logs the result, and returns it."""
        seconds = round(result.seconds, 3)
        facts = {"events": result.events, "rows": result.rows, "seconds": seconds}
        extra = fields(follower=self._view, **facts, differences=len(result.differences))
        if result.differences:
            log.warning("%s differs from the logs", self._view, extra=extra)
        else:
            text = "%s is the same, after %.1f s" if self._verify else "%s is rebuilt, in %.1f s"
            log.info(text, self._view, seconds, extra=extra)
        return result
