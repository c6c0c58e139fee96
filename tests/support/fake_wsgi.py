"""The application with the bridge's stand-in, for gunicorn to serve in tests."""

import os

from app import create_app, receiving
from bridge.fake import FakeBridge

receiving.RECEIVE_SECONDS = float(os.environ.get("TEST_RECEIVE_SECONDS", "30"))

app = create_app(bridge=FakeBridge())
