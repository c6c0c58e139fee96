"""What the service remembers, in its own database. Device keys are the bridge's, kept elsewhere."""
