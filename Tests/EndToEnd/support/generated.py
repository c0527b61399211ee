"""How many examples generated tests try: few and the same each time, unless EXAMPLES asks for more."""

import os

from hypothesis import HealthCheck, configuration, settings

from . import REPOSITORY

configuration.set_hypothesis_home_dir(REPOSITORY / ".build" / "hypothesis")
ASKED = int(os.environ.get("EXAMPLES", "0"))


def examples(count):
    """`count` that are always the same; with EXAMPLES=N, N that are new each time."""
    return settings(max_examples=ASKED or count, derandomize=not ASKED, database=None, deadline=None,
                    suppress_health_check=list(HealthCheck))
