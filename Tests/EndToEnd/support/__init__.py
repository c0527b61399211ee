"""The other ends of the wire: authorities, real uWSGI, scripted peers, clients, and the proxy itself."""

import pathlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
