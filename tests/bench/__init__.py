"""Measures the service beside a yardstick, so that the figures mean something on any machine."""
