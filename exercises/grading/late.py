"""Late submissions, as a plugin of nbgrader."""

import math

from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float

DAY = 24 * 60 * 60


class PerDay(LateSubmissionPlugin):
    """Takes off a share of the points reached for each day begun after the due date."""

    percent = Float(10.0, help="percent of the points reached, for each day begun").tag(config=True)

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        """The points to take off: never more than there are."""
        days = math.ceil(total_seconds_late / DAY)
        return round(min(score, score * days * self.percent / 100), 2)
