"""Examples of answers, for the OpenAPI document."""
