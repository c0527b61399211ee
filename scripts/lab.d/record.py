"""Records of the laboratory's programs: lines of JSON, with monotonic times that all of them share."""

import json
import time


class Record:
    def __init__(self, file):
        self.file = open(file, "a", buffering=1)

    def write(self, **values):
        self.file.write(json.dumps(values) + "\n")

    def request(self, client, began, failure=None, **values):
        """`failure` is its class, None for an answer that was whole and right."""
        self.write(client=client, began=began, ended=time.monotonic(), failure=failure, **values)


def read(file):
    try:
        with open(file) as lines:
            return [json.loads(line) for line in lines if line.endswith("\n")]
    except FileNotFoundError:
        return []
