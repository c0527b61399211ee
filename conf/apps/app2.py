"""The demo application app2."""

from demo import create

application = create("app2")
