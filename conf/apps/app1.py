"""The demo application app1."""

from demo import create

application = create("app1")
