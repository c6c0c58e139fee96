"""Delivery of devices' events to their owners' receivers, by HTTP."""
