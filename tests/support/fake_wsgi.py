"""The application with the bridge's stand-in, for gunicorn to serve in tests."""

from app import create_app
from bridge.fake import FakeBridge

app = create_app(bridge=FakeBridge())
